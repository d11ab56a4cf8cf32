// Reading what real Flume left (golden/flume), whole and damaged: what is delivered is what Flume delivered, and
// what cannot be read is told, each place of it.
import assert from 'node:assert/strict'
import { createCipheriv } from 'node:crypto'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, it } from 'node:test'
import { flumeDecrypter } from '../../src/channels/file/flume/decrypter.ts'
import { readFlumeChannel, type FlumeDirectories } from '../../src/channels/file/flume/flume-channel.ts'
import { realDisk } from '../../src/system/disk.ts'
import { rejectsWith } from '../contracts/channel-events.ts'
import { deliveredOf, flumeLine, putOnDisk, recordings } from './flume-recording.ts'

const made: string[] = []
after(() => made.forEach(one => rmSync(one, { recursive: true })))

const [oneKilled, threeKilled] = ['one-killed', 'three-killed'].map(name =>
  recordings.find(one => one.name === name)!,
)

async function copyOf(recording = oneKilled!) {
  const home = mkdtempSync(join(tmpdir(), 'millrace-flume-'))
  made.push(home)
  await putOnDisk(recording, realDisk, home)
  const data = recording.data.map(one => join(home, one))
  return {
    checkpoint: join(home, 'checkpoint'),
    data,
    log: (id: number) => join(data[0]!, `log-${id}`),
    read: (more: Partial<FlumeDirectories> = {}) =>
      read({ checkpointDirectory: join(home, 'checkpoint'), dataDirectories: data, ...more }),
  }
}

async function read(directories: FlumeDirectories) {
  const channel = await readFlumeChannel(realDisk, directories)
  const lines: string[] = []
  let largest = 0
  for await (const batch of channel.batches({ events: 7, bytes: 1_000_000 })) {
    largest = Math.max(largest, batch.length)
    lines.push(...batch.map(flumeLine))
  }
  return { lines, largest, channel, problems: channel.damage.map(one => one.message) }
}

function change(path: string, edit: (bytes: Buffer) => Buffer | void): void {
  const bytes = readFileSync(path)
  writeFileSync(path, edit(bytes) ?? bytes)
}

const idsOf = (data: string): number[] =>
  readdirSync(data)
    .flatMap(name => (/^log-\d+$/.test(name) ? [Number(name.slice(4))] : []))
    .sort((a, b) => a - b)

/** Where the body of the event that became this line stands, or null. */
function findBody(directory: string, line: string): { path: string; at: number } | null {
  const [, source, body] = /^\{from=(\w+)\} (\d+)$/.exec(line)!
  const text = `\x12${String.fromCharCode(source!.length)}${source}\x12${String.fromCharCode(body!.length)}${body}`
  for (const id of idsOf(directory)) {
    const path = join(directory, `log-${id}`)
    // What follows is the field of the checksum.
    const at = readFileSync(path).indexOf(Buffer.from(`${text}\x11`, 'latin1'))
    if (at >= 0) return { path, at: at + 2 + source!.length + 2 }
  }
  return null
}

const isIn = (directory: string, line: string): boolean => findBody(directory, line) !== null

function bodyIn(directory: string, line: string): { path: string; at: number } {
  const found = findBody(directory, line)
  assert.ok(found !== null, `${line} is in no log`)
  return found
}

for (const recording of recordings)
  it(`${recording.name}: gives what Flume delivered, in batches`, async () => {
    const { read: readCopy } = await copyOf(recording)
    const { lines, largest, channel, problems } = await readCopy()
    assert.deepEqual(lines, deliveredOf(recording))
    assert.equal(channel.events, lines.length)
    assert.equal(largest, 7)
    assert.deepEqual(problems, [])
  })

it('needs the checkpoint where there are several data directories, and says so where it has none', async () => {
  const wanted = deliveredOf(threeKilled!)
  const damages: [(checkpoint: string) => void, RegExp][] = [
    [path => rmSync(join(path, 'checkpoint')), /is missing/],
    [path => rmSync(join(path, 'checkpoint.meta')), /checkpoint.meta is missing/],
    [path => change(join(path, 'checkpoint'), bytes => void bytes.writeBigInt64BE(1n, 32)), /being written/],
    [path => change(join(path, 'checkpoint'), bytes => void bytes.writeBigInt64BE(9n, 8)), /same moment/],
    [path => change(join(path, 'checkpoint'), bytes => bytes.subarray(0, 1029 * 8)), /too short/],
    [path => change(join(path, 'inflighttakes'), bytes => void (bytes[3]! ^= 1)), /fails its checksum/],
    [path => rmSync(join(path, 'inflighttakes')), /inflighttakes is missing/],
  ]
  for (const [damage, why] of damages) {
    const copy = await copyOf(threeKilled)
    damage(copy.checkpoint)
    const { lines, problems } = await copy.read()
    assert.equal(problems.length, 1)
    assert.match(problems[0]!, why)
    assert.match(problems[0]!, /not used.*all logs were replayed.*may come again/)
    assert.ok(lines.length > wanted.length)
    assert.deepEqual(
      lines.filter(line => wanted.includes(line)),
      wanted,
    )
  }
})

