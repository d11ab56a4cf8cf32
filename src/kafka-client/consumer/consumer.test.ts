import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { conditionsOn, KeptLog } from '../../../test/context.ts'
import { hurriedSystem } from '../../../test/scripted-broker.ts'
import { ScriptedGroup } from '../../../test/scripted-group.ts'
import { VirtualClock } from '../../../test/virtual-clock.ts'
import { waitFor } from '../../../test/interop/peers/waiting.ts'
import { silentLogger } from '../../observe/log.ts'
import { realSystem } from '../../system/system.ts'
import { GroupConsumer } from './consumer.ts'
import type { ConsumerOptions } from '../contract.ts'
import { consumerDefaults, type ConsumerSettings } from '../settings.ts'

function consumerOf(
  group: ScriptedGroup,
  settings: Partial<ConsumerSettings>,
  more: Pick<ConsumerOptions, 'system'> & Partial<ConsumerOptions>,
): GroupConsumer {
  return new GroupConsumer({
    settings: { ...consumerDefaults, bootstrapServers: [group.broker.bootstrap], groupId: 'g', ...settings },
    topics: ['t'],
    log: silentLogger,
    ...more,
  })
}

describe('a position chosen by auto.offset.reset', () => {
  it('stays the one chosen while it cannot be committed, and nothing is fetched before it is', async () => {
    const system = hurriedSystem(20)
    await using group = await new ScriptedGroup(system.clock).start()
    // GROUP_LOAD_IN_PROGRESS, REQUEST_TIMED_OUT
    group.commitErrors.push(14, 7)
    // Chosen again, it would be another one.
    group.onCommit = () => void (group.end += 70)
    const consumer = consumerOf(group, { autoOffsetReset: 'latest' }, { system })
    consumer.start()
    try {
      await waitFor(() => group.positions.has(0), 'the position is committed')
      assert.deepEqual(group.commits, ['0@100', '0@100', '0@100'])
      await waitFor(() => consumer.position({ topic: 't', partition: 0 }) === 100, 'it is read from there')
      await waitFor(() => group.fetchTimes.length > 0, 'it is fetched')
      const asked = group.broker.asked.map(one => one.name)
      assert.equal(asked.slice(0, asked.indexOf('Fetch')).filter(name => name === 'OffsetCommit').length, 3)
    } finally {
      await consumer.close()
    }
  })
})

describe('a partition without a position', () => {
  const begin = async (metadata: string) => {
    const system = hurriedSystem(20)
    await using group = await new ScriptedGroup(system.clock, 2).start()
    group.positions.set(1, 90)
    group.metadata.set(1, metadata)
    const consumer = consumerOf(group, { autoOffsetReset: 'latest' }, { system })
    consumer.start()
    try {
      await waitFor(() => group.positions.has(0), 'a position is committed')
      return { position: group.positions.get(0), metadata: group.metadata.get(0) }
    } finally {
      await consumer.close()
    }
  }
  it('was found later where the group had another before: it is read from its beginning', async () => {
    assert.deepEqual(await begin(''), { position: 0, metadata: '' })
    assert.deepEqual(await begin('begun in generation 7'), { position: 0, metadata: '' })
  })
  it('is as old as the others where the group began in this generation: auto.offset.reset decides', async () => {
    const marked = 'begun in generation 1'
    assert.deepEqual(await begin(marked), { position: 100, metadata: marked })
  })
})

