// One exchange of SASL tokens as the client's side of a mechanism sees it, and the simplest mechanism.
import type { Secret } from '../../security/secret.ts'

/** Serves one authentication. */
export interface Conversation {
  readonly first: Buffer
  /** The token that answers the broker's; null when there is nothing more to say. Throws or rejects with SaslError. */
  answer(token: Buffer): Buffer | null | Promise<Buffer>
  /** What was learned before the broker refused, such as an OAuth error. */
  readonly reason?: string | undefined
}

/** The exchange cannot go on; the message is a clause that says why, without a secret. */
export class SaslError extends Error {
  override name = 'SaslError'
}

/** PLAIN (RFC 4616): authorization id, name and password, each behind a zero byte but for the first. */
export const conversePlain = (username: string, password: Secret): Conversation => ({
  first: Buffer.from(`\0${username}\0${password.reveal()}`),
  answer: () => null,
})
