// A scripted session with one broker: raw requests over one connection, each answer kept under the name of
// its step for the comparison. The script is the same for every broker, and so are its names.
import type { Api } from '../../src/wire/kafka/api.ts'
import { errorCodes, kafkaError } from '../../src/wire/kafka/error-codes.ts'
import type { BodyOf, FieldSet, InputOf } from '../../src/wire/kafka/fields.ts'
import { createTopics } from '../../src/wire/kafka/messages/create-topics.ts'
import { listOffsets } from '../../src/wire/kafka/messages/list-offsets.ts'
import { WireClient } from '../broker/wire-client.ts'
import { waitFor } from '../interop/peers/waiting.ts'
import { foreignRequest } from './foreign-bytes.ts'
import { Names, normalised, type NormalForm } from './normal-form.ts'

export interface Step {
  readonly name: string
  readonly api: string
  readonly version: number
  readonly answer: unknown
}

export interface Session {
  readonly name: string
  /** Played where both brokers have all of them. */
  readonly needs: readonly { readonly key: number }[]
  run(play: Play): Promise<void>
}

/** A broker, and the versions it shares with the one it is compared to, by the key of the API. */
export interface Stage {
  readonly port: number
  readonly shared: ReadonlyMap<number, readonly [first: number, last: number]>
  readonly prefix: string
  /** Every request with what no broker knows: tagged fields, and bytes behind it. */
  readonly isForeign?: boolean
}

/** Answers a broker gives while it is still busy with itself, Kafka more than ours. */
const busy: ReadonlySet<number> = new Set([
  errorCodes.LEADER_NOT_AVAILABLE,
  errorCodes.NOT_LEADER_OR_FOLLOWER,
  errorCodes.COORDINATOR_LOAD_IN_PROGRESS,
  errorCodes.COORDINATOR_NOT_AVAILABLE,
  errorCodes.NOT_COORDINATOR,
  errorCodes.CONCURRENT_TRANSACTIONS,
])

const isBusy = (answer: unknown): boolean => {
  if (Array.isArray(answer)) return answer.some(isBusy)
  if (typeof answer !== 'object' || answer === null || Buffer.isBuffer(answer)) return false
  return Object.entries(answer).some(([name, value]) =>
    name === 'errorCode' ? busy.has(value as number) : isBusy(value),
  )
}

const closed = Symbol('closed')

export class Play {
  readonly steps: Step[] = []
  readonly #stage: Stage
  readonly #name: string
  readonly #form: NormalForm
  readonly #repeats = new Map<string, number>()
  #client: WireClient | null = null
  #others: WireClient[] = []
  #topics = 0

  constructor(name: string, stage: Stage) {
    this.#name = name
    this.#stage = stage
    this.#form = { names: new Names(), port: stage.port, prefix: stage.prefix }
  }

  /** All versions both brokers have. */
  versions(api: { readonly key: number }): number[] {
    const [first, last] = this.#stage.shared.get(api.key) ?? [0, -1]
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  }

  has(api: { readonly key: number }, version = 0): boolean {
    return this.versions(api).some(one => one >= version)
  }

  newest(api: { readonly key: number }): number {
    return this.#stage.shared.get(api.key)![1]
  }

  /** A name nobody else uses: of a group, a transaction, a topic that is not there. */
  name(word: string): string {
    return `${this.#stage.prefix}${this.#name}-${word}`
  }

  /** A new topic whose partitions are led. */
  async topic(
    partitions = 1,
    configs: Readonly<Record<string, string>> = {},
    name = this.name(`topic-${this.#topics++}`),
  ): Promise<string> {
    const client = await this.#connected()
    const made = await client.ask(createTopics, Math.min(4, this.newest(createTopics)), {
      topics: [
        {
          name,
          numPartitions: partitions,
          replicationFactor: 1,
          assignments: [],
          configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
        },
      ],
    })
    const { errorCode } = made.topics[0]!
    if (errorCode !== 0) throw new Error(`topic ${name}: ${kafkaError(errorCode).name}`)
    await this.untilLed(name, partitions)
    return name
  }

  async untilLed(name: string, partitions: number): Promise<void> {
    const client = await this.#connected()
    const asked = Array.from({ length: partitions }, (_, partitionIndex) => ({
      partitionIndex,
      timestamp: -1,
    }))
    await waitFor(async () => {
      const { topics } = await client.ask(listOffsets, 1, { topics: [{ name, partitions: asked }] })
      return topics[0]!.partitions.every(({ errorCode }) => errorCode === 0)
    }, `${name} is led`)
  }

