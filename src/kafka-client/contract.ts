// What the client promises its users: the terms of records and positions, and the interfaces of consumer,
// producer and admin. The factories are in kafka-client.ts.
import type { ConditionMaker } from '../observe/conditions.ts'
import type { Fault } from '../errors.ts'
import type { Logger } from '../observe/log.ts'
import type { RecordHeader } from '../wire/kafka/record.ts'
import type { ClientSystem } from './connection/connection.ts'
import type { ConsumerSettings, ProducerSettings, TransactionalSettings } from './settings.ts'

export interface ConsumedRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Milliseconds since 1970; -1 where the message format has none. */
  readonly timestamp: number
  /** Key and value are views of the bytes received. */
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly RecordHeader[]
  /** The broker has set the timestamp. Absent where the producer has. */
  readonly isAppendTime?: true
  /** Absent unless asked for. */
  readonly origin?: RecordOrigin
}

/** What identifies a record beside topic, partition and offset. */
export interface RecordOrigin {
  /** '' where brokers do not tell it (before 2.8). */
  readonly topicId: string
  /** In which reign of a leader it was written; -1 before message format 2. */
  readonly leaderEpoch: number
  /** Behind the record read before it, or where reading began. */
  readonly from: number
}

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** The order of partitions in lists. */
export const byName = (one: TopicPartition, other: TopicPartition): number =>
  one.topic === other.topic ? one.partition - other.partition : one.topic < other.topic ? -1 : 1

