// Each sink of the catalogue, and the one of examples/04, on a stage: what it delivers to is real, and refuses
// what the test says.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import shout from '../../examples/04-own-component/shout.mjs'
import type { SinkDefinition, SourceDefinition } from '../../src/component.ts'
import { Fault } from '../../src/errors.ts'
import { Event } from '../../src/event.ts'
import { type AvroSource, avroSource } from '../../src/sources/avro.ts'
import { type ThriftSource, thriftSource } from '../../src/sources/thrift.ts'
import { avroSink } from '../../src/sinks/avro.ts'
import { fileRollSink } from '../../src/sinks/file-roll.ts'
import { httpSink } from '../../src/sinks/http.ts'
import { hdfsSink } from '../../src/sinks/hdfs.ts'
import { kafkaSink } from '../../src/sinks/kafka.ts'
import { loggerSink } from '../../src/sinks/logger.ts'
import { nullSink } from '../../src/sinks/null.ts'
import { thriftSink } from '../../src/sinks/thrift.ts'
import type { Disk } from '../../src/system/disk.ts'
import { realSystem, type System } from '../../src/system/system.ts'
import { errorCodes } from '../../src/wire/kafka/error-codes.ts'
import { initProducerId } from '../../src/wire/kafka/messages/init-producer-id.ts'
import { metadata } from '../../src/wire/kafka/messages/metadata.ts'
import { produce } from '../../src/wire/kafka/messages/produce.ts'
import { contextFor, optionsFor, type TestContext } from '../context.ts'
import { PartitionLogs } from '../partition-log.ts'
import { metadataOf, ScriptedBroker } from '../scripted-broker.ts'
import { eventOf, type SinkPlan, type SinkStage } from './sink.ts'

const contextOf = (definition: SinkDefinition, system: System = realSystem): TestContext =>
  contextFor('SINK', 'k1', definition.counters ?? [], { system })

/** The stage before it has its end. */
const stageOf = (given: Omit<SinkStage, 'refuses' | typeof Symbol.asyncDispose>) => ({
  refuses: (_body: string): boolean => false,
  ...given,
})

/** A sink that makes requests to a source. */
async function rpcStage(sourceDefinition: SourceDefinition, definition: SinkDefinition) {
  const received: string[] = []
  let isHanging = false
  const end = Promise.withResolvers<void>()
  const stage = stageOf({ sink: null as never, arrived: () => received })
  const source = sourceDefinition.create(optionsFor(sourceDefinition, { bind: '127.0.0.1', port: 0 }), {
    ...contextFor('SOURCE', 'r1', sourceDefinition.counters),
    processor: {
      async process(events) {
        if (isHanging) return end.promise
        const bodies = events.map(event => event.body.toString())
        if (bodies.some(body => stage.refuses(body))) throw new Fault('CHANNEL_FULL', 'no room')
        received.push(...bodies)
      },
      processUntilAccepted: () => Promise.reject(new Error('such a source does not repeat')),
    },
  }) as AvroSource | ThriftSource
  await source.start()
  const options = optionsFor(definition, { hostname: '127.0.0.1', port: source.port })
  return Object.assign(stage, {
    sink: definition.create(options, contextOf(definition)),
    hang: () => (isHanging = true),
    [Symbol.asyncDispose]: () => {
      end.resolve()
      return source.stop()
    },
  })
}

async function kafkaStage() {
  const broker = await new ScriptedBroker().start()
  const logs = new PartitionLogs()
  let isHanging = false
  const stage = stageOf({
    sink: kafkaSink.create(
      optionsFor(kafkaSink, {
        'kafka.bootstrap.servers': broker.bootstrap,
        'kafka.topic': 't',
        partitionIdHeader: 'p',
        'kafka.producer': { acks: 'all' },
      }),
      contextOf(kafkaSink),
    ),
    arrived: () => logs.of('t-0'),
  })
  const id = { throttleTimeMs: 0, errorCode: 0, producerId: 1, producerEpoch: 0 }
  broker
    .on(metadata, metadataOf([broker.address], { t: { leaders: [0] } }), [0, 12])
    .on(initProducerId, () => id)
    .on(produce, body =>
      logs.answer(body, (_, batch) => {
        if (isHanging) return errorCodes.NOT_ENOUGH_REPLICAS
        const bodies = batch.records().map(({ value }) => String(value))
        if (bodies.includes('too large')) return errorCodes.MESSAGE_TOO_LARGE
        return bodies.some(body => stage.refuses(body)) ? errorCodes.TOPIC_AUTHORIZATION_FAILED : 0
      }),
    )
  return Object.assign(stage, {
    hang: () => (isHanging = true),
    [Symbol.asyncDispose]: () => broker.stop(),
  })
}

async function httpStage() {
  const received: string[] = []
  let isHanging = false
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => void chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      if (isHanging) return
      const isRefused = stage.refuses(body)
      if (!isRefused) received.push(body)
      response.writeHead(isRefused ? 503 : 200).end('an answer')
    })
  })
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const stage = stageOf({
    sink: httpSink.create(
      optionsFor(httpSink, { endpoint: `http://127.0.0.1:${port}/` }),
      contextOf(httpSink),
    ),
    arrived: () => received,
  })
  return Object.assign(stage, {
    hang: () => (isHanging = true),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  })
}

