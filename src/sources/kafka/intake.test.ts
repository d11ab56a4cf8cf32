import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { contextFor, KeptLog } from '../../../test/context.ts'
import { Fault } from '../../errors.ts'
import { Event } from '../../event.ts'
import type { ConsumedRecord, Position } from '../../kafka-client/kafka-client.ts'
import { kafkaSourceCounters } from '../../observe/counters.ts'
import { Intake } from './intake.ts'
import { MemoryBudget } from '../../system/memory-budget.ts'

const recordsOf = (partition: number, first: number, count: number): ConsumedRecord[] =>
  Array.from({ length: count }, (_, index) => ({
    topic: 't',
    partition,
    offset: first + index,
    timestamp: 1,
    key: null,
    value: Buffer.from(`${partition}:${first + index}`),
    headers: [],
  }))

/** A supply that gives batches as they are set out, and a channel that takes them when told. */
function setUp({ emptyPollMs = 60_000, makingMs = 0, gathered = 0 } = {}) {
  let now = 0
  const { counters, system } = contextFor('SOURCE', 'r1', kafkaSourceCounters)
  const log = new KeptLog(true)
  const batches: ConsumedRecord[][] = []
  const commits: string[] = []
  const puts: { bodies: string[]; accept: () => void; refuse: (error: unknown) => void }[] = []
  const stopping = new AbortController()
  let arrived: () => void = () => {}
  const state = {
    failCommits: 0,
    /** Most records of the last poll. */
    asked: 0,
    committed: Promise.resolve(),
    onPut: (_count: number) => {},
    refuse: null as (() => void) | null,
  }
  let noteCommit: () => void = () => {}
  const nextCommit = () => new Promise<void>(resolve => (noteCommit = resolve))
  const intake = new Intake(
    {
      batchSize: 10,
      memory: new MemoryBudget(),
      emptyPollMs,
      counters,
      clock: makingMs === 0 ? system.clock : { ...system.clock, monotonic: () => now },
      log,
      makeEvent: record => {
        now += makingMs
        return record.value!.length === 0 ? null : Event.of({}, record.value!)
      },
      endBatch() {},
      processor: {
        gathered,
        process: () => assert.fail('not for sources that can wait'),
        processUntilAccepted: (events, signal) =>
          new Promise<void>((resolve, reject) => {
            puts.push({
              bodies: events.map(event => event.body.toString()),
              accept: resolve,
              refuse: reject,
            })
            signal.addEventListener('abort', () => reject(new Fault('STOPPED', 'stopping')), { once: true })
            state.onPut(puts.length)
          }),
      },
    },
    {
      async poll({ maxRecords, signal }) {
        state.asked = maxRecords
        while (batches.length === 0 && !signal.aborted)
          await new Promise<void>(resolve => {
            arrived = resolve
            signal.addEventListener('abort', () => resolve(), { once: true })
          })
        return signal.aborted ? [] : batches.shift()!
      },
      async commit(positions: readonly Position[]) {
        const { refuse } = state
        state.refuse = null
        refuse?.()
        if (state.failCommits-- > 0) throw new Fault('KAFKA_FATAL', 'the group has moved on')
        commits.push(positions.map(one => `${one.topic}-${one.partition}@${one.offset}`).join(' '))
        noteCommit()
      },
    },
  )
  const supply = (...given: ConsumedRecord[][]) => {
    batches.push(...given)
    arrived()
  }
  return {
    intake,
    supply,
    puts,
    commits,
    log,
    counters,
    stopping,
    signal: stopping.signal,
    state,
    nextCommit,
  }
}

