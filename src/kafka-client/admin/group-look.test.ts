// Many groups at once: how often brokers are asked, those that know the newer forms and old ones, and what one broker or
// one group that is refused does to the others.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hurriedSystem, metadataOf, ScriptedBroker } from '../../../test/scripted-broker.ts'
import { Fault } from '../../errors.ts'
import { silentLogger } from '../../observe/log.ts'
import { describeGroups } from '../../wire/kafka/messages/describe-groups.ts'
import { listGroups } from '../../wire/kafka/messages/list-groups.ts'
import { listOffsets } from '../../wire/kafka/messages/list-offsets.ts'
import { metadata } from '../../wire/kafka/messages/metadata.ts'
import { offsetFetch } from '../../wire/kafka/messages/offset-fetch.ts'
import { createAdmin } from './admin.ts'
import { positionsOf } from './group-positions.ts'

const system = hurriedSystem(20)
/** Versions of Kafka 4.1, and of 0.10.2. */
const newer = { list: [0, 5], describe: [0, 6], fetch: [0, 10] } as const
const older = { list: [0, 0], describe: [0, 0], fetch: [0, 2] } as const

const named = (prefix: string, count: number) => Array.from({ length: count }, (_, at) => `${prefix}${at}`)

/** Brokers that coordinate the groups given, each of which is at offset 3 of t-0, which ends at 10. */
async function brokersOf(groups: readonly (readonly string[])[], versions: typeof newer | typeof older) {
  const stack = new AsyncDisposableStack()
  const brokers: ScriptedBroker[] = []
  for (const _ of groups) brokers.push(stack.use(await new ScriptedBroker().start()))
  const addresses = brokers.map(one => one.address)
  const topics = [
    { name: 't', partitions: [{ partitionIndex: 0, committedOffset: 3, errorCode: 0, metadata: '' }] },
  ]
  for (const [index, broker] of brokers.entries())
    broker
      .on(metadata, metadataOf(addresses, { t: { leaders: [0] } }), [0, 2])
      .on(
        listGroups,
        () => ({
          errorCode: 0,
          groups: groups[index]!.map(groupId => ({ groupId, protocolType: 'consumer' })),
        }),
        versions.list,
      )
      .on(
        describeGroups,
        asked => ({
          groups: asked.groups.map(groupId => ({
            groupId,
            errorCode: groupId === 'secret' ? 30 : 0,
            groupState: 'Empty',
            protocolType: 'consumer',
            protocolData: '',
            members: [],
          })),
        }),
        versions.describe,
      )
      .on(
        offsetFetch,
        ({ groups: asked }, version) =>
          version < 8
            ? { errorCode: 0, topics }
            : {
                groups: asked.map(({ groupId }) => ({
                  groupId,
                  topics,
                  errorCode: groupId === 'moved' ? 16 : 0,
                })),
              },
        versions.fetch,
      )
      .on(
        listOffsets,
        () => ({ topics: [{ name: 't', partitions: [{ partitionIndex: 0, errorCode: 0, offset: 10 }] }] }),
        [1, 1],
      )
  const admin = createAdmin({
    system,
    log: silentLogger,
    bootstrapServers: brokers.map(one => one.bootstrap),
  })
  stack.defer(() => admin.close())
  const asked = (name: string) =>
    brokers.flatMap(one => one.asked.filter(given => given.name === name)).length
  return { brokers, admin, asked, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

async function lagsOf(admin: Awaited<ReturnType<typeof brokersOf>>['admin']) {
  const looks = [...(await admin.groups.look(await admin.groups.list()))]
  const there = looks.flatMap(([id, look]) => (look instanceof Fault ? [] : [{ id, look }]))
  const positions = await positionsOf(
    admin,
    there.map(({ look }) => look),
  )
  return new Map(there.map(({ id }, at) => [id, positions[at]!.map(one => one.end! - one.committed!)]))
}

describe('many groups at once', () => {
  it('asks each broker a few times for 2,000 groups', async () => {
    await using made = await brokersOf([named('a', 1000), named('b', 1000)], newer)
    const lags = await lagsOf(made.admin)
    assert.equal(lags.size, 2000)
    assert.ok([...lags.values()].every(([lag]) => lag === 7))
    assert.deepEqual(
      ['ListGroups', 'FindCoordinator', 'DescribeGroups', 'OffsetFetch', 'ListOffsets'].map(made.asked),
      [2, 0, 4, 4, 1],
    )
  })

  it('asks an old broker for the positions of each group, and for all else together', async () => {
    await using made = await brokersOf([named('a', 600)], older)
    const lags = await lagsOf(made.admin)
    assert.equal(lags.size, 600)
    assert.ok([...lags.values()].every(([lag]) => lag === 7))
    assert.deepEqual(
      ['ListGroups', 'DescribeGroups', 'OffsetFetch', 'ListOffsets'].map(made.asked),
      [1, 2, 600, 1],
    )
  })

  it('keeps a refusal to the group that it is about', async () => {
    await using made = await brokersOf([['a', 'moved', 'secret']], newer)
    const looks = await made.admin.groups.look(await made.admin.groups.list())
    const words = [...looks].map(([id, look]) => [id, look instanceof Fault ? look.message : look.state])
    assert.deepEqual(
      words.map(([id]) => id),
      ['a', 'moved', 'secret'],
    )
    assert.equal(words[0]![1], 'Empty')
    assert.match(words[1]![1]!, /positions of group moved: NOT_COORDINATOR/)
    assert.match(words[2]![1]!, /group secret: GROUP_AUTHORIZATION_FAILED/)
  })

  it('shows the others where a client has committed an offset beyond 2^53, or assigned what nobody can read', async () => {
    await using made = await brokersOf([['a', 'b']], newer)
    const member = {
      memberId: 'm',
      clientId: 'c',
      clientHost: '/h',
      memberMetadata: Buffer.of(),
      memberAssignment: Buffer.of(0, 0, 255),
    }
    const group = (groupId: string) => ({
      groupId,
      errorCode: 0,
      groupState: 'Stable',
      protocolType: 'consumer',
      protocolData: '',
      members: [member],
    })
    const [broker] = made.brokers
    broker!.on(describeGroups, ({ groups }) => ({ groups: groups.map(group) }), [0, 6])
    broker!.tamperBytes = (api, bytes) => {
      const at = bytes.indexOf(Buffer.of(0, 0, 0, 0, 0, 0, 0, 3))
      if (api === 'OffsetFetch') bytes[at] = 0x40
      return bytes
    }
    const looks = await made.admin.groups.look(await made.admin.groups.list())
    assert.deepEqual(
      [...looks.values()].map(look =>
        look instanceof Fault ? look.message : [look.members[0]!.partitions, look.committed[0]!.offset],
      ),
      [
        [[], Number.MAX_SAFE_INTEGER],
        [[], 3],
      ],
    )
  })

  it('gives the groups of the other brokers where one is silent', async () => {
    await using made = await brokersOf([named('a', 3), named('b', 3)], newer)
    await made.admin.groups.list()
    made.brokers[1]!.isSilent = true
    const { groups, faults } = await made.admin.groups.known(3000)
    assert.deepEqual(
      groups.map(({ id }) => id),
      named('a', 3),
    )
    assert.match(faults.get(1)!.message, /broker 1 did not answer within 3000 ms/)
  })

  it('gives the ends of the partitions whose leader answers', async () => {
    await using made = await brokersOf([['a'], ['b']], newer)
    const wanted = [0, 1].map(partition => ({ topic: 't', partition }))
    const partition = (index: number) => ({ index, leader: index, replicas: [], isr: [] })
    const topics = [{ name: 't', id: '', isInternal: false, errorCode: 0, partitions: [0, 1].map(partition) }]
    made.brokers[1]!.on(listOffsets, () => 'silent', [1, 1])
    const found = await made.admin.offsets.known(topics, wanted, -1, 3000)
    assert.deepEqual([...found], [['t-0', 10]])
  })

  it('keeps nothing of topics and groups that were looked at once', async () => {
    await using made = await brokersOf([['a']], newer)
    const { admin, brokers } = made
    await admin.offsets.at([{ topic: 't', partition: 0 }], -1)
    await admin.offsets.of('t')
    await admin.brokers.logDirectories()
    const last = brokers[0]!.asked.findLast(one => one.name === 'Metadata')!.body as { topics: unknown }
    assert.deepEqual(last.topics, [])
  })
})
