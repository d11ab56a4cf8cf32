// The taildir source beside real Flume 1.11.0 on one directory: the same events, the same position file, which either
// goes on from; and our agent killed again and again while files are written and rotated.
import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { skipWithoutPeers, startFlume, startMillrace, type Running } from './peers/peers.ts'
import { hangMs, waitFor } from './peers/waiting.ts'

const directory = fs.mkdtempSync(join(tmpdir(), 'millrace-taildir-'))
after(() => fs.rmSync(directory, { recursive: true, force: true }))
const logs = join(directory, 'logs')
fs.mkdirSync(logs)

type Start = (home: string, options: { agent: string; conf: string }) => Promise<Running>
const flume: Start = (home, options) => startFlume('1.11.0', home, options)

interface Arrived {
  readonly headers: Readonly<Record<string, string>>
  /** Bytes as latin1. */
  readonly body: string
}

/** What a file_roll sink with header_and_text has written, in no order. */
function arrivedIn(out: string): Arrived[] {
  const lines = fs
    .readdirSync(out)
    .flatMap(name => fs.readFileSync(join(out, name), 'latin1').split('\n').slice(0, -1))
  return lines.map(line => {
    const [, headers = '', body = ''] = /^\{(.*?)\} (.*)$/s.exec(line)!
    const pairs = headers.split(', ').map(pair => pair.split('=') as [string, string])
    return { headers: Object.fromEntries(pairs.toSorted()), body }
  })
}

const sorted = (all: readonly Arrived[]) => all.map(one => JSON.stringify(one)).toSorted()

function confOf(name: string, positionFile: string): string {
  const out = join(directory, name)
  fs.mkdirSync(out, { recursive: true })
  return `
A.sources = t
A.channels = c
A.sinks = f
A.sources.t.type = TAILDIR
A.sources.t.channels = c
A.sources.t.filegroups = g h
A.sources.t.filegroups.g = ${logs}/app.*\\\\.log
A.sources.t.filegroups.h = ${logs}/\\\\d+
A.sources.t.headers.g.kind = one
A.sources.t.headers.g.a.b = c
A.sources.t.headers.h.kind = two
A.sources.t.positionFile = ${positionFile}
A.sources.t.byteOffsetHeader = true
A.sources.t.fileHeader = true
A.sources.t.maxBackoffSleep = 1000
A.channels.c.type = memory
A.channels.c.capacity = 100000
A.channels.c.transactionCapacity = 1000
A.sinks.f.type = file_roll
A.sinks.f.channel = c
A.sinks.f.sink.directory = ${out}
A.sinks.f.sink.rollInterval = 0
A.sinks.f.sink.serializer = HEADER_AND_TEXT
`
}

/** Runs an agent until so many events have arrived; gives them, and stops it. */
async function run(start: Start, name: string, positionFile: string, count: number): Promise<Arrived[]> {
  await using agent = await start(join(directory, `${name}-home`), {
    agent: 'A',
    conf: confOf(name, positionFile),
  })
  await waitFor(() => arrivedIn(join(directory, name)).length >= count, `${count} events by ${name}`)
  await agent.stop()
  return arrivedIn(join(directory, name))
}

const entriesOf = (path: string) =>
  (JSON.parse(fs.readFileSync(path, 'utf8')) as { file: string }[]).toSorted((a, b) =>
    a.file.localeCompare(b.file),
  )

