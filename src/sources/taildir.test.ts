// The taildir source on real files: what happens to files, and what the events and the position file say of it.
import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { after, test } from 'node:test'
import { Fault } from '../errors.ts'
import { checked } from '../../test/checked.ts'
import { TailStage } from '../../test/tail-stage.ts'

const root = fs.mkdtempSync(join(tmpdir(), 'millrace-taildir-'))
after(() => fs.rmSync(root, { recursive: true, force: true }))
let stages = 0
const stage = (given: Record<string, unknown> = {}) => new TailStage(join(root, String(++stages)), given)

test('lines become events, without their ends; a line without one waits for it', async () => {
  const tail = stage()
  tail.write('a.log', 'one\ntwo\r\n\nthr')
  tail.write('not mine', 'x\n')
  await tail.start()
  assert.deepEqual(await tail.pass(), ['one', 'two', ''])
  assert.deepEqual(await tail.pass(), [])
  tail.append('a.log', 'ee\r')
  assert.deepEqual(await tail.pass(), [])
  tail.append('a.log', '\nfour\n')
  assert.deepEqual(await tail.pass(), ['three', 'four'])
  await tail.stop()
  assert.deepEqual(tail.positions(), [{ inode: tail.inode('a.log'), pos: 22, file: tail.path('a.log') }])
  const { counters } = tail.context
  assert.equal(counters.get('EventReceivedCount'), 5)
  assert.equal(counters.get('EventAcceptedCount'), 5)
  assert.equal(counters.get('AppendBatchReceivedCount'), 2)
  assert.equal(counters.get('AppendBatchAcceptedCount'), 2)
})

test('a start goes on where the position file says, under the same name', async () => {
  const tail = stage()
  tail.write('a.log', 'one\ntwo\n')
  tail.write(
    'positions.json',
    JSON.stringify([{ inode: Number(tail.inode('a.log')), pos: 4, file: tail.path('a.log') }]),
  )
  await tail.start()
  assert.deepEqual(await tail.pass(), ['two'])
})

test('a batch has as many lines as batchSize says, and a file so many batches in a row as maxBatchCount does', async () => {
  const tail = stage({ batchSize: 2, maxBatchCount: 2 })
  tail.write('a.log', '1\n2\n3\n4\n5\n6\n7\n')
  tail.write('b.log', 'x\n')
  tail.age('a.log', 10)
  await tail.start()
  assert.deepEqual(await tail.pass(), ['1', '2', '3', '4', 'x'])
  assert.deepEqual(tail.batches, [2, 2, 1])
  assert.deepEqual(await tail.pass(), ['5', '6', '7'])
})

test('headers: of the group, the offset of the line and the path of the file', async () => {
  const tail = stage({
    filegroups: ['g', 'h'],
    'filegroups.': { g: 'a\\.log', h: '.*\\.log' },
    headers: { 'g.kind': 'first', 'h.kind': 'second', 'h.byteoffset': 'mine' },
    byteOffsetHeader: true,
    fileHeader: true,
    fileHeaderKey: 'path',
  })
  tail.write('a.log', 'äö\r\nx\n')
  tail.write('b.log', 'y\n')
  tail.age('a.log', 5)
  await tail.start()
  await tail.pass()
  assert.deepEqual(
    tail.events.map(event => Object.fromEntries(event.headers)),
    [
      { byteoffset: '0', kind: 'first', path: tail.path('a.log') },
      { byteoffset: '6', kind: 'first', path: tail.path('a.log') },
      { byteoffset: 'mine', kind: 'second', path: tail.path('b.log') },
    ],
  )
})

test('a file that is renamed to a name of its group goes on where it was', async () => {
  const tail = stage({ 'filegroups.': { g: 'a\\.log.*' } })
  tail.write('a.log', 'one\n')
  await tail.start()
  assert.deepEqual(await tail.pass(), ['one'])
  tail.append('a.log', 'two\n')
  tail.rename('a.log', 'a.log.1')
  tail.write('a.log', 'three\n')
  assert.deepEqual((await tail.pass()).sort(), ['three', 'two'])
  assert.deepEqual(await tail.pass(), [])
})

