import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { VirtualClock } from '../../test/virtual-clock.ts'
import type { Producer, ProducerRecord, ProducerSession } from '../kafka-client/contract.ts'
import { streamEvents } from './event-stream.ts'
import { Ledger } from './ledger.ts'
import { numberOf } from './message.ts'
import type { Output } from './output.ts'
import { patiently } from './patience.ts'

class FakeProducer implements Pick<Producer, 'open'> {
  readonly calls: (readonly ProducerRecord[])[] = []
  answer: (signal?: AbortSignal) => Promise<void> = async () => {}
  open(): ProducerSession {
    return {
      send: (records, signal) => {
        this.calls.push(records)
        return this.answer(signal)
      },
      refuse() {},
      end() {},
    }
  }
  get numbers(): (number | null)[] {
    return this.calls.flat().map(one => numberOf('run', String(one.value)))
  }
}

function begin(rate: number | null, events: number | null) {
  const clock = new VirtualClock()
  const producer = new FakeProducer()
  const ledger = new Ledger('run')
  const stop = new AbortController()
  const giveUp = new AbortController()
  const start = () =>
    streamEvents(
      { producer, clock, ledger, run: 'run', topic: 'test3', rate, events },
      stop.signal,
      giveUp.signal,
    )
  return { clock, producer, ledger, stop, giveUp, start }
}

describe('the stream of events', () => {
  test('sends so many, in order, into one partition, as fast as they go', async () => {
    const { producer, ledger, start } = begin(null, 1234)
    await start()
    assert.deepEqual(
      producer.numbers,
      Array.from({ length: 1234 }, (_, index) => index + 1),
    )
    assert.equal(ledger.sent, 1234)
    assert.ok(producer.calls.flat().every(one => one.topic === 'test3' && one.partition === 0))
  })

  test('at a rate: neither faster nor slower, and what was missed in a halt is not made up for', async () => {
    const { clock, producer, ledger, stop, start } = begin(100, null)
    const done = start()
    await clock.advance(10_000)
    assert.ok(Math.abs(ledger.sent - 1000) <= 2, String(ledger.sent))
    let go!: () => void
    producer.answer = () => new Promise(resolve => (go = resolve))
    await clock.advance(100)
    const before = ledger.sent
    await clock.advance(60_000)
    assert.ok(ledger.sent - before <= 60, `${ledger.sent - before} while nothing was answered`)
    producer.answer = async () => {}
    go()
    await clock.advance(1000)
    stop.abort()
    await clock.advance(10)
    assert.ok(ledger.sent < 1250, String(ledger.sent))
    void done.catch(() => {})
  })

  test('a failure ends it; a stop waits for what was sent, giving up does not', async () => {
    const failing = begin(null, 10)
    failing.producer.answer = () => Promise.reject(new Error('no'))
    await assert.rejects(failing.start(), { message: 'no' })

    const { clock, producer, ledger, stop, giveUp, start } = begin(10, null)
    producer.answer = signal =>
      new Promise((_, reject) => signal!.addEventListener('abort', () => reject(new Error('given up'))))
    let isOver = false
    const done = start().then(() => (isOver = true))
    await clock.advance(1000)
    stop.abort()
    await clock.advance(1000)
    const { sent } = ledger
    assert.ok(sent >= 1 && !isOver)
    giveUp.abort()
    await done
    assert.equal(ledger.sent, sent)
  })
})

describe('patience', () => {
  const recorder = () => {
    const said: string[] = []
    const output = { progress: (text: string) => void said.push(text) } as unknown as Output
    return { said, output }
  }

  test('says nothing within a second, then something every second, with the reason', async () => {
    const clock = new VirtualClock()
    const { said, output } = recorder()
    const work = Promise.withResolvers<string>()
    const waiting = patiently({
      clock,
      output,
      what: 'agent A',
      work: work.promise,
      trouble: () => ': no broker',
    })
    await clock.advance(900)
    assert.deepEqual(said, [])
    await clock.advance(2300)
    assert.deepEqual(
      said,
      [1, 2, 3].map(seconds => `waiting for agent A, ${seconds} s: no broker`),
    )
    work.resolve('there')
    assert.equal(await waiting, 'there')
    await clock.advance(5000)
    assert.equal(said.length, 3)
  })

  test('a long reason is given once, and by its beginning while it stays', async () => {
    const clock = new VirtualClock()
    const { said, output } = recorder()
    const long = (what: string) => `: ${what} ${'x'.repeat(700)}`
    let why = long('one')
    const work = Promise.withResolvers<void>()
    const waiting = patiently({ clock, output, what: 'agent A', work: work.promise, trouble: () => why })
    await clock.advance(3100)
    why = long('two')
    await clock.advance(2000)
    work.resolve()
    await waiting
    assert.deepEqual(
      said.map(line => line.length > 700),
      [true, false, false, true, false],
    )
    assert.match(said[1]!, /^waiting for agent A, 2 s: one x{54}\.\.\.$/)
  })

  test('ends when it is stopped, and when the limit is over', async () => {
    const clock = new VirtualClock()
    const { output } = recorder()
    const stop = new AbortController()
    const never = new Promise<void>(() => {})
    const stopped = patiently({ clock, output, what: 'x', work: never, stop: stop.signal })
    const limited = patiently({ clock, output, what: 'y', work: never, limitMs: 5000 })
    const both = Promise.allSettled([stopped, limited])
    await clock.advance(1500)
    stop.abort()
    await clock.advance(6000)
    const [one, other] = await both
    assert.match(String((one as PromiseRejectedResult).reason), /stopped/)
    assert.match(String((other as PromiseRejectedResult).reason), /waited [56] s in vain for y/)
  })
})
