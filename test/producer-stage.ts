// An ordered producer on a scripted broker that leads topic t with two partitions, and what the broker keeps.
import { silentLogger, type Logger } from '../src/observe/log.ts'
import type { ProducerRecord } from '../src/kafka-client/contract.ts'
import { OrderedProducer } from '../src/kafka-client/producer/producer.ts'
import { producerDefaults, type ProducerSettings } from '../src/kafka-client/settings.ts'
import type { RequestOf } from '../src/wire/kafka/api.ts'
import { initProducerId } from '../src/wire/kafka/messages/init-producer-id.ts'
import { metadata } from '../src/wire/kafka/messages/metadata.ts'
import { produce } from '../src/wire/kafka/messages/produce.ts'
import type { RecordBatch } from '../src/wire/kafka/record.ts'
import { PartitionLogs, type Verdict } from './partition-log.ts'
import { hurriedSystem, metadataOf, ScriptedBroker, type Answer } from './scripted-broker.ts'

export const system = hurriedSystem(20)
export const value = (record: ProducerRecord) => String(record.value)
export const record = (text: string | number, partition = 0): ProducerRecord => ({
  topic: 't',
  partition,
  key: null,
  value: Buffer.from(String(text)),
  timestamp: 1_700_000_000_000,
})
export const numbers = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index)
export const recordsOf = (from: number, to: number, partition = 0) =>
  numbers(from, to).map(number => record(number, partition))
export const texts = (from: number, to: number) => numbers(from, to).map(String)
export const turn = () => new Promise(resolve => setImmediate(resolve))

export interface Stage extends AsyncDisposable {
  readonly broker: ScriptedBroker
  readonly logs: PartitionLogs
  readonly producer: OrderedProducer
  readonly lines: string[]
  /** What is done about a request before it reaches the logs; `undefined`: nothing. */
  before: (body: RequestOf<typeof produce>) => Answer<typeof produce> | undefined | Promise<undefined>
  /** What is done with the answer of the logs. */
  after: (answer: Answer<typeof produce>) => Answer<typeof produce> | Promise<Answer<typeof produce>>
  judge: (name: string, batch: RecordBatch) => Verdict
  ids: number
}

/** One broker that leads topic t with two partitions. */
export async function stageOf(
  settings: Partial<ProducerSettings> = {},
  versions: readonly [number, number] = [3, 11],
): Promise<Stage> {
  const broker = await new ScriptedBroker().start()
  const logs = new PartitionLogs()
  const lines: string[] = []
  const note = (text: string) => void lines.push(text)
  const log = { ...silentLogger, warn: note, info: note, error: note } as Logger
  const producer = new OrderedProducer({
    system,
    log,
    settings: { ...producerDefaults, acks: -1, bootstrapServers: [broker.bootstrap], ...settings },
  })
  const stage: Stage = {
    broker,
    logs,
    producer,
    lines,
    before: () => undefined,
    after: answer => answer,
    judge: () => 0,
    ids: 0,
    async [Symbol.asyncDispose]() {
      await producer.close()
      await broker.stop()
    },
  }
  broker.on(metadata, metadataOf([broker.address], { t: { leaders: [0, 0] } }), [0, 12])
  if (versions[1] >= 3) broker.on(initProducerId, () => given({ producerId: 70 + stage.ids++ }))
  broker.on(
    produce,
    async body =>
      (await stage.before(body)) ?? (await stage.after(logs.answer(body, (...of) => stage.judge(...of)))),
    versions,
  )
  return stage
}

export const given = ({ errorCode = 0, producerId = -1 }) => ({
  throttleTimeMs: 0,
  errorCode,
  producerId,
  producerEpoch: 0,
})

export const identities = ({ logs }: Stage) =>
  logs.batches.map(one => [one.producerId, one.producerEpoch, one.baseSequence])
