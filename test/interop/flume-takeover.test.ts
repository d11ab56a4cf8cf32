// Taking over from real Flume: agents that put and take are stopped, or killed with -9; what our channel then
// delivers from their directories is, event by event and in order, what a restarted Flume delivers from a copy.
//
// With one data directory that Flume replays its logs without the checkpoint: its queue in the checkpoint has
// concurrent puts, and what a sink rolled back, in an order of its own. With three it needs the checkpoint,
// and one source and one sink leave it no choice of order, but for what was being put at the checkpoint.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { fileChannel } from '../../src/channels/file.ts'
import { contextFor, optionsFor } from '../context.ts'
import { rejectsWith } from '../contracts/channel-events.ts'
import { flumeLine, inPutOrder } from '../golden/flume-recording.ts'
import {
  deliveredByFlume,
  fillByFlume,
  type FlumeDirectories,
  type FlumeVersion,
} from './flume-directories.ts'
import { skipWithoutPeers } from './peers/peers.ts'

const capacity = 20_000

function make({ checkpoint, data }: FlumeDirectories, more: Record<string, unknown> = {}) {
  const context = contextFor('CHANNEL', 'c1', fileChannel.counters)
  const given = {
    checkpointDir: checkpoint,
    dataDirs: data,
    capacity: 2 * capacity,
    minimumRequiredSpace: 0,
    ...more,
  }
  return { context, channel: fileChannel.create(optionsFor(fileChannel, given), context) }
}

/** Each of Flume's files and its content's checksum. */
function flumesIn({ checkpoint, data }: FlumeDirectories): string[][] {
  return [checkpoint, ...data].flatMap(directory =>
    readdirSync(directory, { withFileTypes: true })
      .filter(one => one.isFile() && !one.name.startsWith('millrace'))
      .map(one => join(directory, one.name))
      .map(path => [path, createHash('sha256').update(readFileSync(path)).digest('hex')]),
  )
}

/** Shows where they differ. */
function sameEvents(ours: readonly string[], theirs: readonly string[]): void {
  assert.ok(ours.length > 100, `${ours.length}`)
  const differs = ours.findIndex((line, index) => line !== theirs[index])
  const around = (lines: readonly string[]): readonly string[] =>
    lines.slice(Math.max(0, differs - 3)).slice(0, 30)
  assert.deepEqual(around(ours), around(theirs), `event ${differs} of ${ours.length} : ${theirs.length}`)
  assert.equal(ours.length, theirs.length)
}

async function takenOver(
  directories: FlumeDirectories,
  more: Record<string, unknown> = {},
): Promise<{ lines: string[]; log: readonly string[] }> {
  const { channel, context } = make(directories, more)
  await channel.start()
  const lines: string[] = []
  while (channel.size > 0) {
    const batch = (await channel.take({ events: 10_000 }, new AbortController().signal))!
    lines.push(...batch.events.map(flumeLine))
    await batch.commit()
  }
  await channel.stop()
  assert.ok(context.log.lines.some(line => line.includes(`took over ${lines.length} events of Flume's`)))
  const again = make(directories, more).channel
  await again.start()
  assert.equal(again.size, 0)
  await again.stop()
  return { lines, log: context.log.lines }
}

for (const version of ['1.8.0', '1.11.0'] as const satisfies FlumeVersion[])
  for (const dataDirectories of [1, 3])
    for (const end of ['stop', 'kill'] as const)
      it(
        `takes over from Flume ${version} with ${dataDirectories} data directories after a ${end}`,
        { skip: skipWithoutPeers },
        async t => {
          const home = mkdtempSync(join(tmpdir(), 'millrace-takeover-'))
          try {
            const isOne = dataDirectories === 1
            const directories = await fillByFlume(home, {
              version,
              dataDirectories,
              end,
              logs: 12,
              capacity,
              maxFileSize: 120_000,
              ...(isOne ? {} : { sources: 1, isOrdered: true, taken: 1 }),
              whileRunning: (running, pid) =>
                rejectsWith(
                  'DIRECTORY_IN_USE',
                  make(running).channel.start(),
                  new RegExp(`a Flume \\(pid ${pid}\\) is using directory ${running.checkpoint}`),
                ),
            })
            // A put that a stop interrupts may be in the log although it was refused: one more than fits.
            const how = isOne
              ? { capacity: 2 * capacity, withCheckpoint: false }
              : { capacity, withCheckpoint: true }
            const delivered = await deliveredByFlume(home, version, directories, how)
            const theirs = isOne ? delivered : inPutOrder(delivered, directories.checkpoint)
            const before = flumesIn(directories)
            const { lines: ours } = await takenOver(directories)
            sameEvents(ours, theirs)
            assert.deepEqual(flumesIn(directories), before)
            t.diagnostic(
              `${ours.length} events from ${before.filter(([path]) => /log-\d+$/.test(path!)).length} logs`,
            )
          } finally {
            rmSync(home, { recursive: true })
          }
        },
      )

it(
  'takes over from Flume 1.11.0 by the copy of a checkpoint that was being written',
  { skip: skipWithoutPeers },
  async t => {
    const home = mkdtempSync(join(tmpdir(), 'millrace-takeover-'))
    const backup = join(home, 'backup')
    const isWhole = (): boolean => existsSync(join(backup, 'backupComplete'))
    const dual = (directory: string): string[] => [
      'a1.channels.c1.useDualCheckpoints = true',
      `a1.channels.c1.backupCheckpointDir = ${directory}`,
    ]
    try {
      let directories: FlumeDirectories
      // The kill may come while the copy is made.
      do {
        for (const name of readdirSync(home)) rmSync(join(home, name), { recursive: true })
        directories = await fillByFlume(home, {
          version: '1.11.0',
          dataDirectories: 3,
          end: 'kill',
          logs: 12,
          until: ids => Math.max(0, ...ids) >= 12 && isWhole(),
          capacity,
          maxFileSize: 120_000,
          sources: 1,
          isOrdered: true,
          taken: 1,
          lines: dual(backup),
        })
      } while (!isWhole())
      const path = join(directories.checkpoint, 'checkpoint')
      const bytes = readFileSync(path)
      bytes.writeBigInt64BE(1n, 32)
      writeFileSync(path, bytes)
      const theirBackup = join(home, 'their-backup')
      cpSync(backup, theirBackup, { recursive: true })
      const how = { capacity, withCheckpoint: true, lines: dual(theirBackup) }
      const delivered = await deliveredByFlume(home, '1.11.0', directories, how)
      const before = flumesIn(directories)
      const { lines: ours, log } = await takenOver(directories, {
        useDualCheckpoints: true,
        backupCheckpointDir: backup,
      })
      sameEvents(ours, inPutOrder(delivered, backup))
      assert.ok(
        log.some(line =>
          line.includes(`not used: ${path} was being written; its copy in ${backup} was used instead`),
        ),
      )
      assert.deepEqual(flumesIn(directories), before)
      t.diagnostic(`${ours.length} events`)
    } finally {
      rmSync(home, { recursive: true })
    }
  },
)
