// A session as the routes see it: who asks, from where, what they may, and how they are shown messages.
import type { Grant, Role } from '../api/session.ts'
import { maskMessage, type MaskRule, type Readable } from './masking.ts'
import { mayDo } from './roles.ts'

export interface SessionParts {
  readonly user: string
  /** Address that the requests come from. */
  readonly from: string
  readonly grants: readonly Grant[]
  /** What requests that change something have to carry; null: anything, since no browser sends them by itself. */
  readonly token: string | null
  /** Aborted when the session is over; absent where each request says who asks. */
  readonly over?: AbortSignal | undefined
  /** What is hidden of messages; nothing where absent. */
  readonly rules?: readonly MaskRule[]
}

export class Session {
  readonly user: string
  readonly from: string
  readonly grants: readonly Grant[]
  readonly token: string | null
  readonly over: AbortSignal | undefined

  readonly rules: readonly MaskRule[]

  constructor({ user, from, grants, token, over, rules = [] }: SessionParts) {
    this.user = user
    this.from = from
    this.grants = grants
    this.token = token
    this.over = over
    this.rules = rules
  }

  /** For the topic; for some topic where none is named; for everything where it is null. */
  may(role: Role, topic?: string | null): boolean {
    return mayDo(this.grants, role, topic)
  }

  /** Lists leave out what this is false for. */
  sees(topic: string): boolean {
    return this.may('viewer', topic)
  }

  /** The same, to whom messages are shown by these rules. */
  maskedBy(rules: readonly MaskRule[]): Session {
    return new Session({ ...this, rules })
  }

  /**
   * The message as this session may see it. Whatever leaves the server, and whatever is searched, has gone through
   * here; a format is decoded into JSON before, so that rules for fields fit. `topic` null: it is not known.
   */
  mask<R extends Readable>(topic: string | null, message: R): R {
    const isExempt = (role: Role) => this.may(role, topic === '' ? null : topic)
    return maskMessage(this.rules, topic, message, isExempt)
  }
}
