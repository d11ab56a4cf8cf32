// Without a login, whoever has an account on this machine is the user, as in kafka-manager: nobody else can ask.
import { randomBytes } from 'node:crypto'
import type { Doorkeeper } from './login.ts'
import { Session } from './session.ts'

export function localUser(): Doorkeeper {
  const token = randomBytes(24).toString('base64url')
  return {
    sessionOf: async ({ ip }) =>
      new Session({ user: 'local user', from: ip, grants: [{ role: 'admin', topics: null }], token }),
  }
}
