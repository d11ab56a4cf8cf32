// The child of the kill test: puts numbered events from several writers, takes some of them, and says
// on standard output what was acknowledged and committed. Arguments: directory, first number.
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