it('uses the copy of a checkpoint that is not whole', async () => {
  const wanted = deliveredOf(threeKilled!)
  const being = (bytes: Buffer): void => void bytes.writeBigInt64BE(1n, 32)
  const withCopy = async (damage: (backup: string) => void) => {
    const copy = await copyOf(threeKilled)
    const backupDirectory = join(copy.checkpoint, '../backup')
    cpSync(copy.checkpoint, backupDirectory, { recursive: true })
    writeFileSync(join(backupDirectory, 'backupComplete'), '')
    change(join(copy.checkpoint, 'checkpoint'), being)
    damage(backupDirectory)
    return await copy.read({ backupDirectory })
  }
  const { lines, problems } = await withCopy(() => {})
  assert.deepEqual(lines, wanted)
  assert.equal(problems.length, 1)
  assert.match(problems[0]!, /not used: .* being written; its copy in \S+\/backup was used instead/)
  const damages: [(backup: string) => void, RegExp][] = [
    [backup => rmSync(join(backup, 'backupComplete')), /backup has no backupComplete; all logs/],
    [backup => rmSync(backup, { recursive: true }), /backup has no backupComplete; all logs/],
    [backup => writeFileSync(join(backup, 'checkpoint.snappy'), ''), /compressed.*all logs/],
    [backup => change(join(backup, 'checkpoint'), being), /being written; all logs/],
  ]
  for (const [damage, why] of damages) {
    const replayed = await withCopy(damage)
    assert.equal(replayed.problems.length, 2)
    assert.match(replayed.problems[0]!, /being written$/)
    assert.match(replayed.problems[1]!, why)
    assert.ok(replayed.lines.length > wanted.length)
  }
})

it('passes over a checkpoint that points to where no event is', async () => {
  const copy = await copyOf(threeKilled)
  // Of each pointer in the ring that is in use, the position.
  change(join(copy.checkpoint, 'checkpoint'), bytes => {
    for (let at = 1029 * 8; at < bytes.length; at += 8)
      if (bytes.readUInt32BE(at) !== 0) bytes.writeUInt32BE(bytes.readUInt32BE(at + 4) + 1, at + 4)
  })
  const { lines, problems } = await copy.read()
  assert.match(problems[0]!, /not used: at \d+ places to which it points there is no event/)
  assert.ok(lines.length > deliveredOf(threeKilled!).length)
})

it('refuses where a log is missing to which the checkpoint points', async () => {
  const wanted = deliveredOf(threeKilled!)
  const copy = await copyOf(threeKilled)
  let refused = 0
  for (const missing of copy.data) {
    const isNeeded = wanted.some(line => isIn(missing, line))
    const reading = copy.read({ dataDirectories: copy.data.filter(one => one !== missing) })
    if (isNeeded) {
      const problem = /points to events in log-\d+.*Add the directory that is missing to dataDirs/
      await rejectsWith('CORRUPT', reading, problem)
      refused++
    } else assert.deepEqual((await reading).lines, wanted)
  }
  assert.ok(refused > 0)
})

it('tells each damaged body and gives the others', async () => {
  const wanted = deliveredOf(oneKilled!)
  const copy = await copyOf()
  const damaged = [wanted[3]!, wanted[4]!, wanted.at(-1)!]
  for (const line of damaged) {
    const { path, at } = bodyIn(copy.data[0]!, line)
    change(path, bytes => void (bytes[at]! ^= 1))
  }
  const { lines, channel } = await copy.read()
  assert.deepEqual(
    lines,
    wanted.filter(line => !damaged.includes(line)),
  )
  assert.equal(channel.events, wanted.length)
  assert.equal(channel.damage.length, 3)
  for (const { path, position, message } of channel.damage) {
    assert.match(message, /the event at \d+ is damaged and is lost: the checksum of the body \(\d+ bytes\)/)
    assert.equal(readFileSync(path)[position!], 0x7f)
  }
})

it('goes on after a record whose kind or length is damaged', async () => {
  const wanted = deliveredOf(oneKilled!)
  const { path, at } = bodyIn((await copyOf()).data[0]!, wanted[10]!)
  const begin = readFileSync(path).lastIndexOf(0x7f, at)
  // Its operation, and each byte of its length.
  for (const offset of [0, 1, 2, 3, 4])
    for (const bit of [1, 0x10, 0x80]) {
      const copy = await copyOf()
      change(join(copy.data[0]!, path.split('/').at(-1)!), bytes => void (bytes[begin + offset]! ^= bit))
      const { lines, problems } = await copy.read()
      assert.deepEqual(
        lines,
        wanted.filter(line => line !== wanted[10]),
        `byte ${offset}, bit ${bit}`,
      )
      assert.match(problems[0]!, new RegExp(`^bytes ${begin} to \\d+ cannot be read`))
    }
})

