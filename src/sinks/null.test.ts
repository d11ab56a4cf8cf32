import assert from 'node:assert/strict'
import test from 'node:test'
import { contextFor, optionsFor } from '../../test/context.ts'
import { deliveriesOf } from '../../test/sink-sessions.ts'
import { Event } from '../event.ts'
import { nullSink } from './null.ts'

test('says every so many events how many there were', async () => {
  const context = contextFor('SINK', 'k1')
  const sink = nullSink.create(optionsFor(nullSink, { logEveryNEvents: 10 }), context)
  const deliver = deliveriesOf(sink)
  const four = Array.from({ length: 4 }, () => Event.of({}))
  for (let batch = 0; batch < 6; batch++) await deliver(four)
  await sink.stop()
  assert.deepEqual(context.log.lines, [
    'INFO Null sink k1 successfully processed 10 events',
    'INFO Null sink k1 successfully processed 20 events',
    'INFO Null sink k1 stopped, 24 events discarded',
  ])
})
