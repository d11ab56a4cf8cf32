// A small world to look at: the embedded broker, agents A and B between two topics, and the console over them.
import { once } from 'node:events'
import { join } from 'node:path'
import { createServer, type AddressInfo } from 'node:net'
import { startConsole, type RunningConsole } from '../../src/console/console.ts'
import type { ConsoleSettings } from '../../src/console/settings.ts'
import { createAdmin, readAdminProperties, type Admin } from '../../src/kafka-client/kafka-client.ts'
import { silentLogger } from '../../src/observe/log.ts'
import { startAgent } from '../../src/start-agent.ts'
import { realSystem } from '../../src/system/system.ts'
import type { Agent } from '../../src/topology/agent.ts'
import { startBroker, type RunningBroker } from '../broker/running-broker.ts'

export interface World extends AsyncDisposable {
  readonly broker: RunningBroker
  readonly admin: Admin
  readonly a: Agent
  readonly b: Agent
  readonly console: RunningConsole
  /** Monitoring pages of A and B. */
  readonly pages: readonly string[]
}

export interface WorldOptions {
  readonly topic?: string
  /** Of both channels, in events. */
  readonly capacity?: number
  /** Of the console. */
  readonly settings?: Partial<ConsoleSettings>
}

/** Three ports that were free a moment ago. */
async function freePorts(): Promise<number[]> {
  const servers = [createServer(), createServer(), createServer()]
  for (const server of servers) {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  }
  const ports = servers.map(server => (server.address() as AddressInfo).port)
  for (const server of servers) {
    server.close()
    await once(server, 'close')
  }
  return ports
}

export async function startWorld(directory: string, options: WorldOptions = {}): Promise<World> {
  const { topic = 'test3', capacity = 10_000 } = options
  await using stack = new AsyncDisposableStack()
  const broker = await startBroker(directory)
  stack.defer(() => broker.stop())
  const admin = createAdmin({ system: realSystem, bootstrapServers: [broker.bootstrap], log: silentLogger })
  stack.defer(() => admin.close())
  for (const name of [topic, 'test2']) await admin.topics.create({ name, partitions: 2 })
  const [avroPort, ...monitoring] = (await freePorts()) as [number, number, number]
  const agent = (name: string, port: number, configuration: string) =>
    startAgent({
      name,
      configuration,
      properties: {
        'flume.monitoring.type': 'http',
        'flume.monitoring.host': '127.0.0.1',
        'flume.monitoring.port': String(port),
        'millrace.monitoring.events': 'true',
        'user.home': directory,
      },
    })
  const channel = (name: string) => `
${name}.channels = c1
${name}.channels.c1.type = file
${name}.channels.c1.capacity = ${capacity}
${name}.channels.c1.transactionCapacity = 1000
${name}.channels.c1.checkpointDir = ${join(directory, name, 'checkpoint')}
${name}.channels.c1.dataDirs = ${join(directory, name, 'data')}
`
  const b = await agent(
    'B',
    monitoring[1]!,
    `${channel('B')}
B.sources = avro-source
B.sources.avro-source.type = avro
B.sources.avro-source.bind = 127.0.0.1
B.sources.avro-source.port = ${avroPort}
B.sources.avro-source.channels = c1
B.sinks = kafka-sink
B.sinks.kafka-sink.type = org.apache.flume.sink.kafka.KafkaSink
B.sinks.kafka-sink.kafka.bootstrap.servers = ${broker.bootstrap}
B.sinks.kafka-sink.kafka.topic = elsewhere
B.sinks.kafka-sink.channel = c1
`,
  )
  stack.defer(() => b.stop())
  const a = await agent(
    'A',
    monitoring[0]!,
    `${channel('A')}
A.sources = kafka-source
A.sources.kafka-source.type = org.apache.flume.source.kafka.KafkaSource
A.sources.kafka-source.kafka.bootstrap.servers = ${broker.bootstrap}
A.sources.kafka-source.kafka.topics = ${topic}
A.sources.kafka-source.kafka.consumer.group.id = readers
A.sources.kafka-source.kafka.consumer.auto.offset.reset = earliest
A.sources.kafka-source.channels = c1
A.sources.kafka-source.interceptors = i1
A.sources.kafka-source.interceptors.i1.type = static
A.sources.kafka-source.interceptors.i1.key = topic
A.sources.kafka-source.interceptors.i1.value = test2
A.sources.kafka-source.interceptors.i1.preserveExisting = false
A.sinks = avro-sink
A.sinks.avro-sink.type = avro
A.sinks.avro-sink.hostname = 127.0.0.1
A.sinks.avro-sink.port = ${avroPort}
A.sinks.avro-sink.truststore-password = canary-1
A.sinks.avro-sink.channel = c1
`,
  )
  stack.defer(() => a.stop())
  const pages = monitoring.map(port => `127.0.0.1:${port}`)
  const { settings } = readAdminProperties({ 'bootstrap.servers': broker.bootstrap }, {})
  const running = await startConsole({
    agents: { given: pages, announced: false },
    clusters: [{ name: 'lab', settings: settings! }],
    settings: { port: 0, ...options.settings },
    system: { ...realSystem, systemProperties: new Map() },
  })
  stack.use(running)
  const all = stack.move()
  return {
    broker,
    admin,
    a,
    b,
    console: running,
    pages,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

/** Sends numbered records to the topic. */
export async function send(world: World, topic: string, count: number): Promise<void> {
  const producer = world.broker.kafkajs().producer()
  await producer.connect()
  const messages = Array.from({ length: count }, (_, index) => ({ value: `event ${index}` }))
  await producer.send({ topic, messages })
  await producer.disconnect()
}
