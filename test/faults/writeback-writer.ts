// The writing process of the write-back tests: puts 200 events, says `ready`, waits for a line, and has eight writers
// put at once, several rounds; says what was acknowledged and what refused, event by event. With `read` it opens
// the channel and says what is inside. Arguments: directory, `write` or `read`. With MILLRACE_HIDE_SYNC_ERRORS its
// disk hides the errors of syncs: a planted fault that the test must find.
import { once } from 'node:events'
import { join } from 'node:path'
import { fileChannel } from '../../src/channels/file.ts'
import { Event } from '../../src/event.ts'
import type { Disk } from '../../src/system/disk.ts'
import { realSystem } from '../../src/system/system.ts'
import { contextFor, optionsFor } from '../context.ts'

const [path = '', what] = process.argv.slice(2)
const options = optionsFor(fileChannel, {
  checkpointDir: join(path, 'checkpoint'),
  dataDirs: [join(path, 'data')],
  minimumRequiredSpace: 0,
  maxFileSize: 1024 * 1024,
})
const forgetful: Disk = {
  ...realSystem.disk,
  async open(name, mode) {
    const file = await realSystem.disk.open(name, mode)
    const sync = file.sync.bind(file)
    return Object.assign(file, { sync: () => sync().catch(() => {}), writeDurably: undefined })
  },
}
const disk = process.env['MILLRACE_HIDE_SYNC_ERRORS'] === undefined ? realSystem.disk : forgetful
const context = contextFor('CHANNEL', 'c1', fileChannel.counters, { system: { ...realSystem, disk } })
const channel = fileChannel.create(options, context)
await channel.start()

const put = async (id: string, bytes: number): Promise<void> => {
  const event = Event.of(new Map(), Buffer.from(`${id} `.padEnd(bytes, '.')))
  await channel.put([event]).then(
    () => console.log(`acknowledged ${id}`),
    () => console.log(`refused ${id}`),
  )
}

if (what === 'read') {
  const never = new AbortController().signal
  for (let left = channel.size; left > 0;) {
    const batch = (await channel.take({ events: 10_000 }, never))!
    left -= batch.events.length
    for (const { body } of batch.events) console.log(`there ${body.toString().split(' ')[0]}`)
    await batch.commit()
  }
} else {
  for (let number = 0; number < 200; number++) await put(`before-${number}`, 100)
  console.log('ready')
  await once(process.stdin, 'data')
  for (let round = 0; round < 4; round++)
    await Promise.all(Array.from({ length: 8 }, (_, writer) => put(`${writer}-${round}`, 6000)))
  console.log(`health ${context.health().at(-1) ?? 'well'}`)
}
// Not before all of it is said: a pipe that is full takes the rest later.
process.stdout.write('end\n', () => process.kill(process.pid, 'SIGKILL'))