describe('batches under way', () => {
  it('polls several batches at once where the channels have room for them', async () => {
    for (const [gathered, most] of [
      [0, 10],
      [25, 25],
      [100_000, 500],
    ] as const) {
      const { intake, supply, signal, state } = setUp({ gathered })
      supply(recordsOf(0, 0, 1))
      await intake.poll(signal)
      assert.equal(state.asked, most)
    }
  })

  it('polls on while the channel has not answered, and commits only what it has, in order', async () => {
    const { intake, supply, puts, commits, signal, counters, nextCommit } = setUp()
    supply(recordsOf(0, 5, 2), recordsOf(0, 7, 2))
    await intake.poll(signal)
    await intake.poll(signal)
    assert.deepEqual(
      puts.map(put => put.bodies),
      [
        ['0:5', '0:6'],
        ['0:7', '0:8'],
      ],
    )
    puts[1]!.accept()
    const committed = nextCommit()
    puts[0]!.accept()
    await committed
    assert.deepEqual(commits, ['t-0@9'])
    assert.equal(counters.get('EventReceivedCount'), 4)
    assert.equal(counters.get('EventAcceptedCount'), 4)
  })

  it('does not commit behind a batch that the channel still has to take', async () => {
    const { intake, supply, puts, commits, signal, stopping } = setUp()
    supply(recordsOf(0, 0, 1), recordsOf(0, 1, 1))
    await intake.poll(signal)
    await intake.poll(signal)
    puts[1]!.accept()
    stopping.abort()
    await intake.close()
    assert.deepEqual(commits, [])
  })

  it('commits every partition of a batch', async () => {
    const { intake, supply, puts, commits, signal, nextCommit } = setUp()
    supply([...recordsOf(0, 0, 2), ...recordsOf(1, 10, 1), ...recordsOf(0, 2, 1)])
    await intake.poll(signal)
    const committed = nextCommit()
    puts[0]!.accept()
    await committed
    assert.deepEqual(commits, ['t-0@3 t-1@11'])
  })

  it('moves past records that hold no event', async () => {
    const { intake, supply, puts, commits, signal, nextCommit } = setUp()
    const committed = nextCommit()
    supply([{ ...recordsOf(0, 3, 1)[0]!, value: Buffer.alloc(0) }])
    await intake.poll(signal)
    await committed
    assert.deepEqual([puts.length, commits], [0, ['t-0@4']])
  })

  it('offers a refused batch again, before anything new', async () => {
    const { intake, supply, puts, commits, signal, state, nextCommit } = setUp()
    supply(recordsOf(0, 0, 1))
    await intake.poll(signal)
    const waiting = intake.poll(signal)
    puts[0]!.refuse(new Fault('TRANSACTION_TOO_LARGE', 'too large'))
    await waiting
    state.onPut = count => count === 2 && puts[1]!.refuse(new Fault('TRANSACTION_TOO_LARGE', 'still'))
    await assert.rejects(intake.poll(signal), /still/)
    const committed = nextCommit()
    state.onPut = count => count === 3 && puts[2]!.accept()
    supply(recordsOf(0, 1, 1))
    await intake.poll(signal)
    await committed
    assert.deepEqual(
      puts.map(put => put.bodies),
      [['0:0'], ['0:0'], ['0:0'], ['0:1']],
    )
    assert.deepEqual(commits, ['t-0@1'])
  })

  it('waits for the channel where the window is full of bytes', async () => {
    const { intake, supply, puts, signal } = setUp()
    supply([{ ...recordsOf(0, 0, 1)[0]!, value: Buffer.alloc(40_000_000) }], recordsOf(0, 1, 1))
    await intake.poll(signal)
    let isDone = false
    const second = intake.poll(signal).then(() => (isDone = true))
    await new Promise(resolve => setImmediate(resolve))
    assert.deepEqual([isDone, puts.length], [false, 1])
    puts[0]!.accept()
    await second
    assert.equal(puts.length, 2)
  })

  it('counts polls that bring nothing', async () => {
    const { intake, signal, counters } = setUp({ emptyPollMs: 1 })
    await intake.poll(signal)
    assert.equal(counters.get('KafkaEmptyCount'), 1)
  })
})

