// `millrace ledger` of two agents and the embedded broker: balanced while events flow, wait and are dropped, and not where an
// event was removed from a channel or comes twice.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { OriginBalance } from '../../src/cli/ledger/balance.ts'
import { startAgent } from '../../src/start-agent.ts'
import type { Agent } from '../../src/topology/agent.ts'
import { KeptLog } from '../context.ts'
import { writeAll } from '../exact-chain.ts'
import { freePort } from '../interop/peers/peers.ts'
import { waitFor } from '../interop/peers/waiting.ts'
import { startGround, type Ground } from './ground.ts'

let ground: Ground
before(async () => {
  ground = await startGround()
})
after(() => ground?.[Symbol.asyncDispose]())

const partitions = 2

interface Report {
  readonly isBalanced: boolean
  readonly origins: readonly OriginBalance[]
  readonly unknown: number
}

/** A chain of two agents in this process, whose names, topics and directories are of `name`. */
class Pair {
  readonly name: string
  readonly port: number
  readonly agents = new Map<string, { agent: Agent; address: string }>()
  /** Of A's channel. */
  directory: string

  private constructor(name: string, port: number) {
    this.name = name
    this.port = port
    this.directory = join(ground.directory, name, 'a')
  }

  static async create(name: string): Promise<Pair> {
    for (const topic of [`${name}-in`, `${name}-out`])
      await ground.broker.broker.topics.create(topic, partitions)
    return new Pair(name, await freePort())
  }

  async start(which: 'A' | 'B', more: readonly string[] = []): Promise<void> {
    const { name, port } = this
    const { bootstrap } = ground.broker
    const lines =
      which === 'A'
        ? `
          A.sources.s.type = org.apache.flume.source.kafka.KafkaSource
          A.sources.s.kafka.bootstrap.servers = ${bootstrap}
          A.sources.s.kafka.topics = ${name}-in
          A.sources.s.kafka.consumer.group.id = ${name}
          A.sources.s.kafka.consumer.auto.offset.reset = earliest
          A.sources.s.originHeader = true
          A.sources.s.interceptors = i
          A.sources.s.interceptors.i.type = regex_filter
          A.sources.s.interceptors.i.regex = dropped
          A.sources.s.interceptors.i.excludeEvents = true
          A.channels.c.type = file
          A.channels.c.checkpointDir = ${this.directory}/checkpoint
          A.channels.c.dataDirs = ${this.directory}/data
          A.sinks.k.type = avro
          A.sinks.k.hostname = 127.0.0.1
          A.sinks.k.port = ${port}`
        : `
          B.sources.s.type = avro
          B.sources.s.bind = 127.0.0.1
          B.sources.s.port = ${port}
          B.channels.c.type = memory
          B.channels.c.capacity = 100000
          B.sinks.k.type = org.apache.flume.sink.kafka.KafkaSink
          B.sinks.k.kafka.bootstrap.servers = ${bootstrap}
          B.sinks.k.kafka.topic = ${name}-out
          B.sinks.k.allowTopicOverride = false`
    const log = new KeptLog()
    const agent = await startAgent({
      name: which,
      configuration: [
        `${which}.sources = s`,
        `${which}.channels = c`,
        `${which}.sinks = k`,
        `${which}.sources.s.channels = c`,
        `${which}.sinks.k.channel = c`,
        lines.replaceAll(/^ +/gm, ''),
        ...more,
      ].join('\n'),
      log,
      properties: {
        'flume.monitoring.type': 'http',
        'flume.monitoring.host': '127.0.0.1',
        'flume.monitoring.port': '0',
      },
    })
    const [, address] = /Monitoring on http:\/\/([^/]+)\/metrics,/.exec(await log.line(/Monitoring on/))!
    this.agents.set(which, { agent, address: address! })
  }

