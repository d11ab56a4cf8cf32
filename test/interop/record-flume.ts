// Records the directories in test/golden/flume: node test/interop/record-flume.ts. Each is what a real Flume
// left, cut off where it is filled with 0x80, and delivered.txt, what Flume itself delivered from a copy.
//
//   one-killed       Flume 1.8.0, one data directory, SIGKILL; replayed without the checkpoint
//   three-killed     Flume 1.11.0, three data directories; from the logs alone some delivered events would come
//                    again, so that the checkpoint has to be used
//   three-open       Flume 1.8.0, three data directories; some of what it delivered was put in a transaction that
//                    was open at the checkpoint, and comes in another order than it was put
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inPutOrder, openPuts } from '../golden/flume-recording.ts'
import { deliveredByFlume, directoriesBelow, fillByFlume, type Filling } from './flume-directories.ts'
import { freePort } from './peers/peers.ts'

const golden = new URL('../golden/flume', import.meta.url).pathname
const usual = { logs: 9, capacity: 60, maxFileSize: 2000, lines: [] }

async function record(
  name: string,
  filling: Filling,
  isWanted: (withCheckpoint: readonly string[], without: readonly string[], checkpoint: string) => boolean,
): Promise<void> {
  for (;;) {
    const home = mkdtempSync(join(tmpdir(), 'millrace-record-'))
    try {
      const from = await fillByFlume(home, filling)
      const { version, capacity } = filling
      const withCheckpoint = await deliveredByFlume(home, version, from, { capacity, withCheckpoint: true })
      // More may come again than the channel was made for.
      const without = await deliveredByFlume(home, version, from, { capacity: 10_000, withCheckpoint: false })
      const logs = from.data.flatMap(one => readdirSync(one).filter(file => /^log-\d+$/.test(file))).length
      process.stdout.write(
        `${name}: ${logs} logs; ${withCheckpoint.length} events with the checkpoint, ${without.length} without\n`,
      )
      if (!isWanted(withCheckpoint, without, from.checkpoint)) continue
      const target = join(golden, name)
      rmSync(target, { recursive: true, force: true })
      const into = directoriesBelow(target, filling.dataDirectories)
      cpSync(from.checkpoint, into.checkpoint, { recursive: true })
      from.data.forEach((one, index) => cpSync(one, into.data[index]!, { recursive: true }))
      for (const directory of [into.checkpoint, ...into.data])
        for (const file of readdirSync(directory)) {
          const path = join(directory, file)
          if (file === 'queueset' || file === 'in_use.lock') rmSync(path, { recursive: true })
          else if (/^log-\d+$/.test(file)) writeFileSync(path, cutOff(readFileSync(path)))
        }
      const delivered = filling.dataDirectories === 1 ? without : withCheckpoint
      writeFileSync(join(target, 'delivered.txt'), `${delivered.join('\n')}\n`)
      return
    } finally {
      rmSync(home, { recursive: true })
    }
  }
}

/** With 16 of the filling bytes left. */
function cutOff(bytes: Buffer): Buffer {
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === 0x80) end--
  return bytes.subarray(0, Math.min(bytes.length, end + 16))
}

const cases: Record<string, () => Promise<void>> = {
  'one-killed': () =>
    record(
      'one-killed',
      { ...usual, version: '1.8.0', dataDirectories: 1, end: 'kill' },
      (_, without) => without.length > 20,
    ),
  // 1000 events, 970 of which find room in what is behind the sink; meanwhile Flume deletes old logs.
  'three-killed': async () => {
    const port = await freePort()
    return await record(
      'three-killed',
      {
        ...usual,
        version: '1.11.0',
        dataDirectories: 3,
        end: 'kill',
        sources: 1,
        maxFileSize: 8000,
        until: ids => ids.length > 0 && Math.min(...ids) > 3 && ids.length < 14,
        isOrdered: true,
        lines: [
          'a1.sources = r1 storing',
          'a1.channels = c1 store',
          'a1.sources.r1.totalEvents = 1000',
          'a1.sinks.k1.type = avro',
          'a1.sinks.k1.hostname = 127.0.0.1',
          `a1.sinks.k1.port = ${port}`,
          'a1.sinks.k1.batch-size = 1',
          'a1.sources.storing.type = avro',
          'a1.sources.storing.bind = 127.0.0.1',
          `a1.sources.storing.port = ${port}`,
          'a1.sources.storing.channels = store',
          'a1.channels.store.type = memory',
          'a1.channels.store.capacity = 970',
          'a1.channels.store.keep-alive = 0',
        ],
      },
      (withCheckpoint, without) => withCheckpoint.length > 20 && without.length > withCheckpoint.length,
    )
  },
  'three-open': () =>
    record(
      'three-open',
      {
        ...usual,
        version: '1.8.0',
        dataDirectories: 3,
        capacity: 300,
        maxFileSize: 20_000,
        end: 'kill',
        sources: 1,
        taken: 1,
        isOrdered: true,
        until: (_, { checkpoint }) =>
          openPuts(checkpoint) > 1 &&
          statSync(join(checkpoint, 'checkpoint.meta')).mtimeMs >=
            statSync(join(checkpoint, 'inflightputs')).mtimeMs,
      },
      (withCheckpoint, _, checkpoint) =>
        inPutOrder(withCheckpoint, checkpoint).some((line, index) => line !== withCheckpoint[index]),
    ),
}
for (const name of process.argv.length > 2 ? process.argv.slice(2) : Object.keys(cases)) await cases[name]!()
