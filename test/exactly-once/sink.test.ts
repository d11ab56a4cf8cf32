// The Kafka sink with deliveryGuarantee = exactly-once against a broker in this process.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { DeliveryFault } from '../../src/delivery-fault.ts'
import { Event } from '../../src/event.ts'
import type { Admin } from '../../src/kafka-client/kafka-client.ts'
import { eventOf, eventsOf, onStage, progressOf } from './once-stage.ts'

const bodies = (from: number, count: number, partition = 0): string[] =>
  Array.from({ length: count }, (_, at) => `${partition}:${from + at}`)

describe('what was written', () => {
  it('is not written again, by this sink or another, and is counted', () =>
    onStage(async stage => {
      const one = await stage.sink()
      await one.deliver(eventsOf(0, 5))
      await one.deliver(eventsOf(3, 4))
      const other = await stage.sink()
      await other.deliver(eventsOf(0, 9))
      assert.deepEqual(await stage.read(), bodies(0, 9))
      assert.deepEqual(
        [one, other].map(sink => sink.counted('events_already_written')),
        [2, 7],
      )
      assert.match(
        other.context.log.lines.join('\n'),
        /7 events of cluster\/in\/id\/0 \(offsets 0 to 6\) were let go/,
      )
      assert.equal((await progressOf(stage)).at(-1), '0-8@0')
    }))

  it('is told from what took its offset in a later epoch, and from other partitions and flows', () =>
    onStage(async stage => {
      const one = await stage.sink()
      await one.deliver([
        ...eventsOf(0, 3),
        ...eventsOf(2, 1, { leaderEpoch: 1 }),
        ...eventsOf(0, 2, { partition: 1 }),
      ])
      const other = await stage.sink({ flow: 'g' })
      await other.deliver(eventsOf(0, 1))
      const found = await stage.read()
      assert.deepEqual(
        found.filter(body => body.startsWith('0:')),
        ['0:0', '0:1', '0:2', '0:2', '0:0'],
      )
      assert.deepEqual(
        found.filter(body => body.startsWith('1:')),
        bodies(0, 2, 1),
      )
    }))

  it('is not taken for written by a sink of the same flow that writes to another topic, which refuses', () =>
    onStage(async stage => {
      const one = await stage.sink()
      await one.deliver(eventsOf(0, 3))
      await stage.admin.topics.create({ name: 'elsewhere', partitions: 1 })
      const other = await stage.sink({ 'kafka.topic': 'elsewhere' })
      await assert.rejects(
        other.deliver(eventsOf(0, 5)),
        /flow f has written records of cluster\/in\/id\/0 to topic out \(.*\), and this sink writes to elsewhere: .*writes nothing/,
      )
      assert.deepEqual(await stage.read('elsewhere'), [])
      const own = await stage.sink({ 'kafka.topic': 'elsewhere', flow: 'g' })
      await own.deliver(eventsOf(0, 5))
      assert.deepEqual(await stage.read('elsewhere'), bodies(0, 5))
    }))

  it('closes over what is known not to come, and keeps gaps for what may', () =>
    onStage(async stage => {
      const { deliver } = await stage.sink()
      await deliver([eventOf(4, { from: 0 }), eventOf(5), eventOf(9, { from: 8 })])
      await deliver([eventOf(7, { from: 6 })])
      assert.deepEqual(await progressOf(stage), ['0-5@0 8-9@0', '0-9@0'])
      // What came late was not written before.
      assert.deepEqual(await stage.read(), ['0:4', '0:5', '0:9', '0:7'])
    }))

  it('does not cover an event that fails, nor those of another partition that were written beside it', () =>
    onStage(async stage => {
      const { deliver } = await stage.sink({ partitionIdHeader: 'p' })
      await deliver(eventsOf(0, 2))
      const bad = eventOf(3)
      bad.setHeader('p', '7')
      const beside = eventsOf(0, 2, { partition: 1 })
      const events = [eventOf(2), bad, eventOf(4), ...beside]
      const fault = await deliver(events).then(
        () => assert.fail('it cannot be written'),
        (error: unknown) => error,
      )
      assert.ok(fault instanceof DeliveryFault)
      assert.equal(fault.code, 'UNDELIVERABLE')
      assert.equal(fault.event, bad)
      assert.ok(fault.undelivered.includes(events[0]!) && fault.undelivered.includes(events[2]!))
      bad.setHeader('p', '0')
      await deliver(events)
      const found = await stage.read()
      assert.deepEqual(
        found.filter(body => body.startsWith('0:')),
        bodies(0, 5),
      )
      assert.deepEqual(
        found.filter(body => body.startsWith('1:')),
        bodies(0, 2, 1),
      )
    }))
})

