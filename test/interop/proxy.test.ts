// A proxy between two agents cuts their connection at every byte of what they say to each other, delays,
// trickles, goes silent: everything arrives, in order, repeated only what was not answered, and nothing
// waits longer than the configured time-outs.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createAuthority } from '../certificates.ts'
import { assertAllInOrder, Hop, type HopOptions } from './avro-hop.ts'
import { FaultProxy, type Direction, type ProxyFault } from '../chain/faults.ts'
import { freePort, skipWithoutPeers, startFlume, type Running } from './peers/peers.ts'
import { waitFor } from './peers/waiting.ts'

const isDeep = process.env['MILLRACE_DEEP'] === '1'
let directory: string
let secure: { source: Record<string, unknown>; sink: Record<string, unknown> }

before(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-proxy-'))
  const authority = createAuthority()
  const keystore = join(directory, 'good.pem')
  const truststore = join(directory, 'trust.pem')
  writeFileSync(keystore, authority.sign({ host: 'localhost', ip: '127.0.0.1' }).pem)
  writeFileSync(truststore, authority.certificate)
  secure = {
    source: { ssl: true, keystore, 'keystore-password': 'unused' },
    sink: { ssl: true, truststore },
  }
})
after(() => rmSync(directory, { recursive: true, force: true }))

const deflate = { source: { 'compression-type': 'deflate' }, sink: { 'compression-type': 'deflate' } }

interface Walk {
  readonly name: string
  readonly direction: Direction
  /** The bytes of a connection, from 0 on, that cuts are made behind; every `step`-th. */
  readonly bytes: number
  readonly step?: number
  readonly window: number
  readonly how: 'fin' | 'rst'
  readonly options?: () => HopOptions
}

const walks: Walk[] = []
for (const window of [1, 8])
  for (const how of ['fin', 'rst'] as const)
    for (const [direction, plain, squeezed, encrypted] of [
      ['up', 420, 260, 1200],
      ['down', 240, 140, 3600],
    ] as const) {
      const same = { direction, window, how }
      walks.push({ ...same, name: 'plain', bytes: plain })
      walks.push({ ...same, name: 'deflate', bytes: squeezed, options: () => deflate })
      walks.push({
        ...same,
        name: 'TLS',
        bytes: encrypted,
        step: isDeep ? 1 : 11,
        options: () => secure,
      })
    }
walks.push({
  name: 'file channels',
  direction: 'down',
  bytes: 240,
  step: isDeep ? 1 : 7,
  window: 8,
  how: 'rst',
  options: () => ({ directory: join(directory, 'files') }),
})

for (const { name, direction, bytes, step = 1, window, how, options } of walks) {
  const which = direction === 'up' ? 'requests' : 'answers'
  test(`cut by ${how} at ${step === 1 ? 'every byte' : `every ${step}th byte`} of ${which}: ${name}, window ${window}`, async t => {
    const given = options?.() ?? {}
    const hop = new Hop({ ...given, sink: { ...given.sink, window } })
    const cuts = Math.floor(bytes / step) + 1
    // A byte counts when it has been cut: the connections by which a sink asks who answers may end before theirs.
    hop.proxy.faults = passage => {
      const at = hop.proxy.cuts * step
      return passage.direction !== direction || at > bytes ? null : { at, how }
    }
    await hop.start()
    await waitFor(() => hop.proxy.cuts >= cuts, `${cuts} cuts`, 120_000)
    await hop.drain()
    const { put, numbers } = await hop.finish()
    const repeats = assertAllInOrder(put, numbers)
    assert.deepEqual(hop.doubled, [], 'answered and sent again')
    assert.ok(repeats <= cuts * window * 2, `${repeats} repeats after ${cuts} cuts`)
    assert.equal(hop.faults.get('PEER_TIMEOUT'), undefined, 'a cut is noticed at once')
    t.diagnostic(
      `${cuts} cuts, ${put} events, ${repeats} repeats, longest wait ${Math.round(hop.longestMs)} ms`,
    )
  })
}

// ------------------------------------------------------------------------------------- time-outs

/** Time-outs of the hop's sink, plus what a busy machine needs. */
const patienceMs = 1000 + 4000

/** Time-outs that only a hang reaches: for tests in which nothing may be sent twice. */
const patient = { 'connect-timeout': 20_000, 'request-timeout': 20_000 }

async function survives(
  t: { diagnostic(text: string): void },
  fault: (number: number, direction: Direction) => ProxyFault | null,
  options: HopOptions = {},
): Promise<Hop> {
  const hop = new Hop(options)
  hop.proxy.faults = ({ connection, direction }) => fault(connection, direction)
  await hop.start()
  await waitFor(() => hop.proxy.connections >= 3 && hop.arrivals > 100, 'a third connection')
  await hop.drain()
  const { put, numbers } = await hop.finish()
  const repeats = assertAllInOrder(put, numbers)
  assert.deepEqual(hop.doubled, [])
  assert.ok(hop.longestMs < patienceMs, `nothing for ${hop.longestMs} ms`)
  t.diagnostic(`${put} events, ${repeats} repeats, longest wait ${Math.round(hop.longestMs)} ms`)
  return hop
}

