// Without a login, whoever has an account on this machine is the user, as in kafka-manager: nobody else can ask.
import { randomBytes } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { Session } from './session.ts'

/** Finds who asks. */
export interface Doorkeeper {
  /** Null: nobody who is known. */
  sessionOf(request: FastifyRequest): Session | null
}

export function localUser(): Doorkeeper {
  const token = randomBytes(24).toString('base64url')
  return {
    sessionOf: ({ ip }) =>
      new Session({ user: 'local user', from: ip, grants: [{ role: 'admin', topics: null }], token }),
  }
}