it('takes a transaction as committed when its commit is damaged', async () => {
  const wanted = deliveredOf(oneKilled!)
  const copy = await copyOf()
  const id = idsOf(copy.data[0]!).at(-2)!
  let commits = 0
  for (const begin of positionsOf(copy.log(id))) {
    const again = await copyOf()
    change(again.log(id), bytes => void (bytes[begin + 6]! ^= 0x40))
    const { lines, problems } = await again.read()
    assert.ok(problems.length > 0)
    // Nothing that can be read is missing; takes whose commit is lost are delivered again.
    const missing = wanted.filter(line => !lines.includes(line))
    assert.ok(missing.length <= 1, `record at ${begin}: ${missing.join()}`)
    if (missing.length === 0) commits++
  }
  assert.ok(commits > 3)
})

/** In a record: its kind, and the id of its transaction. */
const kindAt = 7
const transactionAt = 12

it('notices damaged ids by what they make of transactions', async () => {
  const wanted = deliveredOf(oneKilled!)
  const source = await copyOf()
  const id = idsOf(source.data[0]!).at(-2)!
  const whole = readFileSync(source.log(id))
  const begins = positionsOf(source.log(id))
  const damaged = async (begin: number, at: number, bit: number) => {
    const bytes = Buffer.from(whole)
    bytes[begin + at]! ^= bit
    writeFileSync(source.log(id), bytes)
    const { lines, problems } = await source.read()
    return { missing: wanted.filter(line => !lines.includes(line)), problems }
  }
  const ofKind = (kind: number) => begins.filter(begin => whole[begin + kindAt] === kind)
  for (const begin of ofKind(4)) {
    const { missing, problems } = await damaged(begin, transactionAt, 1)
    assert.deepEqual(missing, [], `commit at ${begin}`)
    assert.match(problems.join(), /the (commit|record) at \d+ .*one of its ids is damaged/)
  }
  // A put that became a rollback takes no other with it.
  for (const begin of ofKind(1)) {
    const { missing, problems } = await damaged(begin, kindAt, 2)
    assert.ok(missing.length <= 1, `put at ${begin}: ${missing.join()}`)
    if (missing.length > 0) assert.match(problems.join(), /holds something/)
  }
})

it('takes puts that stay open for long as committed where no other has such an id', async () => {
  const wanted = deliveredOf(oneKilled!)
  const copy = await copyOf()
  const id = idsOf(copy.data[0]!).at(-1)!
  const line = wanted.at(-1)!
  const body = bodyIn(copy.data[0]!, line)
  assert.equal(body.path, copy.log(id))
  const begin = positionsOf(body.path).findLast(one => one < body.at)!
  const rollback = idsOf(copy.data[0]!)
    .flatMap(one => positionsOf(copy.log(one)).map(at => readFileSync(copy.log(one)).subarray(at)))
    .find(record => record[kindAt] === 3)!
  const record = rollback.subarray(0, 5 + rollback.readInt32BE(1))
  const whole = readFileSync(body.path)
  const end = positionsOf(body.path).at(-1)!
  const to = end + 5 + whole.readInt32BE(end + 1)
  const open = async (byte: number, bit: number, records: number) => {
    const bytes = Buffer.from(whole)
    bytes[begin + transactionAt + byte]! ^= bit
    writeFileSync(
      body.path,
      Buffer.concat([bytes.subarray(0, to), ...Array.from({ length: records }, () => record)]),
    )
    return await copy.read()
  }
  const others = wanted.filter(one => one !== line)
  const far = [4, 1] as const
  const near = [2, 8] as const
  assert.deepEqual((await open(...far, 0)).lines, others)
  const { lines, problems } = await open(...far, 250)
  assert.ok(lines.includes(line))
  assert.match(problems.join(), /whether \d+ events were ever committed stood in a damaged part/)
  // A source that waits while the others go on.
  const waiting = await open(...near, 250)
  assert.deepEqual(waiting.lines, others)
  assert.deepEqual(waiting.problems, [])
})

/** Where the records of a log begin. */
function positionsOf(path: string): number[] {
  const bytes = readFileSync(path)
  const found: number[] = []
  for (let at = 0; bytes[at] === 0x7f; at += 5 + bytes.readInt32BE(at + 1)) found.push(at)
  return found
}

