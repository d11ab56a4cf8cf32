import assert from 'node:assert/strict'
import fc from '../../../test/fast-check.ts'
import { describe, it } from 'node:test'
import {
  given,
  identities,
  record,
  recordsOf,
  stageOf,
  system,
  texts,
  turn,
  value,
} from '../../../test/producer-stage.ts'
import { metadataOf, ScriptedBroker, type Answer } from '../../../test/scripted-broker.ts'
import type { RequestOf } from '../../wire/kafka/api.ts'
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import { initProducerId } from '../../wire/kafka/messages/init-producer-id.ts'
import { metadata } from '../../wire/kafka/messages/metadata.ts'
import { produce } from '../../wire/kafka/messages/produce.ts'
import type { RecordBatch } from '../../wire/kafka/record.ts'
import type { ProducerRecord } from '../contract.ts'
import type { ProduceFault } from './produce-fault.ts'

/** After these a batch that was written may be sent under a new epoch. */
const identityLost = new Set<number>([45, 59, 47])

describe('what is sent again', () => {
  for (const [what, how] of [
    ['the connection is closed', 'close'],
    ['nothing comes', 'silent'],
  ] as const)
    it(`is not there twice where ${what} instead of an answer, and has the same bytes`, async () => {
      await using stage = await stageOf({ requestTimeoutMs: 2_000 })
      await stage.producer.send(recordsOf(1, 3))
      let lost = 0
      stage.after = answer => (++lost < 3 ? how : answer)
      await Promise.all([stage.producer.send(recordsOf(4, 5)), stage.producer.send(recordsOf(6, 7))])
      assert.deepEqual(stage.logs.of('t-0'), texts(1, 7))
      assert.equal(lost, 3)
      const [, ...tries] = stage.logs.batches
      for (const one of tries) assert.deepEqual(one.bytes, tries[0]!.bytes)
      assert.deepEqual(identities(stage), [[70, 0, 0], ...tries.map(() => [70, 0, 3])])
    })

  it('is there at most as often as it was sent, without idempotence', async () => {
    for (const settings of [{ acks: 1 as const }, { enableIdempotence: false }]) {
      await using stage = await stageOf(settings)
      const answers = [...Array(2).fill('close'), null]
      stage.after = answer => answers.shift() ?? answer
      await stage.producer.send(recordsOf(1, 2))
      await stage.producer.send(recordsOf(3, 4))
      assert.deepEqual(stage.logs.of('t-0'), ['1', '2', '1', '2', '1', '2', '3', '4'])
      assert.equal(stage.ids, 0)
    }
  })

  it('goes to brokers before 0.11 without identity', async () => {
    await using stage = await stageOf({}, [0, 2])
    const answers = ['close', null] as const
    let at = 0
    stage.after = answer => answers[at++] ?? answer
    await stage.producer.send(recordsOf(1, 2))
    assert.deepEqual(stage.logs.of('t-0'), ['1', '2', '1', '2'])
  })

  for (const code of [
    'LEADER_NOT_AVAILABLE',
    'NOT_LEADER_OR_FOLLOWER',
    'REQUEST_TIMED_OUT',
    'NOT_ENOUGH_REPLICAS',
    'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
    'KAFKA_STORAGE_ERROR',
    'UNKNOWN_TOPIC_OR_PARTITION',
    'FENCED_LEADER_EPOCH',
    'UNKNOWN_LEADER_EPOCH',
    'NETWORK_EXCEPTION',
    'REPLICA_NOT_AVAILABLE',
  ] as const)
    it(`is what ${code} came back for, in order and once, whether it was written or not`, async () => {
      await using stage = await stageOf()
      let asked = 0
      stage.judge = () =>
        ++asked % 3 === 0 ? 0 : asked % 3 === 1 ? errorCodes[code] : { after: errorCodes[code] }
      const sends: Promise<void>[] = []
      for (let at = 0; at < 8; at++) {
        sends.push(stage.producer.send([record(at), record(at, 1)]))
        await turn()
      }
      await Promise.all(sends)
      for (const name of ['t-0', 't-1']) assert.deepEqual(stage.logs.of(name), texts(0, 7))
    })

  it('is DUPLICATE_SEQUENCE_NUMBER as good as written', async () => {
    await using stage = await stageOf()
    stage.judge = () => ({ after: errorCodes.DUPLICATE_SEQUENCE_NUMBER })
    await stage.producer.send(recordsOf(1, 2))
    await stage.producer.send(recordsOf(3, 4))
    assert.deepEqual(stage.logs.of('t-0'), texts(1, 4))
    assert.equal(stage.logs.batches.length, 2)
  })
})