for (const isOpen of [true, false])
  test(`a file that is renamed to a name of no group is read to its end, ${isOpen ? 'open' : 'closed'} before`, async () => {
    const tail = stage({ idleTimeout: 5000 })
    tail.write('a.log', 'one\n')
    await tail.start()
    assert.deepEqual(await tail.pass(), ['one'])
    if (!isOpen) tail.sleep(6000)
    await tail.pass()
    assert.equal(tail.openFiles('a.log'), isOpen ? 1 : 0)
    tail.append('a.log', 'two\nrest')
    tail.rename('a.log', 'a.old')
    tail.write('a.log', 'three\n')
    assert.deepEqual((await tail.pass()).sort(), ['three', 'two'])
    tail.append('a.old', ' of it\n')
    assert.deepEqual(await tail.pass(), ['rest of it'])
    tail.sleep(6000)
    await tail.pass()
    assert.equal(tail.openFiles('a.old'), 0)
  })

test('a file that was renamed while no agent ran is read to its end, and one with its inode from its beginning', async t => {
  const tail = stage()
  tail.write('a.log', 'one\ntwo\n')
  tail.write('b.log', 'gone\n')
  const inode = tail.inode('b.log')
  await tail.start()
  await tail.pass()
  await tail.stop()
  tail.append('a.log', 'three\n')
  tail.rename('a.log', 'a.log.1')
  tail.remove('b.log')
  if (!tail.untilInode('c.log', inode, 'new one\n')) return t.skip('inodes are not used again here')
  await tail.start()
  assert.deepEqual((await tail.pass()).sort(), ['new one', 'three'])
})

test('a file that is deleted while it is read is read to its end, and one of the same name from its beginning', async () => {
  const tail = stage()
  tail.write('a.log', 'one\n')
  await tail.start()
  await tail.pass()
  tail.append('a.log', 'two\n')
  tail.remove('a.log')
  tail.write('a.log', 'three, longer\n')
  assert.deepEqual((await tail.pass()).sort(), ['three, longer', 'two'])
  tail.sleep(200_000)
  await tail.pass()
  assert.equal(tail.openFiles('a.log'), 0)
})

test('an inode that is used again is another file', async t => {
  const tail = stage({ idleTimeout: 0 })
  tail.write('a.log', 'one\ntwo\n')
  await tail.start()
  await tail.pass()
  const inode = tail.inode('a.log')
  tail.remove('a.log')
  if (!tail.untilInode('b.log', inode, 'three\nfour\nfive\n')) return t.skip('inodes are not used again here')
  assert.deepEqual(await tail.pass(), ['three', 'four', 'five'])
})

test('a file that is truncated is read from its beginning, however long it is by then', async () => {
  const tail = stage()
  tail.write('a.log', 'one\ntwo\n')
  await tail.start()
  await tail.pass()
  tail.write('a.log', 'three\n')
  assert.deepEqual(await tail.pass(), ['three'])
  tail.write('a.log', 'four\nand more than was there\n')
  assert.deepEqual(await tail.pass(), ['four', 'and more than was there'])
  tail.write('a.log', 'five\nand just as much as was\n')
  assert.deepEqual(await tail.pass(), ['five', 'and just as much as was'])
})

test('a file that was read by an earlier run is known by its bytes too', async () => {
  const tail = stage()
  tail.write('a.log', 'one\ntwo\n')
  await tail.start()
  await tail.pass()
  await tail.stop()
  await tail.start()
  assert.equal(tail.openFiles('a.log'), 0)
  tail.write('a.log', 'four\nand more than was there\n')
  assert.deepEqual(await tail.pass(), ['four', 'and more than was there'])
})

test('a writer that goes on at its old place after a truncation is followed there', async () => {
  const tail = stage()
  tail.write('a.log', 'one\n'.repeat(50))
  await tail.start()
  await tail.pass()
  const file = fs.openSync(tail.path('a.log'), 'r+')
  fs.ftruncateSync(file, 0)
  fs.writeSync(file, 'two\n', 200)
  fs.closeSync(file)
  assert.deepEqual(await tail.pass(), ['two'])
})