// Side by side: they mostly wait.
describe('time-outs', { concurrency: true }, () => {
  for (const [name, fault] of [
    ['in the middle of a request', ['up', 60, 'silence']],
    ['in the middle of an answer', ['down', 7, 'silence']],
    ['right after accepting', ['up', 0, 'silence']],
    ['with exactly the answers lost', ['down', 120, 'swallow']],
    ['with exactly the requests lost', ['up', 300, 'swallow']],
  ] as const)
    for (const window of [1, 8])
      test(`silent ${name}, window ${window}: given up after request-timeout, and on with it`, async t => {
        const [direction, at, how] = fault
        const hop = await survives(
          t,
          (number, one) => (number < 3 && one === direction ? { at, how } : null),
          { sink: { window } },
        )
        assert.ok((hop.faults.get('PEER_TIMEOUT') ?? 0) >= 2)
      })

  for (const [name, at] of [
    ['before', 0],
    ['in the middle of', 900],
  ] as const)
    test(`silent ${name} the TLS handshake: given up after connect-timeout, and on with it`, async t => {
      await survives(
        t,
        (number, direction) => (number < 3 && direction === 'down' ? { at, how: 'silence' } : null),
        secure,
      )
    })

  test('accepting and reading nothing: given up after request-timeout, and on with it', async t => {
    const hop = new Hop()
    hop.proxy.isDeaf = true
    await hop.start()
    await waitFor(() => hop.proxy.connections >= 3, 'a third connection')
    hop.proxy.isDeaf = false
    await waitFor(() => hop.arrivals > 100, 'events')
    await hop.drain()
    const { put, numbers } = await hop.finish()
    assertAllInOrder(put, numbers)
    assert.ok(hop.longestMs < patienceMs, `nothing for ${hop.longestMs} ms`)
    t.diagnostic(`longest wait ${Math.round(hop.longestMs)} ms`)
  })

  for (const [name, given] of [
    ['plain', () => ({})],
    ['TLS', () => secure],
  ] as const)
    test(`200 ms later in both directions, ${name}: nothing is sent twice`, async t => {
      const { sink = {}, ...rest }: HopOptions = given()
      const hop = new Hop({
        ...rest,
        sink: { ...sink, ...patient },
      })
      hop.proxy.delayMs.up = hop.proxy.delayMs.down = 200
      await hop.start()
      await waitFor(() => hop.arrivals >= 60, '60 events')
      await hop.drain()
      const { put, numbers } = await hop.finish()
      assert.equal(assertAllInOrder(put, numbers), 0)
      assert.equal(hop.proxy.connections, 1)
      t.diagnostic(`${put} events, longest wait ${Math.round(hop.longestMs)} ms`)
    })

  for (const [name, given] of [
    ['plain', () => ({})],
    ['deflate', () => deflate],
    ['TLS', () => secure],
  ] as const)
    test(`one byte at a time, ${name}: nothing is sent twice`, async () => {
      const { sink = {}, ...rest }: HopOptions = given()
      const hop = new Hop({ ...rest, sink: { ...sink, ...patient } })
      hop.proxy.piece.up = hop.proxy.piece.down = { bytes: 1, pauseMs: 0 }
      await hop.start()
      await waitFor(() => hop.arrivals >= 100, '100 events')
      await hop.drain()
      const { put, numbers } = await hop.finish()
      assert.equal(assertAllInOrder(put, numbers), 0)
      assert.equal(hop.proxy.connections, 1)
    })
})

// ------------------------------------------------------------------------------------- real Flume

describe('with Flume 1.11 between', { skip: skipWithoutPeers }, () => {
  const conf = (port: number, to: number) => `
F.sources = s
F.channels = c
F.sinks = k
F.sources.s.type = avro
F.sources.s.bind = 127.0.0.1
F.sources.s.port = ${port}
F.sources.s.channels = c
F.channels.c.type = memory
F.channels.c.capacity = 10000
F.channels.c.transactionCapacity = 1000
F.sinks.k.type = avro
F.sinks.k.hostname = 127.0.0.1
F.sinks.k.port = ${to}
F.sinks.k.batch-size = 2
F.sinks.k.channel = c
`

  test('cut at many bytes before Flume, and at some behind it', async t => {
    await using behind = new FaultProxy()
    let flume: Running | undefined
    const hop = new Hop({
      async between(sourcePort) {
        behind.target = sourcePort
        await behind.start()
        const port = await freePort()
        flume = await startFlume('1.11.0', directory, { agent: 'F', conf: conf(port, behind.port) })
        return port
      },
    })
    const before = Array.from({ length: isDeep ? 700 : 175 }, (_, index) => index * (isDeep ? 1 : 4))
    // Flume's sink rests a second and more after a failure.
    const later = isDeep ? Array.from({ length: 60 }, (_, index) => index * 7) : [0, 3, 40, 130, 170, 230]
    let turn = 0
    hop.proxy.faults = ({ direction }) => {
      const how = turn % 4 < 2 ? ('rst' as const) : ('fin' as const)
      if (direction === 'up') turn++
      return direction === (turn % 2 === 0 ? 'up' : 'down') && before.length > 0
        ? { at: before.shift()!, how }
        : null
    }
    let backTurn = 0
    behind.faults = ({ direction }) => {
      if (direction === 'up') backTurn++
      return direction === (backTurn % 2 === 0 ? 'up' : 'down') && later.length > 0
        ? { at: later.shift()!, how: backTurn % 4 < 2 ? 'rst' : 'fin' }
        : null
    }
    await hop.start()
    try {
      await waitFor(() => before.length + later.length === 0, 'all cuts made', 100_000)
      await hop.drain()
      const { put, numbers } = await hop.finish()
      const repeats = assertAllInOrder(put, numbers)
      t.diagnostic(
        `${hop.proxy.cuts} cuts before Flume, ${behind.cuts} behind it, ${put} events, ${repeats} repeats`,
      )
      assert.ok(repeats <= (hop.proxy.cuts + behind.cuts) * 2, `${repeats} repeats`)
    } finally {
      await flume?.stop()
    }
  })
})
