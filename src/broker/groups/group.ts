// One consumer group: its members and the rounds in which they agree on an assignment. Facts: Kafka's
// protocol guide, "Group Membership API"; KIP-62 (rebalance time-out), KIP-345 (static members), KIP-394
// (a member needs an id before it counts), KIP-814 (a static leader that comes back).
//
//   Empty --join--> PreparingRebalance --all have joined--> CompletingRebalance --leader syncs--> Stable
//   any change of members leads back to PreparingRebalance; without members to Empty
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type { Clock, Timer } from '../../system/clock.ts'
import {
  metadataOf,
  offersTheSame,
  type JoinResult,
  type Member,
  type Protocol,
  type SyncResult,
} from './member.ts'
import type { ErrorName } from '../error-name.ts'

export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead'

export interface JoinRequest {
  readonly memberId: string
  readonly instanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly protocolType: string
  readonly protocols: readonly Protocol[]
  /** Whether a member without an id is given one first (from JoinGroup version 4 on). */
  readonly needsKnownId: boolean
  readonly knowsSkipAssignment: boolean
}

export interface GroupParts {
  readonly clock: Clock
  readonly id: string
  readonly maxSize: number
  /** How long the first round of an empty group waits for more members. */
  readonly initialDelayMs: number
  newMemberId(prefix: string): string
}

const code = (name: ErrorName): number => errorCodes[name]

export class Group {
  readonly #parts: GroupParts
  /** In the order in which they came. */
  readonly #members = new Map<string, Member>()
  /** Member ids given out and not yet joined. */
  readonly #pending = new Map<string, Timer>()
  readonly #statics = new Map<string, string>()
  #state: GroupState = 'Empty'
  #emptySince: number
  #generation = 0
  #protocolType: string | null = null
  #protocol: string | null = null
  #leader: string | null = null
  /** Ends the round under way when it takes too long. */
  #roundTimer: Timer | null = null
  #isDelayed = false

  constructor(parts: GroupParts) {
    this.#parts = parts
    this.#emptySince = parts.clock.now()
  }

  get state(): GroupState {
    return this.#state
  }

  get protocolType(): string {
    return this.#protocolType ?? ''
  }

  get protocol(): string {
    return this.#state === 'Stable' || this.#state === 'CompletingRebalance' ? (this.#protocol ?? '') : ''
  }