describe('a producer that a broker does not know', () => {
  for (const [code, expected] of [
    ['OUT_OF_ORDER_SEQUENCE_NUMBER', [70, 1, 0]],
    ['UNKNOWN_PRODUCER_ID', [70, 1, 0]],
    ['INVALID_PRODUCER_EPOCH', [71, 0, 0]],
    ['INVALID_PRODUCER_ID_MAPPING', [71, 0, 0]],
  ] as const)
    it(`begins again after ${code}, in that partition alone`, async () => {
      await using stage = await stageOf()
      await stage.producer.send([record(1), record(1, 1)])
      let asked = 0
      stage.judge = name => (name === 't-0' && ++asked === 1 ? errorCodes[code] : 0)
      await stage.producer.send([record(2), record(2, 1)])
      stage.judge = () => 0
      await stage.producer.send([record(3), record(3, 1)])
      assert.deepEqual(stage.logs.of('t-0'), texts(1, 3))
      assert.deepEqual(stage.logs.of('t-1'), texts(1, 3))
      const of = (name: string) =>
        stage.logs.batches
          .filter(one => one.name === name && one.code === 0)
          .map(one => [one.producerId, one.producerEpoch, one.baseSequence])
      assert.deepEqual(
        of('t-1'),
        [70, 70, 70].map((id, at) => [id, 0, at]),
      )
      assert.deepEqual(of('t-0').slice(1), [expected, [expected[0], expected[1], 1]])
      assert.equal(stage.lines.filter(line => line.includes(code)).length, 1)
      assert.match(stage.lines.join('\n'), /sent again under a new epoch/)
    })

  it('says what may be there twice, where an answer is missing and the broker has forgotten', async () => {
    await using stage = await stageOf()
    await stage.producer.send([record(1)])
    const answers = ['close', null] as const
    let at = 0
    stage.after = answer => answers[at++] ?? answer
    let asked = 0
    stage.judge = () => (++asked === 2 ? errorCodes.UNKNOWN_PRODUCER_ID : 0)
    await stage.producer.send([record(2)])
    assert.deepEqual(stage.logs.of('t-0'), ['1', '2', '2'])
    assert.match(stage.lines.join('\n'), /1 records for t-0 .*UNKNOWN_PRODUCER_ID.*may be there twice/)
  })

  it('writes without identity to a topic in an old message format', async () => {
    await using stage = await stageOf()
    stage.judge = (_, batch) => (batch.producerId === -1 ? 0 : errorCodes.UNSUPPORTED_FOR_MESSAGE_FORMAT)
    await stage.producer.send([record(1)])
    await stage.producer.send([record(2)])
    assert.deepEqual(stage.logs.of('t-0'), ['1', '2'])
    assert.equal(stage.logs.batches.length, 3)
    assert.match(stage.lines.join('\n'), /t keeps an old message format/)
  })

  it('writes without identity where it may not have one', async () => {
    await using stage = await stageOf()
    stage.broker.on(initProducerId, () => given({ errorCode: errorCodes.CLUSTER_AUTHORIZATION_FAILED }))
    await stage.producer.send([record(1)])
    await stage.producer.send([record(2)])
    assert.deepEqual(identities(stage), [
      [-1, -1, -1],
      [-1, -1, -1],
    ])
    assert.match(stage.lines.join('\n'), /CLUSTER_AUTHORIZATION_FAILED.*IDEMPOTENT_WRITE/)
  })

  it('asks for an id until there is one', async () => {
    await using stage = await stageOf()
    const codes = [14, 15, 7, -1, 0]
    stage.broker.on(initProducerId, () => {
      const errorCode = codes.shift()!
      return codes.length === 3 ? 'close' : given({ errorCode, producerId: 5 })
    })
    await stage.producer.send([record(1)])
    assert.deepEqual(identities(stage), [[5, 0, 0]])
  })
})