describe('positions in a topic that was deleted and created again', () => {
  const [first, second] = ['AAAAAAAAAAAAAAAAAAAAAQ', 'AAAAAAAAAAAAAAAAAAAAAg']
  const partition = { topic: 't', partition: 0 }
  const reading = async (
    prepare: (group: ScriptedGroup) => void,
    change: (group: ScriptedGroup, consumer: GroupConsumer) => Promise<void>,
  ) => {
    const system = hurriedSystem(20)
    await using group = new ScriptedGroup(system.clock)
    group.topicId = first
    prepare(group)
    await group.start()
    const log = new KeptLog()
    const recreated: number[] = []
    const consumer = consumerOf(
      group,
      { autoOffsetReset: 'latest' },
      { system, log, onRecreated: one => void recreated.push(one.partition) },
    )
    consumer.start()
    try {
      await waitFor(() => consumer.position(partition) !== undefined, 'it reads')
      await change(group, consumer)
      await waitFor(() => group.commits.at(-1) === '0@0', 'the start of the new topic is committed')
      await waitFor(() => consumer.position(partition) === 0, 'it is read from its start')
      assert.equal(group.metadata.get(0), `topic ${group.topicId}`)
      return { recreated, told: log.lines.filter(line => /deleted and created again/.test(line)) }
    } finally {
      await consumer.close()
    }
  }

  it('do not count where that happens while the topic is read', async () => {
    const { recreated, told } = await reading(
      group => group.positions.set(0, 90),
      async group => {
        group.topicId = second
        // UNKNOWN_TOPIC_ID
        group.fetchAnswers.push({ errorCode: 100 })
      },
    )
    assert.deepEqual(recreated, [0])
    assert.equal(told.length, 1)
    assert.match(told[0]!, /position 90 of t-0 belongs to the deleted topic; the new topic is read from its/)
  })

  it('do not count where they were committed for the former one', async () => {
    const { told } = await reading(
      group => {
        group.positions.set(0, 90)
        group.metadata.set(0, `topic ${second}`)
      },
      async () => {},
    )
    assert.equal(told.length, 1)
  })

  it('are not chosen by auto.offset.reset where the membership was lost meanwhile', async () => {
    await reading(
      group => group.positions.set(0, 90),
      async group => {
        group.topicId = second
        group.positions.clear()
        // UNKNOWN_MEMBER_ID
        group.heartbeatError = 25
        await waitFor(
          () => group.broker.asked.filter(one => one.name === 'JoinGroup').length === 2,
          'it joins again',
        )
        group.heartbeatError = 0
      },
    )
  })
})

describe('positions that do not change', () => {
  it('are committed again within every hour, those only asked for as well', async () => {
    const clock = new VirtualClock()
    await using group = await new ScriptedGroup(clock, 2).start()
    group.positions.set(0, 50).set(1, 60)
    group.fetchWaitMs = 600_000
    const system = { ...realSystem, clock }
    const slow = { requestTimeoutMs: 9_000_000, heartbeatIntervalMs: 600_000, sessionTimeoutMs: 9_000_000 }
    const consumer = consumerOf(group, slow, { system })
    consumer.start()
    try {
      const at = (partition: number) => consumer.position({ topic: 't', partition })
      await waitFor(async () => {
        await clock.advance(10)
        return at(0) === 50 && at(1) === 60
      }, 'the positions are known')
      for (let hour = 1; hour <= 3; hour++) {
        const before = group.commits.length
        const began = clock.monotonic()
        await waitFor(async () => {
          await clock.advance(300_000)
          return group.commits.length > before
        }, `a commit in hour ${hour}`)
        assert.ok(clock.monotonic() - began <= 3_900_000, `${clock.monotonic() - began} ms`)
        assert.equal(group.commits.at(-1), '0@50 1@60')
      }
    } finally {
      const closed = consumer.close()
      await clock.advance(10_000)
      await closed
    }
  })
})

