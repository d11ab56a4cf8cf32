// One line when a condition begins, one a minute, one when it ends; one line a minute for what comes and goes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeptLog } from '../../test/context.ts'
import { VirtualClock } from '../../test/virtual-clock.ts'
import { Fault } from '../errors.ts'
import { Conditions } from './conditions.ts'

function setUp() {
  const clock = new VirtualClock()
  const log = new KeptLog()
  const conditions = new Conditions(clock)
  const condition = conditions.of('SINK.k1', log)
  const peer = condition('peer', { level: 'warn' })
  const raise = () => peer.raise('the peer is away', { remedy: 'Start it.' })
  const clear = () => peer.clear('the peer is back')
  const problems = () => conditions.red.map(({ component, problem }) => `${component}: ${problem}`)
  return { clock, log, conditions, condition, peer, raise, clear, problems }
}

test('ten minutes: one line at the beginning, one a minute, one at the end; red meanwhile', async () => {
  const { clock, log, peer, raise, clear, problems } = setUp()
  for (let second = 0; second < 590; second++) {
    raise()
    await clock.advance(1000)
  }
  assert.equal(peer.tries, 590)
  assert.deepEqual(problems(), ['SINK.k1: the peer is away'])
  clear()
  clear()
  assert.equal(peer.tries, 0)
  assert.deepEqual(problems(), [])
  await clock.advance(600_000)
  assert.deepEqual(log.lines, [
    'WARN the peer is away. Start it.',
    ...Array.from(
      { length: 9 },
      (_, index) => `WARN the peer is away. This has lasted for ${(index + 1) * 60} s. Start it.`,
    ),
    'INFO the peer is back, after 590.0 s',
  ])
})

test('what is raised once is told each minute, until it is over', async () => {
  const { clock, log, raise } = setUp()
  raise()
  await clock.advance(185_000)
  assert.equal(log.lines.length, 4, log.lines.join('\n'))
})

for (const [everyMs, name] of [
  [100, 'ten times a second'],
  [5000, 'every few seconds'],
  [40_000, 'every 40 s'],
] as const)
  test(`what comes and goes ${name} for ten minutes writes one line a minute, and counts`, async () => {
    const { clock, log, raise, clear } = setUp()
    const turns = 600_000 / everyMs
    for (let turn = 0; turn < turns; turn++) {
      raise()
      await clock.advance(everyMs / 2)
      clear()
      await clock.advance(everyMs / 2)
    }
    const quietAt = log.lines.length
    assert.ok(quietAt <= 12, `${quietAt} lines:\n${log.lines.join('\n')}`)
    await clock.advance(600_000)
    assert.ok(log.lines.length <= quietAt + 2, log.lines.join('\n'))
    const counted = log.lines.map(line => /It came back (once|(\d+) times) within a minute/.exec(line))
    const times = counted.map(match => (match === null ? 0 : Number(match[2] ?? 1)))
    assert.equal(
      times.reduce((sum, one) => sum + one, 1),
      turns,
    )
    assert.match(log.lines.at(-1)!, /is over at present\.|^INFO the peer is back, after/)
  })

test('one that comes back and stays is told within the minute, and its end at once when it was steady', async () => {
  const { clock, log, raise, clear } = setUp()
  raise()
  clear()
  await clock.advance(1000)
  raise()
  await clock.advance(58_000)
  assert.equal(log.lines.length, 2)
  await clock.advance(62_000)
  clear()
  assert.deepEqual(log.lines, [
    'WARN the peer is away. Start it.',
    'INFO the peer is back, after 0.0 s',
    'WARN the peer is away. It came back once within a minute and has lasted for 59 s. Start it.',
    'WARN the peer is away. This has lasted for 119 s. Start it.',
    'INFO the peer is back, after 120.0 s',
  ])
})

test('conditions of one component do not clear each other; those of a stopped one end for good', async () => {
  const { clock, log, conditions, condition, raise, clear, problems } = setUp()
  const other = condition('delivery')
  const quiet = condition('throttle', { isRed: false })
  const source = conditions.of('SOURCE.r1', log)('start')
  const near = conditions.of('SINK.k10', log)('start')
  raise()
  other.fail('Delivering events by sink k1', new Fault('PEER_CLOSED', 'b:1 closed the connection'))
  quiet.raise('the broker throttles')
  source.raise('no port')
  near.raise('no peer')
  clear()
  assert.deepEqual(problems(), [
    'SINK.k1: Delivering events by sink k1 failed and is retried until it succeeds: b:1 closed the connection',
    'SOURCE.r1: no port',
    'SINK.k10: no peer',
  ])
  assert.equal(conditions.raised.length, 4)
  conditions.close('SINK.k1')
  raise()
  assert.deepEqual(problems(), ['SOURCE.r1: no port', 'SINK.k10: no peer'])
  const lines = log.lines.length
  await clock.advance(60_000)
  assert.equal(log.lines.length, lines + 2)
})