describe('partitions that move', () => {
  it('are finished and committed before they are given up', async () => {
    const { intake, supply, puts, commits, signal } = setUp()
    supply(recordsOf(0, 0, 2))
    await intake.poll(signal)
    const given = intake.giveUp([{ topic: 't', partition: 0 }])
    puts[0]!.accept()
    await given
    assert.deepEqual(commits, ['t-0@2'])
  })

  it('are given up at once where nothing of them is under way', async () => {
    const { intake, supply, signal, commits } = setUp()
    supply(recordsOf(0, 0, 1))
    await intake.poll(signal)
    await intake.giveUp([{ topic: 't', partition: 1 }])
    assert.deepEqual(commits, [])
  })

  it('are not committed any more when they are lost', async () => {
    const { intake, supply, puts, commits, signal, state, log } = setUp()
    state.failCommits = 1
    supply(recordsOf(0, 0, 1))
    await intake.poll(signal)
    puts[0]!.accept()
    await log.line(/positions were not committed .*group has moved on/)
    intake.forget([{ topic: 't', partition: 0 }])
    await intake.close()
    assert.deepEqual(commits, [])
  })
})

describe('partitions that are lost', () => {
  it('are not committed when the channel takes their records afterwards, also when they are back by then', async () => {
    const { intake, supply, puts, commits, signal, nextCommit } = setUp()
    supply(recordsOf(0, 0, 2), recordsOf(1, 0, 1))
    await intake.poll(signal)
    intake.forget([{ topic: 't', partition: 0 }])
    await intake.poll(signal)
    const committed = nextCommit()
    puts[0]!.accept()
    puts[1]!.accept()
    await committed
    assert.deepEqual(commits, ['t-1@1'])
  })

  it('are not committed by a commit that failed before and is retried', async () => {
    const { intake, supply, puts, commits, signal, state, nextCommit } = setUp()
    const refused = Promise.withResolvers<void>()
    state.refuse = () => {
      intake.forget([{ topic: 't', partition: 0 }])
      refused.resolve()
      throw new Fault('KAFKA', 'the group does not know this member')
    }
    supply([...recordsOf(0, 0, 2), ...recordsOf(1, 0, 1)])
    await intake.poll(signal)
    const committed = nextCommit()
    puts[0]!.accept()
    await refused.promise
    await committed
    assert.deepEqual(commits, ['t-1@1'])
  })

  it('end a revocation that still waits for the channel', async () => {
    const { intake, supply, puts, commits, signal, log } = setUp()
    supply(recordsOf(0, 0, 2))
    await intake.poll(signal)
    const given = intake.giveUp([{ topic: 't', partition: 0 }])
    intake.forget([{ topic: 't', partition: 0 }])
    await given
    puts[0]!.accept()
    await intake.close()
    assert.deepEqual(commits, [])
    assert.doesNotMatch(log.lines.join(), /given away before/)
  })
})

it('commits at the end what was accepted', async () => {
  const { intake, supply, puts, commits, signal, stopping } = setUp()
  supply(recordsOf(0, 0, 1))
  await intake.poll(signal)
  puts[0]!.accept()
  stopping.abort()
  await intake.close()
  assert.deepEqual(commits, ['t-0@1'])
})

it('makes events that take long in several turns, and gives up what belongs to others by then', async () => {
  const { intake, supply, puts, stopping } = setUp({ makingMs: 1 })
  supply([...recordsOf(0, 0, 20), ...recordsOf(1, 0, 20)])
  const polled = intake.poll(stopping.signal)
  while (puts.length === 0) await Promise.resolve()
  assert.deepEqual([puts[0]!.bodies.length, puts[0]!.bodies.at(-1)], [16, '0:15'])
  intake.forget([{ topic: 't', partition: 0 }])
  await polled
  assert.deepEqual(
    puts.slice(1).map(({ bodies }) => [bodies.length, bodies[0], bodies.at(-1)]),
    [
      [16, '1:0', '1:15'],
      [4, '1:16', '1:19'],
    ],
  )
  for (const { accept } of puts) accept()
})
