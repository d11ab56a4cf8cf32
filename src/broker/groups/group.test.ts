import assert from 'node:assert/strict'
import test from 'node:test'
import { VirtualClock } from '../../../test/virtual-clock.ts'
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import { Group, type JoinRequest } from './group.ts'
import type { JoinResult, SyncResult } from './member.ts'

function setUp(more: { initialDelayMs?: number; maxSize?: number } = {}) {
  const clock = new VirtualClock()
  let ids = 0
  const group = new Group({
    clock,
    id: 'g',
    maxSize: 100,
    initialDelayMs: 0,
    newMemberId: prefix => `${prefix}-${++ids}`,
    ...more,
  })
  const join = (given: Partial<JoinRequest> & { metadata?: string } = {}): Promise<JoinResult> =>
    Promise.resolve(
      group.join({
        memberId: '',
        instanceId: null,
        clientId: 'c',
        clientHost: 'h',
        sessionTimeoutMs: 10_000,
        rebalanceTimeoutMs: 60_000,
        protocolType: 'consumer',
        protocols: [{ name: 'range', metadata: Buffer.from(given.metadata ?? 'm') }],
        needsKnownId: false,
        knowsSkipAssignment: true,
        ...given,
      }),
    )
  const sync = (
    member: JoinResult,
    assignments: Record<string, string> = {},
    instanceId: string | null = null,
  ): Promise<SyncResult> =>
    Promise.resolve(
      group.sync({
        memberId: member.memberId,
        instanceId,
        generation: member.generationId!,
        protocolType: null,
        protocolName: null,
        assignments: Object.entries(assignments).map(([memberId, text]) => ({
          memberId,
          assignment: Buffer.from(text),
        })),
      }),
    )
  /** A stable group of one. */
  const alone = async (given: Partial<JoinRequest> = {}) => {
    const member = await join(given)
    await sync(member, { [member.memberId]: 'all' }, given.instanceId ?? null)
    return member
  }
  return { clock, group, join, sync, alone }
}

const code = errorCodes

test('a member alone becomes leader, is given its own assignment back, and keeps it', async () => {
  const { group, join, sync } = setUp()
  const member = await join()
  assert.equal(member.leader, member.memberId)
  assert.equal(member.generationId, 1)
  assert.equal(member.members!.length, 1)
  assert.equal(group.state, 'CompletingRebalance')
  assert.equal(String((await sync(member, { [member.memberId]: 'all' })).assignment), 'all')
  assert.equal(group.state, 'Stable')
  assert.equal(group.heartbeat(member.memberId, null, 1), 0)
  assert.equal(group.heartbeat(member.memberId, null, 2), code.ILLEGAL_GENERATION)
  assert.equal(group.heartbeat('other', null, 1), code.UNKNOWN_MEMBER_ID)
})

test('a second member makes the first join again; followers wait for the assignment of the leader', async () => {
  const { group, join, sync, alone } = setUp()
  const first = await alone()
  const joining = join()
  assert.equal(group.state, 'PreparingRebalance')
  assert.equal(group.heartbeat(first.memberId, null, 1), code.REBALANCE_IN_PROGRESS)
  assert.equal(group.commitErrorCode(first.memberId, null, 1), 0, 'what it has done may still be committed')
  const [leader, follower] = await Promise.all([join({ memberId: first.memberId }), joining])
  assert.equal(leader.generationId, 2)
  assert.equal(follower.leader, first.memberId)
  assert.deepEqual(follower.members, [])
  const waiting = sync(follower)
  assert.equal(group.commitErrorCode(follower.memberId, null, 2), code.REBALANCE_IN_PROGRESS)
  await sync(leader, { [leader.memberId]: 'a', [follower.memberId]: 'b' })
  assert.equal(String((await waiting).assignment), 'b')
  assert.equal(group.leave(follower.memberId, null), 0)
  assert.equal(group.state, 'PreparingRebalance')
  const again = await join({ memberId: first.memberId })
  assert.equal(again.generationId, 3)
  assert.equal(again.members!.length, 1)
})

