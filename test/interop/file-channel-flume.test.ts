// Real Flume and our file channel on one directory, one after the other: Flume finds no logs of its own
// in ours and leaves our files as they are; we refuse what Flume wrote.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { fileChannel } from '../../src/channels/file.ts'
import { contextFor, optionsFor } from '../context.ts'
import { eventsOf, rejectsWith } from '../contracts/channel-events.ts'
import { freePort, skipWithoutPeers, startFlume } from './peers/peers.ts'

for (const version of ['1.8.0', '1.11.0'] as const)
  it(
    `Flume ${version} on our directory changes none of our files, and is noticed afterwards`,
    {
      skip: skipWithoutPeers,
      timeout: 300_000,
    },
    async () => {
      const directory = mkdtempSync(join(tmpdir(), 'millrace-flume-'))
      try {
        const data = join(directory, 'data')
        const checkpoint = join(directory, 'checkpoint')
        const make = () =>
          fileChannel.create(
            optionsFor(fileChannel, { checkpointDir: checkpoint, dataDirs: [data], minimumRequiredSpace: 0 }),
            contextFor('CHANNEL', 'c1', fileChannel.counters),
          )
        const channel = make()
        await channel.start()
        await channel.put(eventsOf(0, 100))
        await channel.stop()
        const ours = () =>
          readdirSync(data)
            .filter(name => name.startsWith('millrace'))
            .map(name => [
              name,
              createHash('sha256')
                .update(readFileSync(join(data, name)))
                .digest('hex'),
            ])
        const before = ours()
        assert.ok(before.length > 0)
        const port = await freePort()
        const flume = await startFlume(version, directory, {
          agent: 'a1',
          conf: [
            'a1.sources = r1',
            'a1.channels = c1',
            'a1.sinks = k1',
            'a1.sources.r1.type = avro',
            'a1.sources.r1.bind = 127.0.0.1',
            `a1.sources.r1.port = ${port}`,
            'a1.sources.r1.channels = c1',
            'a1.sinks.k1.type = null',
            'a1.sinks.k1.channel = c1',
            'a1.channels.c1.type = file',
            `a1.channels.c1.checkpointDir = ${checkpoint}`,
            `a1.channels.c1.dataDirs = ${data}`,
            'a1.channels.c1.minimumRequiredSpace = 1048576',
            '',
          ].join('\n'),
        })
        await flume.stop()
        assert.deepEqual(ours(), before)
        assert.ok(readdirSync(data).some(name => /^log-\d+$/.test(name)))
        await rejectsWith('FOREIGN_FILES', make().start(), /Flume/)
        for (const name of readdirSync(data)) if (name.startsWith('log-')) rmSync(join(data, name))
        const again = make()
        await again.start()
        assert.equal(again.size, 100)
        await again.stop()
      } finally {
        rmSync(directory, { recursive: true })
      }
    },
  )