test('a file that is idle is closed, its last line without newline is handed over, and more is read later', async () => {
  const tail = stage({ idleTimeout: 1000 })
  tail.write('a.log', 'one\ntw')
  await tail.start()
  assert.deepEqual(await tail.pass(), ['one'])
  tail.sleep(900)
  assert.deepEqual(await tail.pass(), [])
  assert.equal(tail.openFiles('a.log'), 1)
  tail.sleep(200)
  assert.deepEqual(await tail.pass(), ['tw'])
  assert.equal(tail.openFiles('a.log'), 0)
  tail.append('a.log', 'o\nthree\n')
  assert.deepEqual(await tail.pass(), ['o', 'three'])
})

test('skipToEnd leaves out what was there at the first start, and nothing later', async () => {
  const tail = stage({ skipToEnd: true })
  tail.write('a.log', 'old\n')
  await tail.start()
  tail.append('a.log', 'one\n')
  tail.write('b.log', 'two\n')
  assert.deepEqual((await tail.pass()).sort(), ['one', 'two'])
  tail.kill()
  tail.append('a.log', 'three\n')
  await tail.start()
  assert.ok((await tail.pass()).includes('three'), 'the position of the start was written')
})

test('a line that is longer than the limit comes in parts, cut between characters', async () => {
  const tail = stage({ maxLineBytes: 10, byteOffsetHeader: true })
  tail.write('a.log', `${'x'.repeat(10)}\r\n${'ä'.repeat(12)}\n${'y'.repeat(11)}\nz\n`)
  await tail.start()
  const parts = ['x'.repeat(10), 'ä'.repeat(5), 'ä'.repeat(5), 'ää', 'y'.repeat(10), 'y', 'z']
  assert.deepEqual(await tail.pass(), parts)
  assert.deepEqual(
    tail.events.map(event => event.headers.get('byteoffset')),
    ['0', '12', '22', '32', '37', '47', '49'],
  )
  assert.equal(tail.context.counters.own.get('lines_cut'), 3)
  assert.match(
    tail.context.log.lines.join('\n'),
    /the line at byte 12 of \S+a\.log is longer than maxLineBytes = 10/,
  )
})

test('long lines, binary garbage and characters cut by reads are the bytes of the file', async () => {
  const tail = stage({ maxLineBytes: 3_000_000 })
  const lines = [
    Buffer.from('é€😀'.repeat(500_000).slice(0, 1_300_000)).subarray(0, 2_900_000),
    Buffer.from(
      Array.from({ length: 5000 }, (_, index) => (index * 7919) % 256).filter(
        byte => byte !== 10 && byte !== 13,
      ),
    ),
    Buffer.alloc(100_000),
    ...Array.from({ length: 20_000 }, (_, index) => Buffer.from(`${'☃'.repeat(index % 100)}${index}`)),
  ]
  fs.writeFileSync(tail.path('a.log'), Buffer.concat(lines.flatMap(line => [line, Buffer.from('\n')])))
  await tail.start()
  await tail.pass()
  assert.equal(tail.events.length, lines.length)
  for (const [index, { body }] of tail.events.entries())
    assert.ok(body.equals(lines[index]!), `line ${index}`)
})

test('a line that grows is looked through once', async () => {
  const tail = stage()
  tail.write('a.log', 'x'.repeat(500_000))
  await tail.start()
  await tail.pass()
  const before = tail.bytesRead
  for (let part = 0; part < 20; part++) {
    tail.append('a.log', 'y')
    assert.deepEqual(await tail.pass(), [])
  }
  assert.ok(tail.bytesRead - before < 1000, `${tail.bytesRead - before} bytes`)
  tail.append('a.log', '\n')
  assert.equal((await tail.pass())[0]!.length, 500_020)
})

test('two names of one file are read once, and no directory, pipe or link to nothing is', async () => {
  const tail = stage()
  tail.write('a.log', 'one\n')
  fs.linkSync(tail.path('a.log'), tail.path('b.log'))
  fs.symlinkSync(tail.path('a.log'), tail.path('c.log'))
  fs.symlinkSync(tail.path('none'), tail.path('d.log'))
  fs.mkdirSync(tail.path('e.log'))
  fs.symlinkSync('/dev/zero', tail.path('f.log'))
  await tail.start()
  assert.deepEqual(await tail.pass(), ['one'])
  tail.append('b.log', 'two\n')
  assert.deepEqual(await tail.pass(), ['two'])
  assert.deepEqual(await tail.pass(), [])
})

