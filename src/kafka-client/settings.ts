// What the client can be told, in its own terms, with the defaults that count where nothing is written: what
// known-properties.ts declares, and how its connections are secured.
import type { SettingsOf } from '../fields.ts'
import { defaultsOf } from '../settings/read-settings.ts'
import { adminProperties, consumerProperties, producerProperties } from './known-properties.ts'
import { plaintext, type SecuritySettings } from './security/security-settings.ts'

interface Secured {
  /** TLS, login, both or neither. */
  readonly security: SecuritySettings
}

/** Settings that producer, consumer and admin share. */
export type ConnectionSettings = SettingsOf<typeof adminProperties.options> & Secured
export type ProducerSettings = SettingsOf<typeof producerProperties.options> & Secured
export type ConsumerSettings = SettingsOf<typeof consumerProperties.options> & Secured
export type { AssignorName } from './known-properties.ts'

/** `acks` and `enableIdempotence` count for nothing: a transaction needs both. */
export interface TransactionalSettings extends ProducerSettings {
  /** One producer at a time: the latest to call init fences the others. */
  readonly transactionalId: string
  /** The broker aborts a transaction that takes longer; at most transaction.max.timeout.ms of the brokers. */
  readonly transactionTimeoutMs: number
}

/** Whoever takes these gives the servers. */
type Defaults<S> = Omit<S, 'bootstrapServers'>
export const connectionDefaults: Defaults<ConnectionSettings> = {
  ...defaultsOf(adminProperties.options),
  security: plaintext,
}
export const producerDefaults: Defaults<ProducerSettings> = {
  ...defaultsOf(producerProperties.options),
  security: plaintext,
}
export const consumerDefaults: Defaults<ConsumerSettings> = {
  ...defaultsOf(consumerProperties.options),
  security: plaintext,
}