describe('numbers', () => {
  it('leave no hole where a batch is too large, and none where it was cut after a lost answer', async () => {
    await using stage = await stageOf()
    await stage.producer.send([record(0)])
    const judge = (_: string, batch: RecordBatch) =>
      batch.records().length > 2 ? errorCodes.MESSAGE_TOO_LARGE : 0
    stage.judge = judge
    await stage.producer.send(recordsOf(1, 9))
    assert.deepEqual(stage.logs.of('t-0'), texts(0, 9))
    assert.deepEqual([...new Set(stage.logs.batches.map(one => one.producerEpoch))], [0])
    // The topic takes less from now on, and the try before was written: what is known is said.
    stage.judge = () => 0
    const answers = ['close', null] as const
    let at = 0
    stage.after = answer => {
      stage.judge = judge
      return answers[at++] ?? answer
    }
    await stage.producer.send(recordsOf(10, 14))
    assert.deepEqual(stage.logs.of('t-0'), [...texts(0, 14), ...texts(10, 14)])
    assert.match(stage.lines.join('\n'), /5 records for t-0 were abandoned.*may be there twice/)
  })

  it('go on after a record that is never accepted', async () => {
    await using stage = await stageOf()
    stage.judge = (_, batch) =>
      batch.records().some(one => String(one.value) === 'bad') ? errorCodes.INVALID_RECORD : 0
    const bad = record('bad')
    await assert.rejects(stage.producer.send([record(1), bad, record(2)]), (fault: ProduceFault) => {
      assert.equal(fault.record, bad)
      assert.deepEqual(fault.undelivered.map(value), ['bad', '2'])
      return true
    })
    await stage.producer.send([record(2), record(3)])
    assert.deepEqual(stage.logs.of('t-0'), texts(1, 3))
  })

  it('begin again after a send that was given up without an answer, written or not', async () => {
    for (const isWritten of [true, false]) {
      await using stage = await stageOf({ requestTimeoutMs: 2_000 })
      await stage.producer.send([record(1)])
      const giving = new AbortController()
      const hold = (): 'silent' => {
        giving.abort()
        return 'silent'
      }
      if (isWritten) stage.after = hold
      else stage.before = hold
      await assert.rejects(stage.producer.send([record(2)], giving.signal), (fault: ProduceFault) => {
        assert.equal(fault.code, 'STOPPED')
        assert.deepEqual(fault.undelivered.map(value), ['2'])
        return true
      })
      stage.after = answer => answer
      stage.before = () => undefined
      // As many records as were given up: taken for them, they would be lost.
      await stage.producer.send([record(3)])
      await stage.producer.send([record(4)])
      assert.deepEqual(stage.logs.of('t-0'), isWritten ? texts(1, 4) : ['1', '3', '4'])
    }
  })

  it('hold where another partition fails meanwhile: what may be written is not handed back to be sent again', async () => {
    await using stage = await stageOf()
    const codes = [errorCodes.NOT_ENOUGH_REPLICAS_AFTER_APPEND, errorCodes.REQUEST_TIMED_OUT]
    const sends: Promise<void>[] = []
    const session = stage.producer.open()
    stage.judge = name => {
      if (sends.length === 1) sends.push(session.send([record(2)]))
      return name === 't-1' ? errorCodes.INVALID_RECORD : { after: codes.shift() ?? 0 }
    }
    const bad = record('bad', 1)
    sends.push(session.send([record(1), bad]))
    await sends[0]!.catch(() => {})
    const outcomes = await Promise.allSettled(sends)
    const [first, second] = outcomes.map(one => (one as PromiseRejectedResult).reason as ProduceFault)
    assert.equal(first!.record, bad)
    assert.deepEqual(first!.undelivered.map(value), ['bad'])
    assert.deepEqual(second!.undelivered.map(value), ['2'])
    await stage.producer.send([record(2)])
    assert.deepEqual(stage.logs.of('t-0'), ['1', '2'])
  })

  it('do not hold up who stops, though what is given up may be written', async () => {
    await using stage = await stageOf()
    const giving = new AbortController()
    let tries = 0
    stage.judge = () => {
      if (++tries === 3) giving.abort()
      return { after: errorCodes.NOT_ENOUGH_REPLICAS_AFTER_APPEND }
    }
    await assert.rejects(stage.producer.send([record(1)], giving.signal), (fault: ProduceFault) => {
      assert.equal(fault.code, 'STOPPED')
      assert.deepEqual(fault.undelivered.map(value), ['1'])
      return true
    })
  })

  it('begin again after delivery.timeout.ms', async () => {
    await using stage = await stageOf({ deliveryTimeoutMs: 3_000 })
    await stage.producer.send([record(1)])
    stage.judge = () => ({ after: errorCodes.NOT_ENOUGH_REPLICAS_AFTER_APPEND })
    await assert.rejects(stage.producer.send([record(2)]), {
      code: 'PEER_TIMEOUT',
      message: /t-0 were not acknowledged within delivery\.timeout\.ms: NOT_ENOUGH_REPLICAS_AFTER_APPEND/,
    })
    stage.judge = () => 0
    await stage.producer.send([record(3)])
    assert.deepEqual(stage.logs.of('t-0'), texts(1, 3))
  })
})

