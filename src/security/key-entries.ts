// What a key store holds, of whatever kind it is.
import type { KeyEntry } from '../system/tls.ts'

export type { KeyEntry } from '../system/tls.ts'

export interface KeyStore {
  readonly keys: readonly KeyEntry[]
  /** Trusted certificates in PEM. */
  readonly trusted: readonly string[]
}