test('what a channel did not take is read again, in order, and nothing before it', async () => {
  const tail = stage({ batchSize: 1 })
  tail.write('a.log', '1\n2\n3\n4\n')
  let isRefused = true
  tail.put = async ([event]) => {
    if (isRefused && event!.body.toString() === '3') throw new Fault('STATE_MISSING', 'no')
  }
  await tail.start()
  await assert.rejects(tail.pass(), { code: 'STATE_MISSING' })
  assert.deepEqual(tail.bodies(), ['1', '2'])
  await tail.stop()
  assert.equal(tail.positions()[0]!.pos, 4)
  isRefused = false
  await tail.start()
  assert.deepEqual(await tail.pass(), ['3', '4'])
})

test('while a channel takes nothing, files that come and are renamed are noticed', async () => {
  const tail = stage()
  tail.write('a.log', 'one\n')
  const gate = Promise.withResolvers<void>()
  tail.put = () => gate.promise
  await tail.start()
  const pass = tail.pass()
  tail.write('b.log', 'two\n')
  await tail.untilOpen('b.log')
  tail.rename('b.log', 'b.old')
  tail.remove('b.old')
  gate.resolve()
  await pass
  await tail.pass()
  assert.deepEqual(tail.bodies(), ['one', 'two'])
})

test('a file that cannot be read is named, and the others are read', async () => {
  const tail = stage()
  tail.write('a.log', 'one\n')
  tail.write('b.log', 'two\n')
  tail.refuse = path => path.endsWith('a.log')
  await tail.start()
  assert.deepEqual(await tail.pass(), ['two'])
  await tail.pass()
  assert.match(tail.context.health().join(), /a\.log cannot be read: EACCES/)
  assert.equal(tail.context.counters.get('EventReadFail'), 1)
  tail.refuse = () => false
  assert.deepEqual(await tail.pass(), ['one'])
  assert.deepEqual(tail.context.health(), [])
})

test('a directory that is missing is named, the other groups are read, and its positions stay', async () => {
  const given = { filegroups: ['g', 'h'], 'filegroups.': { g: '.*\\.log', h: 'sub/.*' } }
  const tail = stage(given)
  fs.mkdirSync(tail.path('sub'))
  tail.write('sub/b', 'done\n')
  tail.write('a.log', 'one\n')
  await tail.start()
  await tail.pass()
  await tail.stop()
  tail.rename('sub', 'away')
  tail.append('a.log', 'two\n')
  await tail.start()
  assert.match(tail.context.health().join(), /directory \S+sub of group h cannot be listed: ENOENT/)
  assert.deepEqual(await tail.pass(), ['two'])
  await tail.stop()
  await tail.start()
  tail.rename('away', 'sub')
  tail.append('sub/b', 'three\n')
  assert.deepEqual(await tail.pass(), ['three'])
  assert.deepEqual(tail.context.health(), [])
})

test('a position file that ends early counts as far as it goes, and is kept', async () => {
  const tail = stage({ skipToEnd: true })
  tail.write('a.log', 'one\ntwo\n')
  tail.write('b.log', 'three\n')
  const entry = (name: string) => `{"inode":${tail.inode(name)},"pos":4,"file":"${tail.path(name)}"}`
  const damaged = `[${entry('a.log')},${entry('b.log').slice(0, -9)}`
  tail.write('positions.json', damaged)
  await tail.start()
  assert.deepEqual((await tail.pass()).sort(), ['three', 'two'])
  assert.equal(fs.readFileSync(tail.path('positions.json.damaged'), 'utf8'), damaged)
  assert.match(tail.context.log.lines.join('\n'), /is damaged: 1 of its entries can be used/)
})

test('what is no position file is refused and stays as it is', async () => {
  const tail = stage()
  tail.write('positions.json', 'something else\n')
  await assert.rejects(tail.start(), { code: 'CORRUPT' })
  assert.equal(fs.readFileSync(tail.path('positions.json'), 'utf8'), 'something else\n')
  tail.write('positions.json', '')
  await tail.start()
})

test('a position file that cannot be written is named, and reading goes on', async () => {
  const tail = stage({ writePosInterval: 0 })
  tail.write('a.log', 'one\n')
  tail.refuse = path => path.endsWith('positions.json.new')
  await tail.start()
  assert.deepEqual(await tail.pass(), ['one'])
  assert.match(tail.context.health().join(), /positions\.json cannot be written: EACCES/)
  tail.refuse = () => false
  await tail.pass()
  assert.deepEqual(tail.context.health(), [])
  assert.equal(tail.positions()[0]!.pos, 4)
})

