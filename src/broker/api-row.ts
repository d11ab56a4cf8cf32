// One row of the broker's API table: an API of the protocol, the versions that are served, and what
// answers them.
import type { Api } from '../wire/kafka/api.ts'
import type { BodyOf, FieldSet, InputOf } from '../wire/kafka/fields.ts'
import type { MemoryShare } from '../system/memory-budget.ts'
import type { BrokerParts } from './broker-parts.ts'

/** What a handler knows of the request besides its body. */
export interface Call {
  readonly broker: BrokerParts
  readonly version: number
  readonly clientId: string
  /** The peer's address. */
  readonly clientHost: string
  /** Who has logged in on the connection; null where nobody has to. */
  readonly user: string | null
  /** Aborted when the connection is gone or the broker stops: waiting makes no sense any more. */
  readonly signal: AbortSignal
  /** What the answer holds until it has left; what is not counted when it is made is counted then. */
  readonly memory: MemoryShare
  /** Called by Produce as soon as the next one may be begun. */
  begun(): void
}

/** `null`: no answer is sent (Produce with acks=0). */
export type Answer<S extends FieldSet> = InputOf<S> | null | Promise<InputOf<S> | null>

/** What answers an API: `Handler<typeof heartbeat>`. */
export type Handler<A> =
  A extends Api<infer Q, infer S> ? (request: BodyOf<Q>, call: Call) => Answer<S> : never

/** Makes the answer of each key once, however often a request asks for it. */
export function onceEach<R>(make: (key: string) => R): (key: string) => R {
  const made = new Map<string, R>()
  return key => {
    const known = made.get(key)
    if (known !== undefined) return known
    const fresh = make(key)
    made.set(key, fresh)
    return fresh
  }
}

export interface ApiRow {
  readonly api: Api
  readonly first: number
  readonly last: number
  readonly handle: (request: never, call: Call) => unknown
  /** What is not there, or not as in Kafka: one sentence for the reference. */
  readonly note?: string
}

export function row<Q extends FieldSet, S extends FieldSet>(
  api: Api<Q, S>,
  versions: readonly [first: number, last: number],
  handle: (request: BodyOf<Q>, call: Call) => Answer<S>,
  note?: string,
): ApiRow {
  const [first, last] = versions
  return {
    api: api as unknown as Api,
    first,
    last,
    handle: handle as ApiRow['handle'],
    ...(note === undefined ? {} : { note }),
  }
}
