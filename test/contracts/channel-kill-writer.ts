// The child of the kill test: puts numbered events from several writers, takes some of them, and says
// on standard output what was acknowledged and committed. Arguments: directory, first number. With
// MILLRACE_UNSYNCED its syncs do nothing: a planted fault that the tests of power cuts must find.
import { join } from 'node:path'
import { contextFor, optionsFor } from '../context.ts'
import { eventsOf } from './channel-events.ts'
import { fileChannel } from '../../src/channels/file.ts'
import type { Disk } from '../../src/system/disk.ts'
import { realSystem } from '../../src/system/system.ts'

const [path = '', from = '0'] = process.argv.slice(2)
const options = optionsFor(fileChannel, {
  checkpointDir: join(path, 'checkpoint'),
  dataDirs: [join(path, 'data')],
  minimumRequiredSpace: 0,
  maxFileSize: 1024 * 1024,
})
const unsynced: Disk = {
  ...realSystem.disk,
  syncDirectory: async () => {},
  async open(name, mode) {
    const file = await realSystem.disk.open(name, mode)
    return Object.assign(file, { sync: async () => {}, writeDurably: undefined })
  },
}
const disk = process.env['MILLRACE_UNSYNCED'] === undefined ? realSystem.disk : unsynced
const context = contextFor('CHANNEL', 'c1', fileChannel.counters, { system: { ...realSystem, disk } })
const channel = fileChannel.create(options, context)
await channel.start()
const never = new AbortController().signal
let next = Number(from)

const say = (line: string): Promise<void> =>
  new Promise(resolve => void process.stdout.write(`${line}\n`, () => resolve()))

async function write(): Promise<never> {
  for (;;) {
    const count = 1 + (next % 17)
    const end = (next += count)
    await channel.put(eventsOf(end - count, count), { patienceMs: Infinity })
    await say(`put ${end}`)
  }
}

async function take(): Promise<never> {
  for (;;) {
    const batch = (await channel.take({ events: 8 }, never))!
    await batch.commit()
    await say(`taken ${Number(batch.events.at(-1)!.body.toString()) + 1}`)
  }
}

await Promise.all([write(), write(), write(), write(), take()])