/** A disk that fails in the middle of a write. */
function failingDisk(refuses: (body: string) => boolean): Disk {
  return {
    ...realSystem.disk,
    async open(path, mode) {
      const file = await realSystem.disk.open(path, mode)
      return {
        path,
        size: () => file.size(),
        read: (target, position) => file.read(target, position),
        writeAll: (buffers, position) => file.writeAll(buffers, position),
        truncate: size => file.truncate(size),
        sync: () => file.sync(),
        close: () => file.close(),
        async write(bytes, position) {
          if (!bytes.toString().trimEnd().split('\n').some(refuses)) return file.write(bytes, position)
          await file.write(bytes.subarray(0, Math.ceil(bytes.length / 2)), position)
          throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
        },
      }
    },
  }
}

/** A sink that writes files below the directory it is given, a line an event. */
async function filesStage(definition: SinkDefinition, given: (directory: string) => Record<string, unknown>) {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-sink-'))
  const stage = stageOf({
    sink: null as never,
    arrived: () =>
      readdirSync(directory)
        .sort((one, other) => numberOf(one) - numberOf(other))
        .flatMap(name => readFileSync(join(directory, name), 'utf8').split('\n').slice(0, -1)),
  })
  const system = { ...realSystem, disk: failingDisk(body => stage.refuses(body)) }
  return Object.assign(stage, {
    sink: definition.create(optionsFor(definition, given(directory)), contextOf(definition, system)),
    [Symbol.asyncDispose]: async () => rmSync(directory, { recursive: true }),
  })
}

/** The number that tells the files of a sink apart. */
const numberOf = (name: string) => Number(/(\d+)(\.tmp)?$/.exec(name)![1])

/** A sink that takes everything and says so in the log. */
function loggedStage(
  definition: SinkDefinition,
  given: Record<string, unknown>,
  arrived: (lines: readonly string[]) => readonly string[],
) {
  const context = contextOf(definition)
  return Object.assign(
    stageOf({
      sink: definition.create(optionsFor(definition, given), context),
      arrived: () => arrived(context.log.lines),
    }),
    { [Symbol.asyncDispose]: async () => {} },
  )
}

/** What `shout` prints is kept and not printed. */
function shoutStage() {
  const printed: string[] = []
  const { write } = process.stdout
  process.stdout.write = ((text: string, ...more: never[]) => {
    const body = typeof text === 'string' ? /^(.*)!\n$/.exec(text)?.[1] : undefined
    if (body === undefined) return write.call(process.stdout, text, ...more)
    printed.push(body)
    return true
  }) as typeof write
  return Object.assign(
    stageOf({
      sink: shout.create(optionsFor(shout), contextOf(shout)),
      arrived: () => printed,
    }),
    { [Symbol.asyncDispose]: async () => void (process.stdout.write = write) },
  )
}

/** By the type of the sink. */
export const sinkPlans: Readonly<Record<string, SinkPlan>> = {
  avro: {
    open: () => rpcStage(avroSource, avroSink),
    canRefuse: true,
    hang: stage => (stage as { hang?(): void }).hang!(),
  },
  thrift: {
    open: () => rpcStage(thriftSource, thriftSink),
    canRefuse: true,
    hang: stage => (stage as { hang?(): void }).hang!(),
  },
  'org.apache.flume.sink.kafka.KafkaSink': {
    open: kafkaStage,
    canRefuse: true,
    hang: stage => (stage as { hang?(): void }).hang!(),
    poison: {
      'the broker refuses it': () => eventOf('too large'),
      'it is larger than a request': () => Event.of({}, Buffer.alloc(2_000_000)),
      'it cannot become a record': () => Event.of({ p: 'none' }, 'x'),
    },
  },
  http: { open: httpStage, canRefuse: true, hang: stage => (stage as { hang?(): void }).hang!() },
  file_roll: {
    open: () =>
      filesStage(fileRollSink, directory => ({ 'sink.directory': directory, 'sink.rollInterval': 0 })),
    canRefuse: true,
  },
  hdfs: {
    open: () =>
      filesStage(hdfsSink, directory => ({
        'hdfs.path': `file://${directory}`,
        'hdfs.fileType': 'DataStream',
        'hdfs.filePrefix': 'x%{p}',
        'hdfs.rollCount': 50,
      })),
    canRefuse: true,
    poison: {
      'its path leads out of the directory': () => Event.of({ p: '/../../y' }, 'x'),
    },
  },
  logger: {
    open: async () =>
      loggedStage(loggerSink, {}, lines => lines.flatMap(line => / (\w+) \}$/.exec(line)?.[1] ?? [])),
    canRefuse: false,
  },
  // It counts; which events there were it does not know.
  null: {
    open: async () =>
      loggedStage(nullSink, { logEveryNEvents: 1 }, lines => {
        const count = Number(
          / (\d+) events$/.exec(lines.findLast(line => line.includes('processed')) ?? '')?.[1],
        )
        return Array.from({ length: count || 0 }, (_, index) => String(index))
      }),
    canRefuse: false,
  },
  shout: { open: async () => shoutStage(), canRefuse: false },
}