  async stop(which: 'A' | 'B'): Promise<void> {
    await this.agents.get(which)?.agent.stop()
    this.agents.delete(which)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const which of ['A', 'B'] as const) await this.stop(which)
  }

  count(which: 'A' | 'B', component: string, attribute: string): number {
    const group = [...this.agents.get(which)!.agent.counters()].find(one => one.component === component)
    return Number(group?.get(attribute) ?? 0)
  }

  /** Resolves when B has delivered so many events since it was started. */
  delivered(events: number): Promise<void> {
    return waitFor(
      async () => this.count('B', 'SINK.k', 'EventDrainSuccessCount') >= events,
      `${events} events are delivered`,
    )
  }

  /** Records `from` to before `to`, in turn for each partition; every fifth is dropped. */
  async write(from: number, to: number): Promise<void> {
    await writeAll(
      ground.broker.bootstrap,
      Array.from({ length: to - from }, (_, index) => ({
        topic: `${this.name}-in`,
        partition: (from + index) % partitions,
        key: null,
        value: Buffer.from(`${from + index} ${(from + index) % 5 === 0 ? 'dropped' : ''}`),
      })),
    )
  }

  async ledger(...more: string[]): Promise<Report & { readonly code: number | null; readonly text: string }> {
    const agents = ['--agents', [...this.agents.values()].map(({ address }) => address).join(',')]
    const { code, out, err } = await ground.driver.run('millrace', [
      'ledger',
      '--format',
      'json',
      ...agents,
      ...more,
    ])
    assert.ok(code === 0 || code === 1, `${code}: ${out}${err}`)
    const { out: text } = await ground.driver.run('millrace', ['ledger', ...agents, ...more])
    return { ...(JSON.parse(out) as Report), code, text }
  }
}

const sumOf = (report: Report, component: string, step: string, agent: string): number =>
  report.origins
    .flatMap(({ rows }) => rows)
    .filter(row => row.component === component && row.step === step && row.agent === agent)
    .reduce((sum, { events }) => sum + events, 0)
const flying = (report: Report) =>
  report.origins.flatMap(({ inFlight }) => inFlight).reduce((sum, { events }) => sum + events, 0)
const written = (report: Report) => report.origins.reduce((sum, one) => sum + one.written, 0)