describe('whatever brokers answer', () => {
  /** Codes of every kind: passing, final, about one record, about the producer. */
  const codes = [3, 6, 7, 19, 20, 56, 10, 87, 2, 29, 45, 59, 47, -1]
  const fault = fc.oneof(
    { weight: 6, arbitrary: fc.constant(0) },
    { weight: 3, arbitrary: fc.constantFrom(...codes) },
    { weight: 1, arbitrary: fc.constantFrom('close' as const, 'lose' as const) },
  )
  const script = fc.record({
    faults: fc.array(fc.tuple(fault, fault, fc.boolean()), { maxLength: 12 }),
    sends: fc.array(
      fc.record({ count: fc.integer({ min: 1, max: 4 }), pause: fc.integer({ min: 0, max: 3 }) }),
      {
        minLength: 1,
        maxLength: 8,
      },
    ),
    bad: fc.option(fc.integer({ min: 1, max: 20 })),
    abortAfter: fc.option(fc.integer({ min: 0, max: 6 })),
    enableIdempotence: fc.boolean(),
  })

  it('each record of a send is written, or named as undelivered; in order, and once where brokers know it again', async () => {
    await fc.assert(
      fc.asyncProperty(script, async ({ faults, sends, bad, abortAfter, enableIdempotence }) => {
        await using stage = await stageOf({ enableIdempotence, retryBackoffMs: 20, retryBackoffMaxMs: 40 })
        const queue = faults.map(([one, other, isAfter]) => ({ 't-0': one, 't-1': other, isAfter }))
        let now: (typeof queue)[number] | undefined
        stage.before = () => {
          now = queue.shift()
          return now?.['t-0'] === 'close' ? 'close' : undefined
        }
        stage.judge = (name, batch) => {
          if (batch.records().some(one => String(one.value) === String(bad))) return errorCodes.INVALID_RECORD
          const code = now?.[name as 't-0'] ?? 0
          if (typeof code !== 'number') return 0
          // Refused for what it is, a batch is not written.
          const mayFollow = [6, 7, 20, 56, -1].includes(code)
          return mayFollow && now!.isAfter ? { after: code } : code
        }
        stage.after = answer => (now?.['t-0'] === 'lose' ? 'close' : answer)
        const giving = new AbortController()
        const session = stage.producer.open()
        const outcomes: Promise<{ records: ProducerRecord[]; undelivered: readonly ProducerRecord[] }>[] = []
        let next = 0
        for (const [at, { count, pause }] of sends.entries()) {
          const records = Array.from({ length: count }, () => (next++, record(next, next % 2)))
          outcomes.push(
            session.send(records, giving.signal).then(
              () => ({ records, undelivered: [] }),
              (error: ProduceFault) => ({ records, undelivered: error.undelivered }),
            ),
          )
          if (at === abortAfter) giving.abort()
          for (let turns = 0; turns < pause; turns++) await turn()
        }
        const settled = await Promise.all(outcomes)
        for (const name of ['t-0', 't-1']) {
          const written = stage.logs.of(name)
          const sure: string[] = []
          for (const { records, undelivered } of settled)
            for (const one of records)
              if (`t-${one.partition}` === name) {
                if (undelivered.includes(one)) continue
                assert.ok(written.includes(value(one)), `${value(one)} is acknowledged and not there`)
                sure.push(value(one))
              }
          const firsts = [...new Set(written)]
          assert.deepEqual(
            [...firsts].sort((one, other) => Number(one) - Number(other)),
            firsts,
          )
          assert.deepEqual(
            firsts.filter(one => sure.includes(one)),
            sure,
          )
          const isKnown = !stage.logs.batches.some(one => one.name === name && identityLost.has(one.code))
          const isSplit = stage.lines.some(line => line.includes('there twice'))
          if (enableIdempotence && isKnown && !isSplit) assert.deepEqual(written, firsts, stage.lines.join())
        }
        for (const { records, undelivered } of settled)
          assert.deepEqual(
            undelivered,
            records.filter(one => undelivered.includes(one)),
          )
      }),
      { timeout: 120_000, numRuns: process.env['MILLRACE_DEEP'] === '1' ? 3_000 : 60 },
    )
  })
})

