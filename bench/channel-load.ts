// Our file channel under the load of flume-channel.java, in a process of its own; the same words.
// `one:size:count` puts so many events, encoded before as an Avro source hands them on, and awaits the put; in turn
// with that it writes as many bytes to a preallocated file and syncs them. It prints the median of both in ms.
import { readFileSync } from 'node:fs'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { putEntryBytes } from '../src/channels/file/entry.ts'
import { fileChannel } from '../src/channels/file.ts'
import type { Channel } from '../src/component.ts'
import { Event } from '../src/event.ts'
import { contextFor, optionsFor } from '../test/context.ts'

const [directory = '', capacity = '1000000', ...words] = process.argv.slice(2)
const body = Buffer.alloc(200, 'x')
const eventsOf = (count: number): Event[] =>
  Array.from({ length: count }, () => Event.of(new Map([['n', '1']]), body))

const channel = fileChannel.create(
  optionsFor(fileChannel, {
    checkpointDir: join(directory, 'checkpoint'),
    dataDirs: [join(directory, 'data')],
    capacity: Number(capacity),
  }),
  contextFor('CHANNEL', 'c1', fileChannel.counters),
)
const begun = performance.now()
await channel.start()
const took = performance.now() - begun

for (const word of words) {
  const [kind = '', ...numbers] = word.split(':')
  const [first = 0, second = 0] = numbers.map(Number)
  if (kind === 'open') console.log(`open ${Math.round(took)} ${channel.size}`)
  else if (kind === 'fill') {
    for (let done = 0; done < first; done += 10_000)
      await channel.put(eventsOf(Math.min(10_000, first - done)))
    console.log('filled')
    process.kill(process.pid, 'SIGKILL')
  } else if (kind === 'one') console.log(`one ${first} ${(await one(channel, first, second)).join(' ')}`)
  else await load(channel, Number(kind), first, second)
}
process.exit()

async function load(target: Channel, size: number, writers: number, seconds: number): Promise<void> {
  const stop = new AbortController()
  const written = writtenBytes()
  const from = performance.now()
  let taken = 0
  let running = writers
  const write = async (): Promise<void> => {
    while (performance.now() < from + seconds * 1000)
      await target.put(eventsOf(size), { patienceMs: Infinity })
    running--
  }
  const take = async (): Promise<void> => {
    for (;;) {
      const batch = await target.take({ events: size }, stop.signal)
      if (batch === null) return
      await batch.commit()
      taken += batch.events.length
      if (running === 0 && target.size === 0) stop.abort()
    }
  }
  await Promise.all(Array.from({ length: writers * 2 }, (_, index) => (index < writers ? write() : take())))
  const perSecond = taken / ((performance.now() - from) / 1000)
  console.log(`${size} ${writers} ${Math.round(perSecond)} ${Math.round((writtenBytes() - written) / taken)}`)
}

async function one(
  target: Channel,
  size: number,
  count: number,
): Promise<readonly [bare: number, put: number]> {
  const [write, fdatasync] = [promisify(fs.write), promisify(fs.fdatasync)]
  const bytes = Buffer.alloc(putEntryBytes(received(size)), 'y')
  const path = join(directory, 'bare')
  fs.writeFileSync(path, Buffer.alloc(bytes.length * count))
  const fd = fs.openSync(path, 'r+')
  fs.fsyncSync(fd)
  const bare: number[] = []
  const put: number[] = []
  for (let index = 0; index < 2 * count; index++) {
    // Before both, so that both meet what V8 clears away.
    const events = received(size)
    const at = performance.now()
    if (index % 2 === 0) {
      // As a program would do it that knows nothing else.
      await write(fd, bytes, 0, bytes.length, (index / 2) * bytes.length)
      await fdatasync(fd)
    } else await target.put(events)
    ;(index % 2 === 0 ? bare : put).push(performance.now() - at)
  }
  fs.closeSync(fd)
  fs.rmSync(path)
  return [median(bare), median(put)]
}

/** As an Avro source hands them on: pieces of the bytes that came. */
function received(count: number): Event[] {
  const [event] = eventsOf(1)
  const bytes = event!.size
  const request = Buffer.allocUnsafe(bytes * count)
  return Array.from({ length: count }, (_, index) => {
    event!.writeTo(request, index * bytes)
    return Event.fromEncoded(request.subarray(index * bytes, (index + 1) * bytes))
  })
}

function median(times: number[]): number {
  return Number(times.sort((a, b) => a - b)[times.length >> 1]!.toFixed(3))
}

/** By the whole machine to the disk that the directory is on, in sectors of 512 bytes as the kernel counts. */
function writtenBytes(): number {
  const { dev } = fs.statSync(directory)
  const [major, minor] = [(dev >> 8) & 0xfff, dev & 0xff]
  const line = new RegExp(`^ *${major} +${minor} \\S+(?: +\\d+){6} +(\\d+)`, 'm')
  return Number(line.exec(readFileSync('/proc/diskstats', 'utf8'))?.[1] ?? NaN) * 512
}