it('takes any end of the newest log for a write that never ended', async () => {
  const source = await copyOf()
  const id = idsOf(source.data[0]!).at(-1)!
  const whole = readFileSync(source.log(id))
  const begins = positionsOf(source.log(id))
  let atBegin: string[] = []
  for (let cut = begins.at(-3)!; cut <= whole.length; cut++) {
    writeFileSync(source.log(id), whole.subarray(0, cut))
    const { lines, problems } = await source.read()
    if (begins.includes(cut) || cut >= whole.length - 16) {
      assert.deepEqual(problems, [])
      assert.equal(new Set(lines).size, lines.length)
      atBegin = lines
      continue
    }
    assert.deepEqual(lines, atBegin, `cut at ${cut}`)
    assert.equal(problems.length, 1)
    assert.match(problems[0]!, /its end, hold no whole record .*a write that never ended/)
  }
  assert.deepEqual(atBegin, deliveredOf(oneKilled!))
})

it("skips what Flume's integrity tool took out", async () => {
  const wanted = deliveredOf(oneKilled!)
  const copy = await copyOf()
  const { path, at } = bodyIn(copy.data[0]!, wanted[5]!)
  change(path, bytes => void (bytes[bytes.lastIndexOf(0x7f, at)] = 0))
  const { lines, problems } = await copy.read()
  assert.deepEqual(
    lines,
    wanted.filter(line => line !== wanted[5]),
  )
  assert.deepEqual(problems, [])
})

it('refuses logs of older formats, with a sentence', async () => {
  for (const start of ['00000002', 'deadbeef']) {
    const copy = await copyOf()
    const id = idsOf(copy.data[0]!)[0]!
    rmSync(`${copy.log(id)}.meta`)
    change(copy.log(id), bytes => void Buffer.from(start, 'hex').copy(bytes))
    await rejectsWith('FOREIGN_FILES', copy.read(), /log-\d+ is of an older format \(Flume 1\.2/)
  }
})

it('reads a log whose .meta is still .meta.tmp', async () => {
  const copy = await copyOf()
  const id = idsOf(copy.data[0]!).at(-1)!
  await realDisk.rename(`${copy.log(id)}.meta`, `${copy.log(id)}.meta.tmp`)
  assert.deepEqual((await copy.read()).lines, deliveredOf(oneKilled!))
})

it('refuses encrypted logs without the key, and reads them with it', async () => {
  const copy = await copyOf()
  const key = Buffer.alloc(16, 7)
  const parameters = Buffer.alloc(16, 9)
  for (const id of idsOf(copy.data[0]!)) {
    const encryption = Buffer.concat([
      Buffer.from('\x0a\x10AESCTRNOPADDING1\x12\x05key-1\x1a\x10', 'latin1'),
      parameters,
    ])
    change(`${copy.log(id)}.meta`, bytes => {
      const message = Buffer.concat([bytes.subarray(1), Buffer.from([0x2a, encryption.length]), encryption])
      return Buffer.concat([Buffer.from([message.length]), message])
    })
    change(copy.log(id), bytes => {
      for (const begin of positionsOf(copy.log(id))) {
        const content = bytes.subarray(begin + 5, begin + 5 + bytes.readInt32BE(begin + 1))
        createCipheriv('aes-128-ctr', key, parameters).update(content).copy(content)
      }
    })
  }
  await rejectsWith('FOREIGN_FILES', copy.read(), /log-\d+ is encrypted \(key key-1\).*Write the encryption/)
  const read = (own: Buffer) =>
    copy.read({
      decrypter: flumeDecrypter({
        activeAlias: 'key-2',
        cipher: 'ctr',
        key(alias) {
          assert.equal(alias, 'key-1')
          return Promise.resolve(own)
        },
      }),
    })
  const { lines, problems } = await read(key)
  assert.deepEqual(lines, deliveredOf(oneKilled!))
  assert.deepEqual(problems, [])
  await rejectsWith(
    'KEY_STORE',
    read(Buffer.alloc(16, 8)),
    /log-\d+ .*with the key of that name.*cannot be read/,
  )

  // The newest log alone under another key of that name; then a flipped bit, which is no other key.
  const newest = copy.log(Math.max(...idsOf(copy.data[0]!)))
  const rekeyed = (from: Buffer, to: Buffer): void =>
    change(newest, bytes => {
      for (const begin of positionsOf(newest)) {
        const content = bytes.subarray(begin + 5, begin + 5 + bytes.readInt32BE(begin + 1))
        createCipheriv('aes-128-ctr', from, parameters).update(content).copy(content)
        createCipheriv('aes-128-ctr', to, parameters).update(content).copy(content)
      }
    })
  rekeyed(key, Buffer.alloc(16, 8))
  await rejectsWith('KEY_STORE', read(key), new RegExp(`${basename(newest)} is encrypted`))
  rekeyed(Buffer.alloc(16, 8), key)
  change(newest, bytes => void (bytes[positionsOf(newest)[0]! + 8]! ^= 1))
  assert.ok((await read(key)).lines.length > 0)
})
