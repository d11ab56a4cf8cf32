// An agent that reads from a broker gone mad: answers cut short, changed, longer than they say, without end, of sizes nobody
// has. It stays within its memory, goes on living, and reads on when the broker is sound again.
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { startBroker } from '../broker/running-broker.ts'
import { accepted, AttackedAgent } from './attacked-agent.ts'

/** What each of them does to a client is tried in simulated time: test/simulation/spoilt-answers.test.ts. */
const answers = process.env['MILLRACE_DEEP'] === undefined ? 20 : 2_000

/** Numbers that are the same in each run. */
function* numbers(): Generator<number, never> {
  for (let state = 1; ; state = Math.imul(state, 1103515245) + 12345) yield state >>> 8
}

/** Spoils every second answer of the broker behind it, so many of them, and the rest not. */
async function madBroker(
  t: TestContext,
  behind: { port: number },
): Promise<{ port: number; sane: Promise<void> }> {
  const random = numbers()
  const next = (below: number): number => random.next().value % below
  const sane = Promise.withResolvers<void>()
  const sockets = new Set<Socket>()
  let spoilt = 0
  const spoil = (frame: Buffer, to: Socket): void => {
    const bytes = Buffer.from(frame)
    switch (next(6)) {
      case 0: // changed, but for its number
        for (let count = 1 + next(5); count > 0 && bytes.length > 8; count--)
          bytes[8 + next(bytes.length - 8)] = next(256)
        return void to.write(bytes)
      case 1: // cut short, and the connection closed
        return void to.end(bytes.subarray(0, next(bytes.length)))
      case 2: // longer than it says
        return void to.write(Buffer.concat([bytes, Buffer.alloc(1 + next(100), next(256))]))
      case 3: // a size nobody has
        bytes.writeInt32BE([-1, 2 ** 31 - 1, 0, 3][next(4)]!, 0)
        return void to.write(bytes)
      case 4: {
        // without end
        bytes.writeInt32BE(1_000_000_000, 0)
        to.write(bytes)
        const more = Buffer.alloc(1_000_000, 1)
        const pour = (left: number): void => {
          if (left === 0 || to.destroyed) return void to.destroy()
          to.write(more, () => pour(left - 1))
        }
        return pour(150)
      }
      default: {
        // all ones: lengths, counts, offsets
        bytes.fill(255, Math.min(bytes.length, 8 + next(bytes.length)))
        return void to.write(bytes)
      }
    }
  }
  const server = createServer(client => {
    const broker = connect(behind.port, '127.0.0.1')
    sockets.add(client).add(broker)
    client.on('error', () => {}).on('close', () => broker.destroy())
    broker.on('error', () => {}).on('close', () => client.destroy())
    client.pipe(broker)
    let held = Buffer.alloc(0)
    broker.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk])
      while (held.length >= 4 && held.length >= 4 + held.readInt32BE(0)) {
        const frame = held.subarray(0, 4 + held.readInt32BE(0))
        held = held.subarray(frame.length)
        if (spoilt < answers && next(2) === 0) {
          if (++spoilt === answers) sane.resolve()
          spoil(frame, client)
        } else client.write(frame)
      }
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, sane: sane.promise }
}

test('answers of a broker that is mad', { timeout: 900_000 }, async t => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-hostile-'))
  const behind = { port: 0 }
  const mad = await madBroker(t, behind)
  // What it calls itself is where the agent goes: to the mad one.
  const broker = await startBroker(directory, {
    'advertised.host.name': '127.0.0.1',
    'advertised.port': String(mad.port),
  })
  behind.port = broker.broker.port
  t.after(async () => {
    await broker.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const agent = await AttackedAgent.start(t, [
    'a1.sources = r1 r2',
    'a1.channels = c1',
    'a1.sinks = k1',
    'a1.sources.r1.type = org.apache.flume.source.kafka.KafkaSource',
    `a1.sources.r1.kafka.bootstrap.servers = 127.0.0.1:${mad.port}`,
    'a1.sources.r1.kafka.topics = circle',
    'a1.sources.r1.kafka.consumer.group.id = g',
    'a1.sources.r1.kafka.consumer.auto.offset.reset = earliest',
    'a1.sources.r1.kafka.consumer.request.timeout.ms = 1000',
    'a1.sources.r1.kafka.consumer.fetch.max.wait.ms = 50',
    'a1.sources.r1.channels = c1',
    'a1.sources.r2.type = seq',
    'a1.sources.r2.totalEvents = 1000',
    'a1.sources.r2.channels = c1',
    'a1.channels.c1.type = memory',
    'a1.channels.c1.capacity = 10000',
    'a1.channels.c1.transactionCapacity = 1000',
    'a1.sinks.k1.type = org.apache.flume.sink.kafka.KafkaSink',
    `a1.sinks.k1.kafka.bootstrap.servers = 127.0.0.1:${mad.port}`,
    'a1.sinks.k1.kafka.topic = circle',
    'a1.sinks.k1.allowTopicOverride = false',
    'a1.sinks.k1.kafka.producer.request.timeout.ms = 1000',
    'a1.sinks.k1.channel = c1',
  ])
  await mad.sane
  // What it sends to the topic it reads: events go round.
  const before = accepted(await agent.snapshot())
  await agent.until(snapshot => accepted(snapshot) > before + 100, 120_000)
  await agent.assertBounded()
})