describe('writers', () => {
  it('that were taken over write nothing more, begin again, and let go what the other has written', () =>
    onStage(async stage => {
      const zombie = await stage.sink()
      await zombie.deliver(eventsOf(0, 3))
      const other = await stage.sink()
      await other.deliver(eventsOf(3, 3))
      await assert.rejects(
        zombie.deliver(eventsOf(3, 5)),
        /another producer has taken over flow f from cluster\/in\/id\/0/,
      )
      assert.deepEqual(await stage.read(), bodies(0, 6))
      await zombie.deliver(eventsOf(3, 5))
      assert.deepEqual(await stage.read(), bodies(0, 8))
      assert.equal(zombie.counted('events_already_written'), 3)
      assert.equal(zombie.counted('writers_fenced'), 1)
    }))

  it('that take over from each other all the time stay correct, and say how slow that is', () =>
    onStage(async stage => {
      const sinks = [await stage.sink(), await stage.sink()]
      let at = 0
      for (let turn = 0; turn < 12; turn++) {
        const { deliver } = sinks[turn % 2]!
        const events = eventsOf(Math.max(0, at - 2), 4)
        await deliver(events).catch(() => deliver(events))
        at = Math.max(0, at - 2) + 4
      }
      assert.deepEqual(await stage.read(), bodies(0, at))
      const said = sinks.map(({ context }) =>
        context.log.lines.filter(line => /taken over \d+ times/.test(line)),
      )
      assert.deepEqual(
        said.map(lines => lines.length),
        [1, 1],
      )
      assert.match(said[0]![0]!, /processor\.type = failover/)
    }))

  it('gather what waits into one transaction', () =>
    onStage(async stage => {
      const { deliver } = await stage.sink()
      await Promise.all(Array.from({ length: 20 }, (_, at) => deliver(eventsOf(at * 10, 10))))
      assert.deepEqual(await stage.read(), bodies(0, 200))
      assert.ok((await progressOf(stage)).length <= 3)
    }))
})

describe('events without an origin', () => {
  it('are written, counted, and make health red until all have one', () =>
    onStage(async stage => {
      const { deliver, counted, context } = await stage.sink()
      const bare = [Event.of({}, 'a'), Event.of({ 'millrace.origin': 'nonsense' }, 'b')]
      await deliver([eventOf(0), ...bare])
      await deliver(bare)
      assert.equal(counted('events_without_origin'), 4)
      assert.deepEqual((await stage.read()).toSorted(), ['0:0', 'a', 'a', 'b', 'b'])
      assert.equal(context.health().length, 1)
      await deliver([eventOf(1)])
      assert.deepEqual(context.health(), [])
    }))
})

describe('dead letters', () => {
  it('belong to the transaction that closes their range', () =>
    onStage(async stage => {
      await stage.admin.topics.create({ name: 'letters', partitions: 1 })
      const { sink, deliver, counted } = await stage.sink({
        'deadLetter.topic': 'letters',
        partitionIdHeader: 'p',
      })
      await deliver(eventsOf(0, 2))
      const bad = eventOf(2)
      bad.setHeader('p', '7')
      const fault = await deliver([bad]).catch((error: unknown) => error as DeliveryFault)
      const never = new AbortController().signal
      await sink.divert!(bad, fault as DeliveryFault, never)
      await sink.divert!(bad, fault as DeliveryFault, never)
      await deliver([eventOf(2), ...eventsOf(3, 2)])
      assert.deepEqual(await stage.read('letters'), ['0:2'])
      assert.deepEqual(await stage.read(), ['0:0', '0:1', '0:3', '0:4'])
      assert.equal((await progressOf(stage)).at(-1), '0-4@0')
      assert.equal(counted('events_already_written'), 2)
    }))
})

