// The checkpoint of a file channel, on real files: what it saves a start.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { contextFor, optionsFor } from '../../../test/context.ts'
import { eventsOf } from '../../../test/contracts/channel-events.ts'
import type { Disk } from '../../system/disk.ts'
import { realSystem } from '../../system/system.ts'
import { fileChannel } from '../file.ts'

it('reads at a start as much with a large backlog as with a small one, thanks to the checkpoint', async t => {
  const startOf = async (path: string, given: Record<string, unknown> = {}) => {
    const used = { files: 0, bytes: 0 }
    const disk: Disk = {
      ...realSystem.disk,
      async open(name, mode) {
        const file = await realSystem.disk.open(name, mode)
        if (mode !== 'read') return file
        used.files++
        const read = file.read.bind(file)
        file.read = async (target, position) => {
          const count = await read(target, position)
          used.bytes += count
          return count
        }
        return file
      },
    }
    const context = contextFor('CHANNEL', 'c1', fileChannel.counters, { system: { ...realSystem, disk } })
    const options = optionsFor(fileChannel, {
      checkpointDir: join(path, 'checkpoint'),
      dataDirs: [join(path, 'data')],
      minimumRequiredSpace: 0,
      maxFileSize: 1,
      ...given,
    })
    const channel = fileChannel.create(options, context)
    await channel.start()
    return { channel, ...used }
  }
  const sizes: { files: number; bytes: number }[] = []
  for (const count of [1000, 30_000]) {
    const path = await mkdtemp(join(tmpdir(), 'millrace-file-'))
    t.after(() => rm(path, { recursive: true }))
    const { channel } = await startOf(path)
    for (let at = 0; at < count; at += 500) await channel.put(eventsOf(at, 500))
    await channel.stop()
    const again = await startOf(path, { checkpointOnClose: false })
    assert.equal(again.channel.size, count)
    sizes.push({ files: again.files, bytes: again.bytes })
    await again.channel.stop()
    await rm(join(path, 'checkpoint', 'millrace.checkpoint'))
    const without = await startOf(path)
    assert.equal(without.channel.size, count)
    if (count > 1000) assert.ok(without.files > again.files * 2, `${without.files} files without it`)
    await without.channel.stop()
  }
  // A spare segment may be there or not.
  assert.ok(sizes[1]!.files <= sizes[0]!.files + 1)
  assert.ok(sizes[1]!.bytes < 64 * 1024, `${sizes[1]!.bytes} bytes`)
})
