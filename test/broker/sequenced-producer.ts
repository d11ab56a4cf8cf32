// An idempotent producer over one connection, as small as it can be: several requests in flight, and after
// a lost connection everything that was not acknowledged is sent again, in order, under its old sequence.
import { initProducerId } from '../../src/wire/kafka/messages/init-producer-id.ts'
import { produce } from '../../src/wire/kafka/messages/produce.ts'
import { kafkaError } from '../../src/wire/kafka/error-codes.ts'
import { writeRecords } from '../../src/wire/kafka/record-set.ts'
import { WireClient } from './wire-client.ts'

interface Sent {
  readonly sequence: number
  readonly values: readonly string[]
}

const inFlight = 5

export class SequencedProducer {
  readonly #topic: string
  #client: WireClient | null = null
  #producerId = -1
  #sequence = 0
  #unacknowledged: Sent[] = []
  /** Values the broker has acknowledged, with the offset of each. */
  readonly acknowledged = new Map<string, number>()

  constructor(topic: string) {
    this.#topic = topic
  }

  async connect(port: number): Promise<void> {
    this.#client = await WireClient.connect(port)
    if (this.#producerId !== -1) return
    const answer = await this.#client.ask(initProducerId, 4, {
      transactionalId: null,
      transactionTimeoutMs: 0,
    })
    this.#producerId = answer.producerId
  }

  /** Sends until the connection is lost, or `count` batches are acknowledged in this call. */
  async run(nextBatch: () => readonly string[], count = Infinity): Promise<void> {
    const again = this.#unacknowledged
    this.#unacknowledged = []
    let done = 0
    const waiting = new Set<Promise<boolean>>()
    for (let index = 0; ; index++) {
      const batch = again[index] ?? (done < count ? this.#make(nextBatch()) : undefined)
      if (batch === undefined) break
      this.#unacknowledged.push(batch)
      const sent = this.#send(batch).then(isGood => {
        waiting.delete(sent)
        if (isGood) done++
        return isGood
      })
      waiting.add(sent)
      if (waiting.size >= inFlight && !(await Promise.race(waiting))) {
        this.#unacknowledged.push(...again.slice(index + 1))
        break
      }
    }
    await Promise.all(waiting)
  }

  close(): void {
    this.#client?.close()
  }

  #make(values: readonly string[]): Sent {
    const sequence = this.#sequence
    this.#sequence += values.length
    return { sequence, values }
  }

  /** False where the connection is gone. */
  async #send(batch: Sent): Promise<boolean> {
    const { sequence, values } = batch
    const records = writeRecords(
      values.map(value => ({ timestamp: 1, key: null, value: Buffer.from(value) })),
      { identity: { producerId: this.#producerId, producerEpoch: 0, baseSequence: sequence } },
    )
    const answer = await this.#client!
      .ask(produce, 8, {
        acks: -1,
        timeoutMs: 1000,
        topicData: [{ name: this.#topic, partitionData: [{ index: 0, records }] }],
      })
      .catch(() => null)
    if (answer === null) return false
    const { errorCode, baseOffset } = answer.responses[0]!.partitionResponses[0]!
    if (errorCode !== 0) throw new Error(`batch ${sequence}: ${kafkaError(errorCode).name}`)
    this.#unacknowledged.splice(this.#unacknowledged.indexOf(batch), 1)
    for (const [index, value] of values.entries()) this.acknowledged.set(value, baseOffset + index)
    return true
  }
}
