// What the client can be told, in its own terms, with the defaults of the Java clients. The Java
// property names are mapped to these in properties.ts.
import type { Compression } from '../wire/kafka/compression.ts'
import { plaintext, type SecuritySettings } from './security/security-settings.ts'

/** Settings that producer, consumer and admin share. */
export interface ConnectionSettings {
  /** `host:port`, at least one. */
  readonly bootstrapServers: readonly string[]
  readonly clientId: string
  /** How long a broker may take to answer; the connection is given up then. */
  readonly requestTimeoutMs: number
  readonly connectTimeoutMs: number
  /** Wait before a broker is tried again: grows from the first to the second, with jitter. */
  readonly reconnectBackoffMs: number
  readonly reconnectBackoffMaxMs: number
  /** Wait before a request is tried again that a broker refused for now. */
  readonly retryBackoffMs: number
  readonly retryBackoffMaxMs: number
  /** Metadata older than this is fetched again. */
  readonly metadataMaxAgeMs: number
  /** Connections without a request for this long are closed; Infinity: never. */
  readonly connectionsMaxIdleMs: number
  /** Most bytes of one answer. */
  readonly maxResponseBytes: number
  /** TLS, login, both or neither. */
  readonly security: SecuritySettings
}

export const connectionDefaults: Omit<ConnectionSettings, 'bootstrapServers'> = {
  clientId: 'millrace',
  requestTimeoutMs: 30_000,
  connectTimeoutMs: 10_000,
  reconnectBackoffMs: 50,
  reconnectBackoffMaxMs: 1_000,
  retryBackoffMs: 100,
  retryBackoffMaxMs: 1_000,
  metadataMaxAgeMs: 300_000,
  connectionsMaxIdleMs: 540_000,
  maxResponseBytes: 268_435_456,
  security: plaintext,
}

export interface ProducerSettings extends ConnectionSettings {
  /** Replicas that must have a record before the broker answers: none, the leader, all in sync. */
  readonly acks: 0 | 1 | -1
  /** Whether brokers know batches again that come twice, where they can: from 0.11 on, with acks -1. */
  readonly idempotence: boolean
  readonly compression: Compression
  readonly compressionLevel: number | undefined
  /** Most bytes of one request and so of one record. */
  readonly maxRequestBytes: number
  /** Records without key go to one partition until this many bytes, then to another. */
  readonly stickyBytes: number
  /** How long a send is tried again; Infinity: until its signal is aborted. */
  readonly deliveryTimeoutMs: number
  /** How long a topic may be unknown to brokers that answer; Java's client waits 60 s, in which others wait too. */
  readonly maxBlockMs: number
}

/** `acks` and `idempotence` count for nothing: a transaction needs both. */
export interface TransactionalSettings extends ProducerSettings {
  /** One producer at a time: the latest to call init fences the others. */
  readonly transactionalId: string
  /** The broker aborts a transaction that takes longer; at most transaction.max.timeout.ms of the brokers. */
  readonly transactionTimeoutMs: number
}

export const producerDefaults: Omit<ProducerSettings, 'bootstrapServers'> = {
  ...connectionDefaults,
  acks: 1,
  idempotence: true,
  compression: 'none',
  compressionLevel: undefined,
  maxRequestBytes: 1_048_576,
  stickyBytes: 16_384,
  deliveryTimeoutMs: Infinity,
  maxBlockMs: 10_000,
}

export type OffsetReset = 'earliest' | 'latest' | 'none'
export type AssignorName = 'range' | 'roundrobin' | 'sticky'

export interface ConsumerSettings extends ConnectionSettings {
  /** null: no group; partitions must be given then. */
  readonly groupId: string | null
  readonly groupInstanceId: string | null
  readonly assignors: readonly AssignorName[]
  readonly autoOffsetReset: OffsetReset
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  /** How long a member may take to give its partitions back, and others wait for it. */
  readonly maxPollIntervalMs: number
  readonly maxPollRecords: number
  readonly fetchMinBytes: number
  readonly fetchMaxBytes: number
  readonly fetchMaxWaitMs: number
  /** Bytes of one partition in one answer; a larger record still passes. */
  readonly maxPartitionFetchBytes: number
  /** Records fetched but not yet polled, over all partitions. */
  readonly readAheadBytes: number
  readonly readCommitted: boolean
  readonly checkCrcs: boolean
  readonly allowAutoCreateTopics: boolean
  readonly clientRack: string
}

export const consumerDefaults: Omit<ConsumerSettings, 'bootstrapServers'> = {
  ...connectionDefaults,
  groupId: null,
  groupInstanceId: null,
  assignors: ['range'],
  autoOffsetReset: 'latest',
  sessionTimeoutMs: 10_000,
  heartbeatIntervalMs: 3_000,
  maxPollIntervalMs: 300_000,
  maxPollRecords: 500,
  fetchMinBytes: 1,
  fetchMaxBytes: 52_428_800,
  fetchMaxWaitMs: 500,
  maxPartitionFetchBytes: 1_048_576,
  readAheadBytes: 16_777_216,
  readCommitted: false,
  checkCrcs: true,
  allowAutoCreateTopics: true,
  clientRack: '',
}