  get members(): readonly Member[] {
    return [...this.#members.values()]
  }

  /** When the last member left, ms since 1970. */
  get emptySince(): number {
    return this.#emptySince
  }

  /** Whether it has ever had members. */
  get hasBegun(): boolean {
    return this.#generation > 0
  }

  get isIdle(): boolean {
    return this.#members.size === 0 && this.#pending.size === 0
  }

  metadataOf(member: Member): Buffer {
    return metadataOf(member, this.#protocol)
  }

  join(request: JoinRequest): Promise<JoinResult> | JoinResult {
    const { memberId, instanceId, protocols, protocolType } = request
    const failed = (name: ErrorName): JoinResult => ({ errorCode: code(name), memberId })
    const others = this.members.filter(
      one => one.id !== memberId && (instanceId === null || one.instanceId !== instanceId),
    )
    if (protocolType === '' || protocols.length === 0) return failed('INCONSISTENT_GROUP_PROTOCOL')
    if (this.#members.size > 0 && protocolType !== this.#protocolType)
      return failed('INCONSISTENT_GROUP_PROTOCOL')
    if (
      others.length > 0 &&
      !protocols.some(({ name }) => others.every(one => one.protocols.some(p => p.name === name)))
    )
      return failed('INCONSISTENT_GROUP_PROTOCOL')
    if (!this.#members.has(memberId) && this.#members.size >= this.#parts.maxSize)
      return failed('GROUP_MAX_SIZE_REACHED')
    return memberId === '' ? this.#joinNew(request) : this.#joinAgain(request, failed)
  }

  #joinNew(request: JoinRequest): Promise<JoinResult> | JoinResult {
    const { instanceId, clientId, needsKnownId, sessionTimeoutMs } = request
    const id = this.#parts.newMemberId(instanceId ?? clientId)
    if (instanceId !== null) {
      const before = this.#members.get(this.#statics.get(instanceId) ?? '')
      return before === undefined ? this.#admit(id, request) : this.#replace(before, id, request)
    }
    if (!needsKnownId) return this.#admit(id, request)
    const expire = () => {
      this.#pending.delete(id)
      this.#tryComplete()
    }
    this.#pending.set(id, this.#parts.clock.after(sessionTimeoutMs, expire, { background: true }))
    return { errorCode: code('MEMBER_ID_REQUIRED'), memberId: id }
  }

  #joinAgain(
    request: JoinRequest,
    failed: (name: ErrorName) => JoinResult,
  ): Promise<JoinResult> | JoinResult {
    const { memberId, instanceId, protocols } = request
    if (this.#dropPending(memberId)) return this.#admit(memberId, request)
    const fenced = this.#fence(memberId, instanceId)
    if (fenced !== 0) return { errorCode: fenced, memberId }
    const member = this.#members.get(memberId)
    if (member === undefined) return failed('UNKNOWN_MEMBER_ID')
    const same = offersTheSame(member, protocols)
    if (this.#state === 'CompletingRebalance' && same) return this.#joinResult(member)
    if (this.#state === 'Stable' && same && memberId !== this.#leader) return this.#joinResult(member)
    this.#update(member, request)
    return this.#awaitJoin(member)
  }

  #admit(id: string, request: JoinRequest): Promise<JoinResult> {
    const { instanceId, clientId, clientHost, protocolType } = request
    const member: Member = {
      id,
      instanceId,
      clientId,
      clientHost,
      sessionTimeoutMs: 0,
      rebalanceTimeoutMs: 0,
      protocols: [],
      assignment: Buffer.alloc(0),
      join: null,
      sync: null,
      session: null,
    }
    this.#update(member, request)
    if (this.#members.size === 0) this.#protocolType = protocolType
    this.#members.set(id, member)
    if (instanceId !== null) this.#statics.set(instanceId, id)
    return this.#awaitJoin(member)
  }

  /** A static member has started anew: it takes the place, and the assignment, of the one before. */
  #replace(member: Member, id: string, request: JoinRequest): Promise<JoinResult> | JoinResult {
    const before = member.id
    const leaderBefore = this.#leader
    const same = offersTheSame(member, request.protocols)
    this.#answerJoin(member, { errorCode: code('FENCED_INSTANCE_ID'), memberId: before })
    this.#answerSync(member, { errorCode: code('FENCED_INSTANCE_ID') })
    this.#members.delete(before)
    member.id = id
    this.#members.set(id, member)
    this.#statics.set(member.instanceId!, id)
    if (this.#leader === before) this.#leader = id
    this.#update(member, request)
    if (this.#state !== 'Stable' || !same) return this.#awaitJoin(member)
    this.#restartSession(member)
    const isLeader = this.#leader === id
    const result = this.#joinResult(member)
    if (!isLeader || request.knowsSkipAssignment) return { ...result, skipAssignment: isLeader }
    // An older client must not take itself for the leader, or it would assign anew.
    return { ...result, leader: leaderBefore!, members: [] }
  }

  sync(request: {
    memberId: string
    instanceId: string | null
    generation: number
    protocolType: string | null
    protocolName: string | null
    assignments: readonly { memberId: string; assignment: Buffer }[]
  }): Promise<SyncResult> | SyncResult {
    const { memberId, instanceId, generation, protocolType, protocolName, assignments } = request
    const wrong = this.#check(memberId, instanceId, generation)
    if (wrong !== 0) return { errorCode: wrong }
    const mismatch =
      (protocolType !== null && protocolType !== this.#protocolType) ||
      (protocolName !== null && protocolName !== this.#protocol)
    if (mismatch) return { errorCode: code('INCONSISTENT_GROUP_PROTOCOL') }
    const member = this.#members.get(memberId)!
    if (this.#state === 'PreparingRebalance') return { errorCode: code('REBALANCE_IN_PROGRESS') }
    this.#restartSession(member)
    if (this.#state === 'Stable') return this.#syncResult(member)
    const waiting = new Promise<SyncResult>(resolve => {
      this.#answerSync(member, { errorCode: code('REBALANCE_IN_PROGRESS') })
      member.sync = resolve
    })
    if (memberId === this.#leader) {
      const given = new Map(assignments.map(one => [one.memberId, one.assignment]))
      for (const one of this.#members.values())
        // A copy: the request's bytes must not be kept for it.
        one.assignment = Buffer.from(given.get(one.id) ?? [])
      this.#state = 'Stable'
      this.#roundTimer?.cancel()
      for (const one of this.#members.values()) {
        this.#restartSession(one)
        this.#answerSync(one, this.#syncResult(one))
      }
    }
    return waiting
  }

  /** The error code of the answer. */
  heartbeat(memberId: string, instanceId: string | null, generation: number): number {
    const wrong = this.#check(memberId, instanceId, generation)
    if (wrong !== 0) return wrong
    this.#restartSession(this.#members.get(memberId)!)
    return this.#state === 'PreparingRebalance' ? code('REBALANCE_IN_PROGRESS') : 0
  }

  /** The error code of the answer. A static member may be named by its instance alone. */
  leave(memberId: string, instanceId: string | null): number {
    if (this.#dropPending(memberId)) {
      this.#tryComplete()
      return 0
    }
    const known = instanceId === null ? undefined : this.#statics.get(instanceId)
    if (instanceId !== null && known === undefined) return code('UNKNOWN_MEMBER_ID')
    if (instanceId !== null && memberId !== '' && known !== memberId) return code('FENCED_INSTANCE_ID')
    const member = this.#members.get(known ?? memberId)
    if (member === undefined) return code('UNKNOWN_MEMBER_ID')
    this.#remove(member)
    return 0
  }

  /** Why the positions of this member cannot be stored; 0: they can. */
  commitErrorCode(memberId: string, instanceId: string | null, generation: number): number {
    if (generation < 0 && this.#members.size === 0) return 0
    if (this.#state === 'Empty') return code('UNKNOWN_MEMBER_ID')
    const wrong = this.#check(memberId, instanceId, generation)
    if (wrong !== 0) return wrong
    if (this.#state === 'CompletingRebalance') return code('REBALANCE_IN_PROGRESS')
    this.#restartSession(this.#members.get(memberId)!)
    return 0
  }

  /** Answers everybody who waits, and is over. */
  close(errorName: ErrorName): void {
    this.#state = 'Dead'
    this.#roundTimer?.cancel()
    for (const timer of this.#pending.values()) timer.cancel()
    for (const member of this.#members.values()) {
      member.session?.cancel()
      this.#answerJoin(member, { errorCode: code(errorName), memberId: member.id })
      this.#answerSync(member, { errorCode: code(errorName) })
    }
    this.#members.clear()
    this.#pending.clear()
  }

  // ------------------------------------------------------------------------------------ rounds

  #awaitJoin(member: Member): Promise<JoinResult> {
    return new Promise(resolve => {
      this.#answerJoin(member, { errorCode: code('REBALANCE_IN_PROGRESS'), memberId: member.id })
      member.join = resolve
      // Who waits for the round to end is alive.
      member.session?.cancel()
      member.session = null
      this.#prepare()
    })
  }

  #prepare(): void {
    if (this.#state === 'Dead') return
    if (this.#state !== 'PreparingRebalance') {
      for (const member of this.#members.values())
        this.#answerSync(member, { errorCode: code('REBALANCE_IN_PROGRESS') })
      const { initialDelayMs } = this.#parts
      this.#isDelayed = this.#state === 'Empty' && initialDelayMs > 0
      this.#state = 'PreparingRebalance'
      if (this.#isDelayed)
        this.#startRound(initialDelayMs, () => {
          this.#isDelayed = false
          this.#startRound(this.#longestRebalanceMs(), () => this.#expireRound())
          this.#tryComplete()
        })
      else this.#startRound(this.#longestRebalanceMs(), () => this.#expireRound())
    }
    this.#tryComplete()
  }

  #longestRebalanceMs(): number {
    return Math.max(...this.members.map(member => member.rebalanceTimeoutMs), 0)
  }

  #startRound(delayMs: number, run: () => void): void {
    this.#roundTimer?.cancel()
    this.#roundTimer = this.#parts.clock.after(delayMs, run, { background: true })
  }

  #tryComplete(): void {
    if (this.#state !== 'PreparingRebalance' || this.#isDelayed || this.#pending.size > 0) return
    if (this.members.every(member => member.join !== null)) this.#complete()
  }

  /** Not all have joined in time: the round goes on without them. A static member may still come back. */
  #expireRound(): void {
    for (const timer of this.#pending.values()) timer.cancel()
    this.#pending.clear()
    for (const member of this.members)
      if (member.join === null && member.instanceId === null) this.#forget(member)
    this.#complete()
  }

  #complete(): void {
    this.#roundTimer?.cancel()
    this.#generation++
    if (this.#members.size === 0) {
      this.#state = 'Empty'
      this.#emptySince = this.#parts.clock.now()
      this.#protocol = this.#leader = null
      return
    }
    this.#state = 'CompletingRebalance'
    this.#protocol = this.#chooseProtocol()
    const leader = this.#members.get(this.#leader ?? '')
    if (leader === undefined || leader.join === null)
      this.#leader = (this.members.find(member => member.join !== null) ?? this.members[0]!).id
    for (const member of this.#members.values()) {
      this.#restartSession(member)
      this.#answerJoin(member, this.#joinResult(member))
    }
    const generation = this.#generation
    this.#startRound(this.#longestRebalanceMs(), () => {
      if (this.#state !== 'CompletingRebalance' || this.#generation !== generation) return
      for (const member of this.members) if (member.sync === null) this.#forget(member)
      this.#prepare()
    })
  }

  /** Each member votes for the first of its own that all offer. */
  #chooseProtocol(): string {
    const isOffered = (name: string) => this.members.every(one => one.protocols.some(p => p.name === name))
    const votes = new Map<string, number>()
    for (const { protocols } of this.#members.values()) {
      const vote = protocols.find(({ name }) => isOffered(name))
      if (vote !== undefined) votes.set(vote.name, (votes.get(vote.name) ?? 0) + 1)
    }
    return [...votes].sort((a, b) => b[1] - a[1])[0]?.[0] ?? ''
  }

  #joinResult(member: Member): JoinResult {
    const isLeader = member.id === this.#leader
    return {
      errorCode: 0,
      memberId: member.id,
      generationId: this.#generation,
      protocolType: this.#protocolType,
      protocolName: this.#protocol,
      leader: this.#leader!,
      members: isLeader
        ? this.members.map(one => ({
            memberId: one.id,
            groupInstanceId: one.instanceId,
            metadata: metadataOf(one, this.#protocol),
          }))
        : [],
    }
  }

  #syncResult({ assignment }: Member): SyncResult {
    return { errorCode: 0, protocolType: this.#protocolType, protocolName: this.#protocol, assignment }
  }

  // ----------------------------------------------------------------------------------- members

  #update(member: Member, { protocols, sessionTimeoutMs, rebalanceTimeoutMs }: JoinRequest): void {
    // Copies: the request's bytes must not be kept for them.
    member.protocols = protocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) }))
    member.sessionTimeoutMs = sessionTimeoutMs
    member.rebalanceTimeoutMs = rebalanceTimeoutMs
  }

  #fence(memberId: string, instanceId: string | null): number {
    if (instanceId === null) return 0
    const known = this.#statics.get(instanceId)
    if (known === undefined) return code('UNKNOWN_MEMBER_ID')
    return known === memberId ? 0 : code('FENCED_INSTANCE_ID')
  }

  #check(memberId: string, instanceId: string | null, generation: number): number {
    const fenced = this.#fence(memberId, instanceId)
    if (fenced !== 0) return fenced
    if (!this.#members.has(memberId)) return code('UNKNOWN_MEMBER_ID')
    return generation === this.#generation ? 0 : code('ILLEGAL_GENERATION')
  }

  #restartSession(member: Member): void {
    member.session?.cancel()
    member.session = this.#parts.clock.after(member.sessionTimeoutMs, () => this.#remove(member), {
      background: true,
    })
  }

  #remove(member: Member): void {
    this.#forget(member)
    if (this.#state === 'PreparingRebalance') this.#tryComplete()
    else this.#prepare()
  }

  #forget(member: Member): void {
    member.session?.cancel()
    this.#answerJoin(member, { errorCode: code('UNKNOWN_MEMBER_ID'), memberId: member.id })
    this.#answerSync(member, { errorCode: code('UNKNOWN_MEMBER_ID') })
    this.#members.delete(member.id)
    if (member.instanceId !== null) this.#statics.delete(member.instanceId)
    if (this.#leader === member.id) this.#leader = null
  }

  #dropPending(memberId: string): boolean {
    this.#pending.get(memberId)?.cancel()
    return this.#pending.delete(memberId)
  }

  #answerJoin(member: Member, result: JoinResult): void {
    member.join?.(result)
    member.join = null
  }

  #answerSync(member: Member, result: SyncResult): void {
    member.sync?.(result)
    member.sync = null
  }
}