/** In messages, and as a key: test3-0. */
export const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}-${partition}`

/** As requests name them: with the partitions of each topic together. */
export const byTopic = <T extends TopicPartition>(list: readonly T[]): [string, T[]][] => [
  ...Map.groupBy(list, one => one.topic),
]

/** `offset` is the next to read. */
export interface Position extends TopicPartition {
  readonly offset: number
  readonly metadata?: string
}

export interface RecordLimits {
  /** Largest record, unpacked. */
  readonly maxRecordBytes: number
  /** Whether a larger one is left out; else it blocks its partition. */
  readonly passesOverLarge: boolean
  /** What helps against one that blocks. */
  readonly remedy: string
}

export interface ConsumerOptions {
  readonly settings: ConsumerSettings
  /** Names, or a pattern that topics must match as a whole. */
  readonly topics: readonly string[] | RegExp
  readonly system: ClientSystem
  readonly log: Logger
  /** For why there are no records at the moment; where absent, its lines in the log are all there is. */
  readonly condition?: ConditionMaker
  /** Where to begin, by `topic-partition`, where the group has no position in Kafka; before auto.offset.reset. */
  readonly initialPositions?: ReadonlyMap<string, number>
  /** Partitions are about to go: what is durable may still be committed before this resolves. */
  readonly onRevoked?: (partitions: readonly TopicPartition[]) => Promise<void>
  readonly onAssigned?: (partitions: readonly TopicPartition[]) => void
  /** Partitions are gone already: commits for them would fail. */
  readonly onLost?: (partitions: readonly TopicPartition[]) => void
  /** Records that retention removed before they were read. */
  readonly onGone?: (gone: TopicPartition & { from: number; to: number }) => void
  /** Records that were read and are not in Kafka any more: a leader without them has cut them off. */
  readonly onCut?: (cut: TopicPartition & { from: number; to: number }) => void
  /** Its topic was deleted and created again: what was read before counts no more, and reading begins at 0. */
  readonly onRecreated?: (partition: TopicPartition) => void
  /** 64 MiB, and blocking, where absent. */
  readonly recordLimits?: RecordLimits
  /** Whether records say where they stand (`origin`). */
  readonly recordOrigins?: boolean
  /** Of the record at the position something was left out, said as a subject: all of it, or headers beyond the number that is read. */
  readonly onLeftOut?: (position: Position, what: string, isWhole: boolean) => void
}

export interface Consumer {
  /** Joins in the background and keeps trying; a broker that is away is not a failure here. */
  start(): void
  /** As soon as there is one record, at most `maxRecords`; empty when the signal was aborted first. */
  poll(options: { maxRecords: number; signal: AbortSignal }): Promise<ConsumedRecord[]>
  /** Rejects with KAFKA when the positions could not be committed (the group has moved on, say). */
  commit(positions: readonly Position[]): Promise<void>
  pause(partitions: readonly TopicPartition[]): void
  resume(partitions: readonly TopicPartition[]): void
  seek(position: Position): void
  /** Where poll reads on; undefined for partitions not assigned or not known yet. */
  position(partition: TopicPartition): number | undefined
  readonly assignment: readonly TopicPartition[]
  /** '' where brokers have not told it, or do not (before 0.10.1). */
  readonly clusterId: string
  /** Leaves the group and closes connections. onRevoked is called before. */
  close(): Promise<void>
}

export interface ProducerRecord {
  readonly topic: string
  /** Absent: by key as Java's default partitioner, without a key one partition a call, in turn. */
  readonly partition?: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** Milliseconds since 1970; now where absent. */
  readonly timestamp?: number
  readonly headers?: readonly RecordHeader[]
}

export interface ProducerOptions {
  readonly settings: ProducerSettings
  readonly system: ClientSystem
  readonly log: Logger
  /** For why nothing can be written at the moment; where absent, its lines in the log are all there is. */
  readonly condition?: ConditionMaker
  /** Called once when a broker's message format cannot carry record headers. */
  readonly onHeadersDropped?: () => void
  /** Whether asking for a topic may create it, where the broker does that: true where absent. */
  readonly allowAutoTopicCreation?: boolean
}

export interface Producer {
  /** A session of its own: what fails elsewhere does not concern it. See ProducerSession. */
  send(records: readonly ProducerRecord[], signal?: AbortSignal): Promise<void>
  /** For sends whose order counts also where one fails. One session follows another when all its sends have settled. */
  open(): ProducerSession
  close(): Promise<void>
}

/**
 * Sends of one caller. Order a partition is that of the calls, whatever is retried. The first that fails ends
 * the session: what it holds of later ones and is not under way is not written, and every call that follows
 * rejects, however late.
 */
export interface ProducerSession {
  /**
   * Resolves when every record is acknowledged as `acks` asks. Rejects, when all of them are settled one way
   * or the other, with a ProduceFault: UNDELIVERABLE (a record that can never be written), KAFKA or KAFKA_FATAL,
   * PEER_TIMEOUT (delivery.timeout.ms is over) or STOPPED (the signal, which ends the session, or close).
   */
  send(records: readonly ProducerRecord[], signal?: AbortSignal): Promise<void>
  /** Something failed outside of the producer: what is sent from now on rejects. */
  refuse(fault: Fault): void
  /** Gives up the sends that have not settled; they reject with STOPPED. */
  end(why: string): void
}

export interface TransactionalProducerOptions extends Omit<ProducerOptions, 'settings'> {
  readonly settings: TransactionalSettings
}

/** Who commits: the broker refuses positions of a member that its group has left behind. */
export interface GroupMember {
  readonly groupId: string
  /** -1, '' and null where the group does not matter. */
  readonly generation: number
  readonly memberId: string
  readonly groupInstanceId: string | null
}

/**
 * Records and positions that take effect together, or not at all: init once, then begin, send and
 * sendOffsets as needed, commit or abort, and again from begin. What fails rejects with a TransactionFault
 * where the transaction is concerned: "abortable" leaves abort alone, "fenced" and "fatal" leave init
 * alone, which starts over. What brokers may accept later is retried until the signal is aborted or
 * delivery.timeout.ms is over.
 */
export interface TransactionalProducer {
  /** Whether the coordinator of the last init can tell a producer that was fenced from others (KIP-360, Kafka 2.5). */
  readonly recognizesFenced: boolean
  /**
   * Takes the transactional id over: earlier producers with it are fenced, and what they left open is
   * aborted (or committed, where they had got so far) when this resolves.
   */
  init(signal?: AbortSignal): Promise<void>
  begin(): void
  /** As Producer.send; resolved, the records are written but belong to the transaction. A failure makes it abortable. */
  send(records: readonly ProducerRecord[], signal?: AbortSignal): Promise<void>
  /** The group's positions become those given when the transaction is committed. */
  sendOffsets(positions: readonly Position[], member: GroupMember, signal?: AbortSignal): Promise<void>
  /** Waits for the sends before. Rejected with STOPPED or PEER_TIMEOUT: call it again, or init; the outcome is not known. */
  commit(signal?: AbortSignal): Promise<void>
  /** Gives up the sends that have not settled. */
  abort(signal?: AbortSignal): Promise<void>
  /** An open transaction stays so until another producer calls init, or its time is over. */
  close(): Promise<void>
}
