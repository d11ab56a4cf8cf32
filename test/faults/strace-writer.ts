// The child of strace.test.ts: the same short life of a file channel each time. Puts, takes, commits, goes through
// several segments, stops, starts again. Says of every event what became of it, and goes on after refusals.
// Argument: directory.
import { join } from 'node:path'
import { fileChannel } from '../../src/channels/file.ts'
import { messageOf } from '../../src/errors.ts'
import { contextFor, optionsFor } from '../context.ts'
import { eventsOf } from '../contracts/channel-events.ts'

const [path = ''] = process.argv.slice(2)
const say = (line: string): Promise<void> =>
  new Promise(resolve => void process.stdout.write(`${line}\n`, () => resolve()))

let next = 0
for (let life = 0; life < 2; life++) {
  const context = contextFor('CHANNEL', 'c1', fileChannel.counters)
  const options = optionsFor(fileChannel, {
    checkpointDir: join(path, 'checkpoint'),
    dataDirs: [join(path, 'data')],
    minimumRequiredSpace: 0,
    maxFileSize: 1,
  })
  const channel = fileChannel.create(options, context)
  try {
    await channel.start()
  } catch (error) {
    await say(`not started: ${messageOf(error)}`)
    continue
  }
  for (let step = 0; step < 30; step++) {
    const [from, end] = [next, (next += 100)]
    await say(`asked ${from} ${end}`)
    await channel.put(eventsOf(from, 100)).then(
      () => say(`put ${from} ${end}`),
      () => say(`${context.counters.get('Unhealthy') === 1 ? 'doubted' : 'refused'} ${from} ${end}`),
    )
    if (step % 3 !== 2 || channel.size < 100) continue
    const batch = await channel.take({ events: 100 }, new AbortController().signal).catch(() => null)
    if (batch === null) continue
    const numbers = batch.events.map(event => Number(event.body.toString()))
    await say(`leaving ${numbers[0]} ${numbers.at(-1)! + 1}`)
    await batch.commit().then(
      () => say(`gone ${numbers[0]} ${numbers.at(-1)! + 1}`),
      () => {},
    )
  }
  await channel.stop()
}
await say('end')
