// How connections are secured, in our own terms. Read from the Java properties by security-properties.ts.
import type { TokenEndpoint, UnsecuredToken } from './sasl-oauthbearer.ts'
import type { ScramMechanism } from './sasl-scram.ts'
import type { Secret } from '../../security/secret.ts'
import type { ClientStores } from '../../security/client-stores.ts'

export const mechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const
export type MechanismName = (typeof mechanisms)[number]

/** Who the client says it is. */
export type Login =
  | { readonly mechanism: 'PLAIN'; readonly username: string; readonly password: Secret }
  | {
      readonly mechanism: ScramMechanism
      readonly username: string
      readonly password: Secret
      readonly isToken: boolean
    }
  | {
      readonly mechanism: 'OAUTHBEARER'
      readonly source: UnsecuredToken | TokenEndpoint
      /** Stores for the token endpoint. */
      readonly stores: ClientStores
    }

export interface SaslSettings {
  readonly mechanism: MechanismName
  /** null: it stands in the file of -Djava.security.auth.login.config. */
  readonly login: Login | null
  /** The properties a login from a file is completed with. */
  readonly properties: Readonly<Record<string, Secret>>
}

export interface SecuritySettings {
  /** As written for Java: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL. */
  readonly protocol: string
  readonly tls: ClientStores | null
  readonly sasl: SaslSettings | null
}

export const plaintext: SecuritySettings = { protocol: 'PLAINTEXT', tls: null, sasl: null }
