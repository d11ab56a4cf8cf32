// The child of the spillable channel's kill test: puts events 0 to 199, of which 50 have room in memory, delivers and
// commits the first 20, says "ready" and stays. Argument: directory.
import { contextFor, optionsFor } from '../context.ts'
import { join } from 'node:path'
import { spillableChannel } from '../../src/channels/spillable.ts'
import { eventsOf } from './channel-events.ts'

const [path = ''] = process.argv.slice(2)
const channel = spillableChannel.create(
  optionsFor(spillableChannel, {
    memoryCapacity: 50,
    overflowCapacity: 1000,
    overflowTimeout: 0,
    checkpointDir: join(path, 'checkpoint'),
    dataDirs: [join(path, 'data')],
    minimumRequiredSpace: 0,
  }),
  contextFor('CHANNEL', 'c1', spillableChannel.counters),
)
await channel.start()
for (let at = 0; at < 200; at += 10) await channel.put(eventsOf(at, 10))
const batch = await channel.take({ events: 20 }, new AbortController().signal)
await batch!.commit()
process.stdout.write('ready\n')
setInterval(() => {}, 1000)