test('from version 4 on an id is given first; one that is never used does not hold up the others for ever', async () => {
  const { clock, group, join } = setUp()
  const given = await join({ needsKnownId: true })
  assert.equal(given.errorCode, code.MEMBER_ID_REQUIRED)
  const joined = await join({ needsKnownId: true, memberId: given.memberId })
  assert.equal(joined.errorCode, 0)
  assert.equal(joined.memberId, given.memberId)
  await join({ needsKnownId: true })
  let done = false
  void join({ memberId: joined.memberId, metadata: 'changed' }).then(() => (done = true))
  await clock.advance(9_000)
  assert.equal(done, false)
  await clock.advance(2_000)
  assert.equal(done, true)
  assert.equal((await join({ memberId: 'made up' })).errorCode, code.UNKNOWN_MEMBER_ID)
  assert.equal(group.members.length, 1)
})

test('a member that is silent is removed after its session, one that does not join again after the rebalance time-out', async () => {
  const { clock, group, join, alone } = setUp()
  const member = await alone()
  await clock.advance(9_000)
  assert.equal(group.heartbeat(member.memberId, null, 1), 0)
  await clock.advance(9_000)
  assert.equal(group.members.length, 1)
  await clock.advance(2_000)
  assert.equal(group.members.length, 0)
  assert.equal(group.state, 'Empty')
  const slow = await alone({ sessionTimeoutMs: 100_000 })
  const quick = join({ sessionTimeoutMs: 100_000 })
  await clock.advance(61_000)
  const result = await quick
  assert.equal(result.errorCode, 0)
  assert.equal(result.leader, result.memberId)
  assert.equal(group.heartbeat(slow.memberId, null, 3), code.UNKNOWN_MEMBER_ID)
})

test('a leader that never syncs does not hold the others up for ever', async () => {
  const { clock, group, join, sync } = setUp()
  const leader = await join({ sessionTimeoutMs: 200_000 })
  const joining = join({ sessionTimeoutMs: 200_000 })
  const [, follower] = await Promise.all([
    join({ memberId: leader.memberId, sessionTimeoutMs: 200_000 }),
    joining,
  ])
  const waiting = sync(follower)
  await clock.advance(61_000)
  assert.equal((await waiting).errorCode, code.REBALANCE_IN_PROGRESS)
  assert.deepEqual(
    group.members.map(({ id }) => id),
    [follower.memberId],
  )
})

test('a static member that starts anew takes its place without a rebalance; the one before is fenced', async () => {
  const { group, join, alone } = setUp()
  const first = await alone({ instanceId: 'i' })
  const second = await join({ instanceId: 'i' })
  assert.equal(second.errorCode, 0)
  assert.notEqual(second.memberId, first.memberId)
  assert.equal(second.generationId, 1)
  assert.equal(second.skipAssignment, true)
  assert.equal(group.state, 'Stable')
  assert.equal(String(group.members[0]!.assignment), 'all')
  assert.equal(group.heartbeat(first.memberId, 'i', 1), code.FENCED_INSTANCE_ID)
  assert.equal((await join({ instanceId: 'i', memberId: first.memberId })).errorCode, code.FENCED_INSTANCE_ID)
  const old = await join({ instanceId: 'i', knowsSkipAssignment: false })
  assert.equal(old.leader, second.memberId, 'a client that does not know the flag must not assign')
  assert.equal(group.leave('', 'i'), 0)
  assert.equal(group.state, 'Empty')
})

test('what does not fit together is refused: another protocol type, no protocol in common, too many', async () => {
  const { join, alone } = setUp({ maxSize: 1 })
  await alone()
  const other = [{ name: 'other', metadata: Buffer.alloc(0) }]
  assert.equal((await join({ protocolType: 'connect' })).errorCode, code.INCONSISTENT_GROUP_PROTOCOL)
  assert.equal((await join({ protocols: other })).errorCode, code.INCONSISTENT_GROUP_PROTOCOL)
  assert.equal((await join({ protocols: [] })).errorCode, code.INCONSISTENT_GROUP_PROTOCOL)
  assert.equal((await join()).errorCode, code.GROUP_MAX_SIZE_REACHED)
})

test('the first round waits for more members where it is told to', async () => {
  const { clock, join } = setUp({ initialDelayMs: 3000 })
  const both = [join(), join()]
  await clock.advance(3001)
  const [first, second] = await Promise.all(both)
  assert.equal(first!.generationId, 1)
  assert.equal(second!.generationId, 1)
})

test('everybody who waits is answered when the broker stops', async () => {
  const { group, join, alone } = setUp()
  await alone()
  const waiting = join()
  group.close('COORDINATOR_NOT_AVAILABLE')
  assert.equal((await waiting).errorCode, code.COORDINATOR_NOT_AVAILABLE)
})