describe('a broker', () => {
  it('that asks for a pause is sent nothing until it is over', async () => {
    await using stage = await stageOf()
    stage.after = answer => ({ ...(answer as object), throttleTimeMs: 10_000 }) as Answer<typeof produce>
    await stage.producer.send([record(1)])
    stage.after = answer => answer
    const begun = system.clock.monotonic()
    await stage.producer.send([record(2)])
    const ms = system.clock.monotonic() - begun
    assert.ok(ms > 9_000, `${ms} ms`)
    assert.deepEqual(stage.logs.of('t-0'), ['1', '2'])
  })

  it('that loses its leadership hands over to the next, in order', async () => {
    await using stage = await stageOf()
    await using other = await new ScriptedBroker().start()
    let leader = 0
    const addresses = [stage.broker.address, other.address]
    const tell = (body: RequestOf<typeof metadata>) =>
      metadataOf(addresses, { t: { leaders: [leader, leader] } })(body)
    for (const one of [stage.broker, other]) one.on(metadata, tell, [0, 12])
    const shared = stage.logs
    const answer = (id: number) => (body: RequestOf<typeof produce>) =>
      shared.answer(body, () => (leader === id ? 0 : errorCodes.NOT_LEADER_OR_FOLLOWER))
    stage.broker.on(produce, answer(0), [3, 11])
    other.on(produce, answer(1), [3, 11])
    const sends: Promise<void>[] = []
    for (let at = 0; at < 40; at++) {
      sends.push(stage.producer.send([record(at), record(at, 1)]))
      if (at % 10 === 9) {
        await sends.at(-1)
        leader = 1 - leader
      }
      await turn()
    }
    await Promise.all(sends)
    for (const name of ['t-0', 't-1']) assert.deepEqual(shared.of(name), texts(0, 39))
  })
})