test('inodes beyond 2^53 keep their digits', async () => {
  const tail = stage()
  tail.inodeOf = () => '18446744073709551557'
  tail.write('a.log', 'one\n')
  await tail.start()
  await tail.pass()
  await tail.stop()
  assert.match(fs.readFileSync(tail.path('positions.json'), 'utf8'), /"inode":18446744073709551557,/)
  tail.append('a.log', 'two\n')
  await tail.start()
  assert.deepEqual(await tail.pass(), ['two'])
})

test('a check says what is wrong with groups, headers and the position file, and changes nothing', async () => {
  const tail = stage()
  tail.write('file', '')
  const conf = (lines: readonly string[]) => {
    const own = lines.map(line => `A.sources.t.${line}`)
    const all = [
      'sources = t',
      'channels = c',
      'sources.t.type = TAILDIR',
      'sources.t.channels = c',
      'channels.c.type = memory',
    ]
    tail.write('a.conf', [...all.map(line => `A.${line}`), ...own, ''].join('\n'))
    return checked(['-n', 'A', '-f', tail.path('a.conf')])
  }
  const wrong = await conf([
    'filegroups = g h i',
    `filegroups.g = ${tail.directory}/*.log`,
    'filegroups.h = app.log',
    `filegroups.j = ${tail.directory}/.*`,
    'headers.g = x',
    'headers.k.a = x',
  ])
  assert.equal(wrong.code, 2)
  for (const said of [
    /filegroups\.g: "\*\.log" is no expression for file names/,
    /filegroups\.h: "app\.log" names no file in a directory/,
    /filegroups names i, of which there is no filegroups\.i/,
    /filegroups\.j has no effect/,
    /headers\.g names no group/,
    /headers\.k\.a has no effect/,
  ])
    assert.match(wrong.output, said)
  const away = await conf([
    'filegroups = g',
    `filegroups.g = ${tail.path('none')}/.*`,
    `positionFile = ${tail.path('file')}/positions.json`,
  ])
  assert.match(
    away.output,
    /warning: A\.sources\.t\.filegroups\.g: its files are not read at present: \S+none does not exist/,
  )
  assert.match(away.output, /error: A\.sources\.t\.positionFile: file \S+ cannot be used/)
  const right = await conf([
    'filegroups = g',
    `filegroups.g = ${tail.directory}/.*`,
    `positionFile = ${tail.path('new')}/positions.json`,
  ])
  assert.equal(right.code, 0, right.output)
  assert.ok(!fs.existsSync(tail.path('new')))
})

test('its own position file is no file of its', async () => {
  const tail = stage({ 'filegroups.': { g: '.*' }, writePosInterval: 0 })
  tail.write('a.log', 'one\n')
  await tail.start()
  assert.deepEqual(await tail.pass(), ['one'])
  assert.deepEqual(await tail.pass(), [])
  await tail.stop()
  await tail.start()
  assert.deepEqual(await tail.pass(), [])
})

test('a file that is truncated while it is read is read from its beginning afterwards', async () => {
  const tail = stage({ batchSize: 1, maxLineBytes: 10_000_000 })
  tail.write('a.log', `one\n${'x'.repeat(5_000_000)}`)
  tail.put = async () => {
    tail.write('a.log', `one\n${'y'.repeat(2_000_000)}`)
    tail.put = async () => {}
  }
  await tail.start()
  assert.deepEqual(await tail.pass(), ['one'])
  tail.append('a.log', '\n')
  assert.deepEqual(await tail.pass(), ['y'.repeat(2_000_000)])
})

test('a clock that goes back changes nothing', async () => {
  const tail = stage({ idleTimeout: 1000 })
  tail.write('a.log', 'one\n')
  await tail.start()
  assert.deepEqual(await tail.pass(), ['one'])
  tail.wallShiftMs = -10 * 365 * 86_400_000
  tail.append('a.log', 'two\n')
  tail.write('b.log', 'three\n')
  assert.deepEqual((await tail.pass()).sort(), ['three', 'two'])
  tail.write('c.log', 'four\n')
  assert.deepEqual(await tail.pass(), ['four'])
})
