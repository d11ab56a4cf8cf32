// A session as the routes see it: who asks, from where, what they may, and how they are shown messages.
import type { Grant, Role } from '../api/session.ts'
import { mayDo } from './roles.ts'

/** What of a message can be read: a record of Kafka, or an event with its headers as such. */
export interface Readable {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly { readonly key: string; readonly value: Buffer | null }[]
}

export interface SessionParts {
  readonly user: string
  /** Address that the requests come from. */
  readonly from: string
  readonly grants: readonly Grant[]
  /** What requests that change something have to carry; null: anything, since no browser sends them by itself. */
  readonly token: string | null
  /** Aborted when the session is over; absent where each request says who asks. */
  readonly over?: AbortSignal
}

export class Session {
  readonly user: string
  readonly from: string
  readonly grants: readonly Grant[]
  readonly token: string | null
  readonly over: AbortSignal | undefined

  constructor({ user, from, grants, token, over }: SessionParts) {
    this.user = user
    this.from = from
    this.grants = grants
    this.token = token
    this.over = over
  }

  /** For the topic; for some topic where none is named; for everything where it is null. */
  may(role: Role, topic?: string | null): boolean {
    return mayDo(this.grants, role, topic)
  }

  /** Lists leave out what this is false for. */
  sees(topic: string): boolean {
    return this.may('viewer', topic)
  }

  /**
   * The message as this session may see it. Whatever leaves the server, and whatever is searched, has gone through
   * here; a format is decoded into JSON before, so that rules for fields fit.
   */
  mask<R extends Readable>(_topic: string, message: R): R {
    return message
  }
}
