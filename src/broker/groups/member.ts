// A member of a group: who it is, what it offered, and which of its requests waits for an answer.
import type { Timer } from '../../system/clock.ts'

export interface Protocol {
  readonly name: string
  readonly metadata: Buffer
}

export interface JoinResult {
  readonly errorCode: number
  readonly memberId: string
  readonly generationId?: number
  readonly protocolType?: string | null
  readonly protocolName?: string | null
  readonly leader?: string
  readonly skipAssignment?: boolean
  readonly members?: readonly { memberId: string; groupInstanceId: string | null; metadata: Buffer }[]
}

export interface SyncResult {
  readonly errorCode: number
  readonly protocolType?: string | null
  readonly protocolName?: string | null
  readonly assignment?: Buffer
}

export interface Member {
  id: string
  readonly instanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  sessionTimeoutMs: number
  rebalanceTimeoutMs: number
  protocols: readonly Protocol[]
  assignment: Buffer
  /** Answers its JoinGroup; null where none waits. */
  join: ((result: JoinResult) => void) | null
  sync: ((result: SyncResult) => void) | null
  session: Timer | null
}

export function metadataOf({ protocols }: Member, protocol: string | null): Buffer {
  return protocols.find(one => one.name === protocol)?.metadata ?? Buffer.alloc(0)
}

/** Whether it offers the same as before, in the same order. */
export function offersTheSame({ protocols }: Member, offered: readonly Protocol[]): boolean {
  return (
    protocols.length === offered.length &&
    protocols.every(
      ({ name, metadata }, index) =>
        name === offered[index]!.name && metadata.equals(offered[index]!.metadata),
    )
  )
}