describe('a ledger', () => {
  test('balances while events are dropped, wait, arrive, and after B was started again', async () => {
    await using pair = await Pair.create('balanced')
    await pair.start('B')
    await pair.start('A')
    await pair.write(0, 500)
    await pair.delivered(400)
    const whole = await pair.ledger()
    assert.equal(whole.code, 0, whole.text)
    assert.equal(whole.origins.length, partitions)
    assert.deepEqual(
      [
        sumOf(whole, 'SOURCE.s', 'dropped', 'A'),
        sumOf(whole, 'CHANNEL.c', 'put', 'A'),
        sumOf(whole, 'SINK.k', 'delivered', 'A'),
        sumOf(whole, 'CHANNEL.c', 'put', 'B'),
        written(whole),
        flying(whole),
      ],
      [100, 400, 400, 400, 400, 0],
    )
    assert.match(whole.text, /in flight: none; delivered at the end: 200\n[^]*\nbalanced\n$/)
    await pair.stop('B')
    await pair.write(500, 700)
    await waitFor(async () => pair.count('A', 'CHANNEL.c', 'ChannelSize') === 160, 'A holds the new events')
    const alone = await pair.ledger()
    assert.equal(alone.code, 0, alone.text)
    await pair.start('B')
    await pair.delivered(160)
    const later = await pair.ledger()
    assert.equal(later.code, 0, later.text)
    assert.equal(written(later), 160)
    const byFlow = await pair.ledger('--flow', 'B/k')
    assert.equal(byFlow.origins.length, partitions)
  })

  test('names where events wait', async () => {
    await using pair = await Pair.create('waiting')
    await pair.start('A')
    await pair.write(0, 100)
    await waitFor(async () => pair.count('A', 'CHANNEL.c', 'ChannelSize') === 80, 'A holds all events')
    const report = await pair.ledger()
    assert.equal(report.code, 0, report.text)
    assert.deepEqual(
      report.origins.map(({ inFlight }) => inFlight),
      Array.from({ length: partitions }, () => [{ agent: 'A', channel: 'CHANNEL.c', events: 40 }]),
    )
    assert.match(report.text, /in flight: 40 in A CHANNEL\.c; delivered at the end: 0/)
  })

  test('names the offset of an event that was removed from a channel, and of one that comes twice', async () => {
    await using pair = await Pair.create('planted')
    await pair.start('A')
    await pair.write(0, 100)
    await waitFor(async () => pair.count('A', 'CHANNEL.c', 'ChannelSize') === 80, 'A holds all events')
    await pair.stop('A')
    // A copy of the channel, without the event of record 43: partition 1, offset 21.
    const millrace = async (...words: string[]) => {
      const { code, out, err } = await ground.driver.run('millrace', words)
      assert.equal(code, 0, out + err)
    }
    const file = join(ground.directory, 'planted.json')
    await millrace('channel', 'export', join(pair.directory, 'data'), '--to', file)
    const lines = readFileSync(file, 'utf8').split('\n')
    const planted = lines.filter(
      line =>
        line !== '' &&
        Buffer.from((JSON.parse(line) as { body: string }).body, 'base64').toString() !== '43 ',
    )
    assert.equal(planted.length, 79)
    writeFileSync(file, `${planted.join('\n')}\n`)
    pair.directory = join(ground.directory, 'planted', 'copy')
    await millrace('channel', 'import', join(pair.directory, 'data'), '--from', file)
    await pair.start('B')
    await pair.start('A')
    await pair.delivered(79)
    await pair.write(100, 110)
    await pair.delivered(87)
    const report = await pair.ledger()
    assert.equal(report.code, 1, report.text)
    assert.deepEqual(
      report.origins.map(({ missing }) => missing),
      [[], [[21, 21]]],
    )
    assert.match(report.text, /MISSING: offset 21 of \S+\/planted-in\/\S+\/1\n[^]*not balanced\n$/)
    // What was missing comes late, and one event comes twice.
    const origin = report.origins[1]!.origin
    const headers = join(ground.directory, 'headers.properties')
    const body = join(ground.directory, 'body.txt')
    writeFileSync(body, 'event\n')
    for (const offset of [21, 30]) {
      writeFileSync(headers, `millrace.origin=1 ${origin} 0 ${offset}\n`)
      await millrace('avro-client', '-H', '127.0.0.1', '-p', String(pair.port), '-F', body, '-R', headers)
    }
    await pair.delivered(89)
    const twice = await pair.ledger()
    assert.equal(twice.code, 1, twice.text)
    assert.deepEqual(
      twice.origins.map(({ missing, doubled }) => ({ missing, doubled })),
      [
        { missing: [], doubled: { events: 0, ranges: [] } },
        { missing: [], doubled: { events: 1, ranges: [[30, 30]] } },
      ],
    )
    assert.match(twice.text, /TWICE: 1 event, offset 30 of/)
  })

  test('counts what has no origin, and refuses where an agent does not answer', async () => {
    await using pair = await Pair.create('without')
    await pair.start('B')
    await pair.start('A', ['A.sources.s.originHeader = false'])
    await pair.write(0, 50)
    await pair.delivered(40)
    const report = await pair.ledger()
    assert.equal(report.code, 0, report.text)
    assert.deepEqual(
      report.origins.map(({ origin, written: all }) => [origin, all]),
      [[null, 40]],
    )
    const port = await freePort()
    const gone = await ground.driver.run('millrace', ['ledger', '--agents', `127.0.0.1:${port}`])
    assert.equal(gone.code, 2)
    assert.match(gone.err, /agent 127\.0\.0\.1:\d+: .* Without its ledger nothing can be said/)
    const { address } = pair.agents.get('A')!
    const words = ['ledger', '--agents', address, '--flow', 'nobody']
    const flow = await ground.driver.run('millrace', words)
    assert.equal(flow.code, 2)
    assert.match(flow.err, /--flow nobody: no sink/)
  })
})
