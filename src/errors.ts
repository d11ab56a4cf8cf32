// Faults: what can go wrong while an agent runs. One table, each entry with a code, whether trying
// again can help, and what the operator can do wherever that code comes from; a fault of which more is known
// brings a remedy of its own. Problems of a configuration are not faults but values
// (config/problem.ts); a failed assertion is a bug and stops the agent.

import { printable } from './printable.ts'

/** When a runner retries: at once, after its back-off, or not at all. */
export type Retry = 'at-once' | 'after-backoff' | 'never'

interface FaultEntry {
  readonly retry: Retry
  /** What the operator can do, one sentence that is true wherever the code is used. */
  readonly remedy: string
}

const table = {
  CHANNEL_FULL: {
    retry: 'after-backoff',
    remedy:
      'The sink delivers more slowly than the source fills the channel. Check the sink, or raise the capacity of the channel.',
  },
  TRANSACTION_TOO_LARGE: {
    retry: 'never',
    remedy: "Raise the channel's transactionCapacity or lower the batch size of the source or sender.",
  },
  CHANNEL_CLOSED: {
    retry: 'after-backoff',
    remedy: 'The channel is stopping or has failed. Read the log above.',
  },
  CHANNEL_FAILED: {
    retry: 'after-backoff',
    remedy: 'The channel could not write; see the cause named with it.',
  },
  DISK: {
    retry: 'after-backoff',
    remedy: 'Check the disk, and the permissions of the directory named above.',
  },
  DISK_FULL: { retry: 'after-backoff', remedy: 'Free space on the file system named.' },
  CORRUPT: {
    retry: 'never',
    remedy: 'Do what the message says, and keep the files that it names until then.',
  },
  UNREADABLE: {
    retry: 'after-backoff',
    remedy:
      'See whether another client can read it; to go on behind it, stop the agent and set the position of its group with kafka-consumer-groups.sh --reset-offsets --to-offset.',
  },
  STATE_MISSING: {
    retry: 'never',
    remedy: 'Put back what is missing, or accept its loss in the way that the message names.',
  },
  FOREIGN_FILES: {
    retry: 'never',
    remedy: 'Do what the message says of the files there, or name a directory of its own.',
  },
  KEY_STORE: {
    retry: 'never',
    remedy: 'Correct the problem named above with the key store, its password files or its keys.',
  },
  DIRECTORY_IN_USE: {
    retry: 'never',
    remedy: 'End the program that uses the directory, or name one of its own.',
  },
  COMMAND: {
    retry: 'after-backoff',
    remedy: 'Correct the command, or the rights of the program that it names.',
  },
  PEER_UNREACHABLE: { retry: 'after-backoff', remedy: 'Start the peer or correct host and port.' },
  PEER_CLOSED: { retry: 'after-backoff', remedy: 'See the log of the peer.' },
  PEER_TIMEOUT: { retry: 'after-backoff', remedy: 'Check the load of the peer, or raise the timeout.' },
  PEER_REFUSED: { retry: 'after-backoff', remedy: 'See the log of the peer for its reason.' },
  PROTOCOL: { retry: 'after-backoff', remedy: 'Check that the peer speaks this protocol on this port.' },
  TLS: { retry: 'after-backoff', remedy: 'Check certificates, host names and protocol versions.' },
  AUTHENTICATION: {
    retry: 'after-backoff',
    remedy: 'Correct user, password and mechanism, here or at the peer.',
  },
  ADDRESS_IN_USE: { retry: 'after-backoff', remedy: 'End the program on this port or choose another port.' },
  ADDRESS: { retry: 'after-backoff', remedy: 'Correct the address, or what else the message names.' },
  BATCH_REFUSED: { retry: 'at-once', remedy: 'It is sent again in smaller batches.' },
  OVER_BUDGET: {
    retry: 'after-backoff',
    remedy: 'Send less at once, or raise the memory budget that the message names.',
  },
  UNDELIVERABLE: {
    retry: 'after-backoff',
    remedy:
      'Fix the cause named above. To set such events aside instead, use deadLetter.file or deadLetter.topic if the component has them.',
  },
  KAFKA: { retry: 'after-backoff', remedy: 'Read the log of the brokers for the reason.' },
  KAFKA_FATAL: { retry: 'never', remedy: 'Correct what the message names, and start again.' },
  STOPPED: { retry: 'never', remedy: 'The agent is stopping.' },
} as const satisfies Record<string, FaultEntry>

/** Codes of faults, as docs/reference/errors.md lists them. */
export type FaultCode = keyof typeof table
/** What follows from each code: when the work is retried, and what the operator can do. */
export const faultTable: Readonly<Record<FaultCode, FaultEntry>> = table

/** What a fault has beside its code and its message. */
export interface FaultOptions {
  readonly cause?: unknown
  /** What the operator can do, where that is not what the table says of the code. */
  readonly remedy?: string | undefined
  /** Trying again cannot help before the agent is started again. */
  readonly needsRestart?: boolean
}

/**
 * A run-time fault with a code of the table. The message says what and where (host:port, file, position); control
 * characters of what others have sent are escaped in it.
 */
export class Fault extends Error {
  override name = 'Fault'
  readonly code: FaultCode
  /** What the operator can do, in sentences. */
  readonly remedy: string
  readonly needsRestart: boolean

  constructor(code: FaultCode, message: string, options: FaultOptions = {}) {
    super(printable(message), options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.remedy = options.remedy ?? table[code].remedy
    this.needsRestart = options.needsRestart ?? false
  }

  get retry(): Retry {
    return table[this.code].retry
  }
}

/** Whether the error, or what caused it, says that the file system, or the user's share of it, is full. */
export function isDiskFull(error: unknown): boolean {
  if (error instanceof Fault) return error.code === 'DISK_FULL' || isDiskFull(error.cause)
  const code = (error as NodeJS.ErrnoException | null | undefined)?.code
  return code === 'ENOSPC' || code === 'EDQUOT'
}

/** What a disk refused, as DISK_FULL or DISK; `what` could not be done, in a clause. */
export const diskFault = (what: string, error: unknown): Fault =>
  new Fault(isDiskFull(error) ? 'DISK_FULL' : 'DISK', `${what}: ${messageOf(error)}`, { cause: error })

/** A file that a later version of Millrace has written; `known` is the newest format of its kind that this one reads. */
export const laterFormat = (path: string, format: number, known: number): Fault =>
  new Fault(
    'FOREIGN_FILES',
    `${path} has format ${format}, and this version of Millrace reads those up to ${known}`,
    {
      remedy:
        'Nothing was changed. Start the version that wrote it, or restore a copy from before the upgrade.',
    },
  )

/** The error's own text, for the middle of a sentence. */
export function messageOf(error: unknown): string {
  return printable((error instanceof Error ? error.message : String(error)).trim())
}

/** The error's own text, and what can be done where the fault has a remedy of its own. */
export function explanationOf(error: unknown): string {
  const hasRemedy = error instanceof Fault && error.remedy !== table[error.code].remedy
  return hasRemedy ? `${error.message}. ${error.remedy}` : messageOf(error)
}