  /** Kafka carries the end of a transaction out after it has answered. */
  async untilStable(topic: string): Promise<void> {
    const client = await this.#connected()
    const endOf = async (isolationLevel: number) => {
      const partitions = [{ partitionIndex: 0, timestamp: -1 }]
      const { topics } = await client.ask(listOffsets, 2, {
        isolationLevel,
        topics: [{ name: topic, partitions }],
      })
      return topics[0]!.partitions[0]!.offset
    }
    await waitFor(async () => (await endOf(0)) === (await endOf(1)), `${topic} is stable`)
  }

  /** Asks and keeps the answer; asks again while the broker is busy with itself. */
  async ask<Q extends FieldSet, S extends FieldSet>(
    name: string,
    api: Api<Q, S>,
    version: number,
    body: InputOf<Q>,
    options: { readonly isBusyMeant?: true } = {},
  ): Promise<BodyOf<S>> {
    let answer: BodyOf<S> | typeof closed = closed
    await waitFor(async () => {
      answer = await this.#once(api, version, body)
      return answer === closed || options.isBusyMeant === true || !isBusy(answer)
    }, `${this.#name}: ${name}: ${api.name} v${version} is answered`)
    this.keep(
      name,
      api,
      version,
      (answer as unknown) === closed ? 'connection closed' : normalised(api, answer, this.#form),
    )
    if ((answer as unknown) === closed) return { errorCode: NaN } as unknown as BodyOf<S>
    return answer as BodyOf<S>
  }

  /** Sends bytes, hex from the client id on, and keeps what they say to them. */
  async raw<Q extends FieldSet, S extends FieldSet>(
    name: string,
    api: Api<Q, S>,
    version: number,
    hex: string,
  ): Promise<void> {
    const header = Buffer.alloc(12)
    const rest = Buffer.from(hex.replaceAll(' ', ''), 'hex')
    header.writeInt32BE(8 + rest.length, 0)
    header.writeInt16BE(api.key, 4)
    header.writeInt16BE(version, 6)
    const client = await this.another()
    const answer = await client.raw(Buffer.concat([header, rest])).then(
      bytes => normalised(api, api.decodeResponse(version, bytes).body, this.#form),
      () => 'connection closed',
    )
    this.keep(name, api, version, answer)
  }

  /** Keeps what was seen without being an answer. */
  keep(name: string, api: { readonly name: string }, version: number, answer: unknown): void {
    const base = `${name}|${api.name}|${version}`
    const count = (this.#repeats.get(base) ?? 0) + 1
    this.#repeats.set(base, count)
    this.steps.push({ name: count === 1 ? name : `${name} (${count})`, api: api.name, version, answer })
  }

  /** Sends without waiting for an answer. */
  async tell<Q extends FieldSet, S extends FieldSet>(
    api: Api<Q, S>,
    version: number,
    body: InputOf<Q>,
  ): Promise<void> {
    ;(await this.#connected()).tell(api, version, body)
  }

  /** A second connection, for requests that wait for those of the first. */
  async another(): Promise<WireClient> {
    const client = await WireClient.connect(this.#stage.port)
    this.#others.push(client)
    return client
  }

  /** For answers of another connection. */
  keepAnswer<S extends FieldSet>(
    name: string,
    api: Api<FieldSet, S>,
    version: number,
    answer: unknown,
  ): void {
    this.keep(name, api, version, normalised(api, answer, this.#form))
  }

  close(): void {
    for (const client of [this.#client, ...this.#others]) client?.close()
  }

  async #connected(): Promise<WireClient> {
    return (this.#client ??= await WireClient.connect(this.#stage.port))
  }

  async #once<Q extends FieldSet, S extends FieldSet>(
    api: Api<Q, S>,
    version: number,
    body: InputOf<Q>,
  ): Promise<BodyOf<S> | typeof closed> {
    const client = await this.#connected()
    try {
      return await client.ask(api, version, body, this.#stage.isForeign === true ? foreignRequest : undefined)
    } catch (error) {
      if (!(error instanceof Error) || !error.message.includes('closed the connection')) throw error
      this.#client = null
      return closed
    }
  }
}