it('a commit that is refused because the group has gone on is followed by a heartbeat at once', async () => {
  const system = hurriedSystem(1)
  await using group = await new ScriptedGroup(system.clock).start()
  const lost: number[] = []
  const consumer = consumerOf(
    group,
    // Far longer than the test waits.
    { heartbeatIntervalMs: 600_000, sessionTimeoutMs: 1_800_000 },
    { system, onLost: partitions => void lost.push(...partitions.map(one => one.partition)) },
  )
  const partition = { topic: 't', partition: 0 }
  const joins = () => group.broker.asked.filter(one => one.name === 'JoinGroup').length
  consumer.start()
  try {
    await waitFor(() => consumer.position(partition) !== undefined, 'it reads')
    // UNKNOWN_MEMBER_ID
    group.commitErrors.push(25)
    group.heartbeatError = 25
    await assert.rejects(consumer.commit([{ ...partition, offset: 7 }]), /UNKNOWN_MEMBER_ID/)
    await waitFor(() => lost.length > 0, 'the membership is lost')
    group.heartbeatError = 0
    await waitFor(() => joins() === 2, 'it joins again')
  } finally {
    await consumer.close()
  }
})

it('a member whose group.instance.id another has taken joins no more, and says so once', async () => {
  const system = hurriedSystem(20)
  await using group = await new ScriptedGroup(system.clock).start()
  const log = new KeptLog()
  const { condition, health } = conditionsOn(system.clock, log)
  const lost: number[] = []
  const consumer = consumerOf(
    group,
    { groupInstanceId: 'one' },
    {
      system,
      log,
      condition,
      onLost: partitions => void lost.push(...partitions.map(one => one.partition)),
    },
  )
  consumer.start()
  try {
    await waitFor(() => consumer.position({ topic: 't', partition: 0 }) !== undefined, 'it reads')
    group.heartbeatError = 82
    await waitFor(() => health().length > 0, 'it is fenced')
    assert.match(health()[0]!, /another member with group\.instance\.id = one has taken over/)
    assert.equal(log.lines.filter(line => /another member/.test(line)).length, 1)
    assert.deepEqual(lost, [0])
    assert.equal(group.broker.asked.filter(one => one.name === 'JoinGroup').length, 1)
  } finally {
    await consumer.close()
  }
})

it('a group that uses none of our assignors is named with them', async () => {
  const system = hurriedSystem(20)
  await using group = await new ScriptedGroup(system.clock).start()
  group.joinError = 23
  const consumer = consumerOf(group, {}, { system })
  consumer.start()
  try {
    const polled = consumer.poll({ maxRecords: 1, signal: new AbortController().signal })
    await assert.rejects(
      polled,
      /none of the assignors offered here \(range.*partition\.assignment\.strategy/,
    )
  } finally {
    await consumer.close()
  }
})

describe('fetching', () => {
  it('leaves a broker alone for as long as it asks', async () => {
    const system = hurriedSystem(20)
    await using group = await new ScriptedGroup(system.clock).start()
    group.positions.set(0, 100)
    group.fetchAnswers.push({ throttleTimeMs: 20_000 })
    const consumer = consumerOf(group, {}, { system })
    consumer.start()
    try {
      await waitFor(() => group.fetchTimes.length >= 2, 'the next fetch')
      const [first, second] = group.fetchTimes
      assert.ok(second! - first! >= 20_000, `${second! - first!} ms`)
    } finally {
      await consumer.close()
    }
  })

  for (const [name, errorCode] of [
    ['FENCED_LEADER_EPOCH', 74],
    ['OFFSET_NOT_AVAILABLE', 78],
  ] as const)
    it(`retries after ${name}, where it was`, async () => {
      const system = hurriedSystem(20)
      await using group = await new ScriptedGroup(system.clock).start()
      group.positions.set(0, 70)
      group.fetchAnswers.push({ errorCode }, { errorCode })
      const consumer = consumerOf(group, {}, { system })
      const fetches = () => group.broker.asked.filter(one => one.name === 'Fetch')
      consumer.start()
      try {
        await waitFor(() => fetches().length >= 4, 'it is fetched again')
        const offsets = fetches().map(({ body }) => {
          const { topics } = body as { topics: { partitions: { fetchOffset: number }[] }[] }
          return topics[0]!.partitions[0]!.fetchOffset
        })
        assert.deepEqual(offsets.slice(0, 4), [70, 70, 70, 70])
      } finally {
        await consumer.close()
      }
    })
})