describe('dead letters in a file', () => {
  it('close the range of their event, and keep one whose headers are too many as well', () =>
    onStage(async stage => {
      const file = join(stage.running.directory, 'letters.jsonl')
      const { sink, deliver } = await stage.sink({ 'deadLetter.file': file })
      await deliver(eventsOf(0, 1))
      const never = new AbortController().signal
      const reason = new DeliveryFault('UNDELIVERABLE', 'for the test', { undelivered: [] })
      await sink.divert!(eventOf(1), reason, never)
      const wide = Event.fromEncoded(
        Event.of(Object.fromEntries(Array.from({ length: 10_001 }, (_, at) => [`h${at}`, '']))).encoded,
      )
      await sink.divert!(wide, reason, never)
      assert.equal((await readFile(file, 'utf8')).trim().split('\n').length, 2)
      await deliver(eventsOf(0, 3))
      assert.deepEqual(await stage.read(), ['0:0', '0:2'])
      assert.equal((await progressOf(stage)).at(-1), '0-2@0')
    }))
})

describe('the progress topic', () => {
  const policyOf = async ({ admin }: { admin: Admin }) =>
    (await admin.topics.settings(['millrace-progress']))!
      .get('millrace-progress')!
      .find(({ name }) => name === 'cleanup.policy')!.value

  it('is created where it is missing, compacted', () =>
    onStage(async stage => {
      const { deliver } = await stage.sink({ 'progress.partitions': 3 })
      await deliver(eventsOf(0, 1))
      assert.equal(await policyOf(stage), 'compact')
      const [topic] = await stage.admin.topics.describe(['millrace-progress'])
      assert.equal(topic!.partitions.length, 3)
    }))

  it('that Kafka would empty is refused, and used when it is set right', () =>
    onStage(async stage => {
      await stage.admin.topics.create({ name: 'millrace-progress', partitions: 1 })
      const { deliver } = await stage.sink()
      await assert.rejects(deliver(eventsOf(0, 1)), /millrace-progress has cleanup\.policy=delete/)
      assert.deepEqual(await stage.read(), [])
      await stage.admin.topics.alterSettings('millrace-progress', new Map([['cleanup.policy', 'compact']]))
      await deliver(eventsOf(0, 1))
      assert.deepEqual(await stage.read(), ['0:0'])
    }))

  it('that was deleted while the sink writes, or before it starts, is not taken for an empty one', () =>
    onStage(async stage => {
      const one = await stage.sink()
      await one.deliver(eventsOf(0, 3))
      // So that the writer begins again.
      const before = await stage.sink()
      await before.deliver(eventsOf(0, 1))
      await stage.admin.topics.delete('millrace-progress')
      await assert.rejects(one.deliver(eventsOf(3, 1)))
      await assert.rejects(
        one.deliver(eventsOf(3, 1)),
        /progress topic millrace-progress was deleted: which records flow f/,
      )
      const other = await stage.sink()
      const refused = await other.deliver(eventsOf(0, 5)).catch((error: unknown) => error as DeliveryFault)
      assert.match(String(refused), /does not exist, although the flow has written before/)
      assert.match((refused as DeliveryFault).remedy, /millrace progress reset .*--flow f/)
      assert.deepEqual(await stage.read(), bodies(0, 3))
      // Another flow has lost nothing.
      const third = await stage.sink({ flow: 'g' })
      await third.deliver(eventsOf(7, 1))
      assert.deepEqual(await stage.read(), [...bodies(0, 3), '0:7'])
      await assert.rejects(one.deliver(eventsOf(3, 1)), /was deleted and created again/)
    }))
})
