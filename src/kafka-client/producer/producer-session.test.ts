// Sessions of the producer: order where a send fails, by what is in the session and not by when it is sent.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { record, stageOf, turn, value } from '../../../test/producer-stage.ts'
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type { RecordBatch } from '../../wire/kafka/record.ts'
import type { ProduceFault } from './produce-fault.ts'

describe('a session', () => {
  const refuseBad = (_: string, batch: RecordBatch) =>
    batch.records().some(one => String(one.value) === 'bad') ? errorCodes.INVALID_RECORD : 0

  it('writes nothing behind its failure, whenever it is sent; the next one does', async () => {
    for (const turns of [-1, 0, 1, 5]) {
      await using stage = await stageOf()
      stage.judge = refuseBad
      const session = stage.producer.open()
      const first = session.send([record(1), record('bad')])
      // In the moment of the failure, and later; to another partition, too.
      const late = first.catch(() => session.send([record('late'), record('late', 1)]))
      late.catch(() => {})
      if (turns === -1) await assert.rejects(late, { code: 'KAFKA', message: /an earlier send failed/ })
      else {
        await assert.rejects(first, { code: 'UNDELIVERABLE' })
        for (let count = 0; count < turns; count++) await turn()
        await assert.rejects(session.send([record('late')]), (fault: ProduceFault) => {
          assert.deepEqual(fault.undelivered.map(value), ['late'])
          return true
        })
      }
      await stage.producer.open().send([record(2)])
      assert.deepEqual(stage.logs.of('t-0'), ['1', '2'])
      assert.deepEqual(stage.logs.of('t-1'), [])
    }
  })

  it('does not concern another', async () => {
    await using stage = await stageOf()
    stage.judge = refuseBad
    const [one, other] = [stage.producer.open(), stage.producer.open()]
    const sends = [one.send([record('bad')]), other.send([record(1)]), one.send([record('behind')])]
    other.send([record(2), record(3, 1)]).catch(() => {})
    const states = (await Promise.allSettled(sends)).map(({ status }) => status)
    assert.deepEqual(states, ['rejected', 'fulfilled', 'rejected'])
    await other.send([record(4)])
    assert.deepEqual(stage.logs.of('t-0'), ['1', '2', '4'])
    assert.deepEqual(stage.logs.of('t-1'), ['3'])
  })

  it('that is given up writes nothing that is not under way', async () => {
    await using stage = await stageOf()
    const session = stage.producer.open()
    const sends: Promise<void>[] = []
    stage.judge = () => {
      if (sends.length === 1) {
        sends.push(session.send([record(2)]), stage.producer.send([record('other')]))
        session.end('enough')
      }
      return 0
    }
    sends.push(session.send([record(1)]))
    await sends[0]
    await assert.rejects(sends[1]!, { code: 'STOPPED', message: 'enough' })
    await sends[2]
    await assert.rejects(session.send([record(3)]), { code: 'STOPPED' })
    assert.deepEqual(stage.logs.of('t-0'), ['1', 'other'])
  })
})
