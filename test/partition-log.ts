// What a scripted broker keeps of its partitions: records as they were appended, and the numbers of
// idempotent producers by the rules of Kafka 4: a batch that is there already is acknowledged again,
// one that would leave a hole is refused, one of an earlier epoch too.
import type { RequestOf, ResponseInputOf } from '../src/wire/kafka/api.ts'
import { errorCodes } from '../src/wire/kafka/error-codes.ts'
import type { produce } from '../src/wire/kafka/messages/produce.ts'
import { RecordSetReader } from '../src/wire/kafka/record-set.ts'
import type { RecordBatch } from '../src/wire/kafka/record.ts'
import type { Answer } from './scripted-broker.ts'

type Produce = typeof produce

interface KnownProducer {
  epoch: number
  last: number
  /** The last batches as "first-last", the newest at the end. */
  batches: string[]
}

/** An error code in place of appending; 0: as the rules say. `after`: the code comes although it is appended. */
export type Verdict = number | { readonly after: number }

export class PartitionLogs {
  readonly #logs = new Map<string, string[]>()
  readonly #producers = new Map<string, Map<number, KnownProducer>>()
  /** Every batch that came, in order. */
  readonly batches: (RecordBatch & { name: string; bytes: Buffer; code: number })[] = []

  /** The values of `topic-partition`. */
  of(name: string): readonly string[] {
    return this.#logs.get(name) ?? []
  }

  /** As an expired producer id, or a topic made anew. */
  forgetProducers(name: string): void {
    this.#producers.delete(name)
  }

  /** The state of a producer as another leader may know it. */
  setLast(name: string, producerId: number, last: number): void {
    const known = this.#producers.get(name)?.get(producerId)
    if (known === undefined) throw new Error(`nothing is known of ${producerId}`)
    known.last = last
    known.batches = []
  }

  /** Appends what the request brings; `judge` is asked for each partition. */
  answer(
    { topicData }: RequestOf<Produce>,
    judge: (name: string, batch: RecordBatch) => Verdict = () => 0,
  ): Answer<Produce> {
    const responses: ResponseInputOf<Produce>['responses'] = topicData.map(
      ({ name: topic, partitionData }) => ({
        name: topic,
        partitionResponses: partitionData.map(({ index, records }) => {
          const name = `${topic}-${index}`
          const batch = new RecordSetReader(records!).next()!
          const verdict = judge(name, batch)
          const code = typeof verdict === 'number' && verdict !== 0 ? verdict : this.#append(name, batch)
          const told = typeof verdict === 'number' || code !== 0 ? code : verdict.after
          this.batches.push({ ...batch, name, bytes: Buffer.from(records!), code: told })
          return { index, errorCode: told, baseOffset: -1 }
        }),
      }),
    )
    return { responses }
  }

  #append(name: string, batch: RecordBatch): number {
    const records = batch.records()
    if (batch.producerId !== -1) {
      const code = this.#check(name, batch, records.length)
      if (code === 'known') return 0
      if (code !== 0) return code
    }
    let log = this.#logs.get(name)
    if (log === undefined) this.#logs.set(name, (log = []))
    for (const { value } of records) log.push(String(value))
    return 0
  }

  #check(name: string, batch: RecordBatch, count: number): number | 'known' {
    const { producerId, producerEpoch: epoch, baseSequence: first } = batch
    const last = (first + count - 1) % 2 ** 31
    let producers = this.#producers.get(name)
    if (producers === undefined) this.#producers.set(name, (producers = new Map()))
    const known = producers.get(producerId)
    if (known !== undefined) {
      if (epoch < known.epoch) return errorCodes.INVALID_PRODUCER_EPOCH
      if (epoch === known.epoch && known.batches.includes(`${first}-${last}`)) return 'known'
      const expected = epoch > known.epoch ? 0 : (known.last + 1) % 2 ** 31
      if (first !== expected) return errorCodes.OUT_OF_ORDER_SEQUENCE_NUMBER
    }
    const batches = known?.epoch === epoch ? known.batches : []
    producers.set(producerId, { epoch, last, batches: [...batches, `${first}-${last}`].slice(-5) })
    return 0
  }
}
