// The child of the kill test: puts numbered events from several writers, takes some of them, and says
// on standard output what was acknowledged and committed. Arguments: directory, first number.
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { contextFor, optionsFor } from '../context.ts'
import { eventsOf } from './channel.ts'
import { fileChannel } from '../../src/channels/file.ts'

const [path = '', from = '0'] = process.argv.slice(2)
const options = optionsFor(fileChannel, {
  checkpointDir: join(path, 'checkpoint'),
  dataDirs: [join(path, 'data')],
  minimumRequiredSpace: 0,
  maxFileSize: 1024 * 1024,
})
const channel = fileChannel.create(options, contextFor('CHANNEL', 'c1', fileChannel.counters))
await channel.start()
const never = new AbortController().signal
let next = Number(from)

async function write(): Promise<never> {
  for (;;) {
    const count = 1 + (next % 17)
    const end = (next += count)
    await channel.put(eventsOf(end - count, count), { patienceMs: Infinity })
    writeSync(1, `put ${end}\n`)
  }
}

async function take(): Promise<never> {
  for (;;) {
    const batch = (await channel.take({ events: 8 }, never))!
    await batch.commit()
    writeSync(1, `taken ${Number(batch.events.at(-1)!.body.toString()) + 1}\n`)
  }
}

await Promise.all([write(), write(), write(), write(), take()])