test(
  'the same files give the same events as in Flume 1.11.0, and either goes on where the other stopped',
  { skip: skipWithoutPeers, timeout: 4 * hangMs },
  async () => {
    const garbage = Buffer.from(
      Array.from({ length: 9000 }, (_, index) => (index * 7919 + (index >> 8)) % 256).filter(
        byte => byte !== 10,
      ),
    )
    const files: Record<string, Buffer> = {
      'app.log': Buffer.from('one\ntwo\r\n\n\r\nthree\r\r\n = {x=y} \nunfinished'),
      'app-äö.log': Buffer.from(`${'☃é😀'.repeat(5000)}\n${'x'.repeat(8191)}\r\n${'y'.repeat(8192)}\n`),
      '1': Buffer.concat([garbage, Buffer.from('\nlast\n')]),
      '2': Buffer.from(Array.from({ length: 1234 }, (_, index) => `line ${index}\n`).join('')),
      'other.txt': Buffer.from('nobody reads this\n'),
    }
    for (const [name, bytes] of Object.entries(files)) fs.writeFileSync(join(logs, name), bytes)
    const [theirs, ours] = [join(directory, 'flume.json'), join(directory, 'ours.json')]
    const count = 6 + 3 + 2 + 1234
    const [byFlume, byUs] = await Promise.all([
      run(flume, 'flume', theirs, count),
      run(startMillrace, 'ours', ours, count),
    ])
    assert.equal(byFlume.length, count)
    assert.deepEqual(sorted(byUs), sorted(byFlume))
    assert.deepEqual(entriesOf(ours), entriesOf(theirs))

    fs.appendFileSync(join(logs, 'app.log'), ' no more\nfour\n')
    fs.appendFileSync(join(logs, '2'), 'five\n')
    const bodies = (all: readonly Arrived[]) => all.map(({ body }) => body).toSorted()
    const after = await run(startMillrace, 'ours-after-flume', theirs, 3)
    assert.deepEqual(bodies(after), ['five', 'four', 'unfinished no more'])

    fs.appendFileSync(join(logs, '1'), 'six\n')
    const last = await run(flume, 'flume-after-ours', theirs, 1)
    assert.deepEqual(bodies(last), ['six'])
  },
)

test(
  'killed again and again while files are rotated, it loses no line',
  { timeout: 4 * hangMs },
  async () => {
    const home = join(directory, 'killed')
    const [from, out] = [join(home, 'from'), join(home, 'out')]
    for (const path of [from, out]) fs.mkdirSync(path, { recursive: true })
    const positions = join(home, 'positions.json')
    const conf = `
A.sources = t
A.channels = c
A.sinks = f
A.sources.t.type = TAILDIR
A.sources.t.channels = c
A.sources.t.filegroups = g
A.sources.t.filegroups.g = ${from}/app\\\\.log
A.sources.t.positionFile = ${positions}
A.sources.t.writePosInterval = 200
A.channels.c.type = file
A.channels.c.checkpointDir = ${home}/checkpoint
A.channels.c.dataDirs = ${home}/data
A.sinks.f.type = file_roll
A.sinks.f.channel = c
A.sinks.f.sink.directory = ${out}
A.sinks.f.sink.rollInterval = 0
A.sinks.f.sink.batchSize = 1000
`
    const filler = 'x'.repeat(180)
    let written = 0
    const write = (count: number): void => {
      const lines = Array.from({ length: count }, () => `${++written} ${filler}\n`)
      fs.appendFileSync(join(from, 'app.log'), lines.join(''))
    }
    const bytesOut = () =>
      fs.readdirSync(out).reduce((sum, name) => sum + fs.statSync(join(out, name)).size, 0)
    const kills = 3
    for (let kill = 0; kill < kills; kill++) {
      const before = bytesOut()
      write(20_000)
      await using agent = await startMillrace(home, { agent: 'A', conf })
      await waitFor(() => bytesOut() > before, 'the sink writes')
      write(20_000)
      fs.renameSync(join(from, 'app.log'), join(from, `app.log.${kill}`))
      write(500)
      const { ino } = fs.statSync(join(from, 'app.log'))
      await waitFor(
        () => fs.existsSync(positions) && fs.readFileSync(positions, 'utf8').includes(`"inode":${ino},`),
        'its position is kept',
      )
      write(500)
      agent.kill('SIGKILL')
      await agent.ended
      write(500)
      // Rotated while nobody reads.
      fs.renameSync(join(from, 'app.log'), join(from, `app.log.${kill}-down`))
    }
    write(1)
    const counts = new Map<number, number>()
    const look = () => {
      counts.clear()
      for (const name of fs.readdirSync(out))
        for (const line of fs.readFileSync(join(out, name), 'utf8').split('\n').slice(0, -1)) {
          const number = Number(line.split(' ')[0])
          counts.set(number, (counts.get(number) ?? 0) + 1)
        }
      return counts.size
    }
    await using agent = await startMillrace(home, { agent: 'A', conf })
    await waitFor(() => counts.size >= written || look() >= written, 'every line arrives')
    await agent.stop()
    look()
    assert.equal(counts.size, written)
    const repeats = [...counts.values()].reduce((sum, count) => sum + count - 1, 0)
    assert.ok(repeats * (filler.length + 6) < kills * 20 * 1024 * 1024, `${repeats} lines came again`)
  },
)
