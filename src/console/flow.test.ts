// The flow, made of snapshots: how agents are joined, what is said of channels, and the one sentence.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type {
  ChannelSnapshot,
  ConditionSnapshot,
  FlowSnapshot,
  OptionsSnapshot,
} from '../observe/snapshot.ts'
import { flowOf, type AgentView, type SeenSnapshot } from './flow.ts'

const part = { writtenAt: 'a.conf:1', options: {} }
const component = (name: string, type: string, perSecond = 100) => ({
  ...part,
  name,
  type,
  state: 'running' as const,
  reason: null,
  startedAt: 1,
  stoppedAt: null,
  counters: {
    EventReceivedCount: 7,
    EventAcceptedCount: 7,
    EventDrainAttemptCount: 7,
    EventDrainSuccessCount: 7,
  },
  ownCounters: {},
  inPerSecond: perSecond,
  outPerSecond: perSecond,
})
const written = (options: Record<string, string | number | boolean>): OptionsSnapshot =>
  Object.fromEntries(
    Object.entries(options).map(([key, value]) => [key, { value, default: null, writtenAt: 'a.conf:2' }]),
  )

interface Given {
  readonly agent: string
  readonly address: string
  readonly reads: FlowSnapshot
  readonly writes: FlowSnapshot
  readonly header?: string
  readonly channel?: Partial<ChannelSnapshot>
  readonly conditions?: readonly ConditionSnapshot[]
  readonly problem?: string
}

function view({
  agent,
  address,
  reads,
  writes,
  header,
  channel,
  conditions = [],
  problem,
}: Given): AgentView {
  const interceptors =
    header === undefined
      ? []
      : [{ ...part, name: 'i1', type: 'static', options: written({ key: 'topic', value: header }) }]
  const snapshot: SeenSnapshot = {
    agent,
    state: 'running',
    takenAt: 1,
    sources: [
      {
        ...component('r1', reads.does === 'receive' ? 'avro' : 'KafkaSource'),
        flows: [reads],
        channels: ['c1'],
        selector: { ...part, name: 's', type: 'replicating' },
        interceptors,
      },
    ],
    channels: [
      { ...component('c1', 'file'), size: 10, capacity: 1000, diskBytes: 1, oldestEventAgeMs: 5, ...channel },
    ],
    sinks: [{ ...component('k1', 'avro'), flows: [writes], channel: 'c1', group: null }],
    sinkGroups: [],
    ledger: [],
    conditions,
  }
  return { address, kind: 'millrace', problem: problem ?? null, seenAt: 5, snapshot }
}

const fromKafka: FlowSnapshot = { does: 'read-topics', servers: 'k:9092', topics: ['test3'], pattern: null }
const toKafka: FlowSnapshot = {
  does: 'write-topic',
  servers: 'k:9092',
  topic: 'default-flume-topic',
  topicHeader: 'topic',
}
const send = (host: string): FlowSnapshot => ({ does: 'send', host, port: 44_444 })
const receive = (host: string): FlowSnapshot => ({ does: 'receive', host, port: 44_444 })

const a: Given = {
  agent: 'A',
  address: 'mill-01:41414',
  reads: fromKafka,
  writes: send('mill-02'),
  header: 'test2',
}
const b: Given = { agent: 'B', address: 'mill-02:41414', reads: receive('0.0.0.0'), writes: toKafka }
const edgesOf = (...given: readonly Given[]) =>
  flowOf(given.map(view), 9).edges.map(({ from, to }) => `${from} > ${to}`)

test('from the topic that is read to the one that an interceptor of the agent before names', () => {
  assert.deepEqual(edgesOf(a, b), [
    'mill-01:41414/SOURCE.r1 > mill-01:41414/CHANNEL.c1',
    'mill-01:41414/CHANNEL.c1 > mill-01:41414/SINK.k1',
    'mill-02:41414/SOURCE.r1 > mill-02:41414/CHANNEL.c1',
    'mill-02:41414/CHANNEL.c1 > mill-02:41414/SINK.k1',
    'topic:k:9092/test3 > mill-01:41414/SOURCE.r1',
    'mill-01:41414/SINK.k1 > mill-02:41414/SOURCE.r1',
    'mill-02:41414/SINK.k1 > topic:k:9092/test2',
  ])
})

for (const [what, sink, source, addresses, isJoined] of [
  ['both on this machine', 'localhost', '127.0.0.1', ['localhost:1', '127.0.0.1:2'], true],
  ['a sink that sends to its own machine', 'localhost', '0.0.0.0', ['m1:1', 'm1:2'], true],
  [
    'a sink that sends to its own machine, and the source is elsewhere',
    'localhost',
    '0.0.0.0',
    ['m1:1', 'm2:2'],
    false,
  ],
  [
    'a source that is bound to another name than the monitoring page',
    '10.0.0.7',
    '10.0.0.7',
    ['m1:1', 'm2:2'],
    true,
  ],
  ['upper and lower case', 'Mill-02', '::', ['mill-01:1', 'MILL-02:2'], true],
  ['another machine', 'mill-03', '0.0.0.0', ['mill-01:1', 'mill-02:2'], false],
] as const)
  test(`agents are ${isJoined ? 'joined' : 'not joined'}: ${what}`, () => {
    const edges = edgesOf(
      { ...a, address: addresses[0], writes: send(sink) },
      { ...b, address: addresses[1], reads: receive(source) },
    )
    const to = isJoined ? `${addresses[1]}/SOURCE.r1` : `outside:${sink}:44444`
    assert.ok(edges.includes(`${addresses[0]}/SINK.k1 > ${to}`), edges.join('\n'))
  })

test('agents that send to each other in a circle come to an end', () => {
  const edges = edgesOf(
    { ...a, reads: receive('mill-01'), writes: send('mill-02') },
    { ...b, reads: receive('mill-02'), writes: send('mill-01') },
  )
  assert.equal(edges.length, 6)
})

test('without a static interceptor the sink’s own topic counts, and a rate that is shared is not known', () => {
  const plain: Given = { agent: 'A2', address: 'mill-03:1', reads: fromKafka, writes: send('mill-02') }
  const flow = flowOf([a, b, plain].map(view), 9)
  const out = flow.edges.filter(({ from }) => from === 'mill-02:41414/SINK.k1')
  assert.deepEqual(
    out.map(({ to, perSecond }) => [to, perSecond]),
    [
      ['topic:k:9092/test2', null],
      ['topic:k:9092/default-flume-topic', null],
    ],
  )
})

for (const [channel, state, level, sentence] of [
  [{}, 'steady', 'good', 'Events flow'],
  [{ size: 0 }, 'empty', 'good', 'Events flow'],
  [{ size: 400, inPerSecond: 10, outPerSecond: 5 }, 'filling', 'warn', 'c1 is full in 2 min'],
  [{ size: 400, inPerSecond: 100, outPerSecond: 99.5 }, 'steady', 'good', 'Events flow'],
  [{ size: 650, inPerSecond: 5, outPerSecond: 10 }, 'draining', 'warn', 'c1 is 65 % full and empty in 2 min'],
  [{ size: 860, inPerSecond: 10, outPerSecond: 10 }, 'nearly full', 'bad', 'c1 is 86 % full'],
  [{ size: 1000, inPerSecond: 0, outPerSecond: 0 }, 'full', 'bad', 'c1 is full'],
  [{ size: null, capacity: null }, 'unknown', 'off', 'Events flow'],
] as const)
  test(`a channel: ${JSON.stringify(channel)}`, () => {
    const flow = flowOf([view({ ...a, channel })], 9)
    const node = flow.nodes.find(({ kind }) => kind === 'channel')!
    assert.deepEqual([node.state, node.level, flow.verdict.sentence], [state, level, sentence])
  })

const peerAway: ConditionSnapshot = {
  component: 'SINK.k1',
  name: 'delivery',
  problem: 'delivering events by sink k1 fails: mill-02:44444 refuses connections',
  remedy: 'Start the peer or correct host and port.',
  since: 3,
  isRed: true,
}

test('a sink that cannot deliver: what fails, what it leads to, where events stay', () => {
  const channel = { size: 400, inPerSecond: 10, outPerSecond: 0 }
  const { verdict } = flowOf([view({ ...a, conditions: [peerAway], channel })], 9)
  assert.deepEqual(verdict, {
    level: 'bad',
    sentence: 'k1 cannot deliver; c1 is full in 60 s',
    detail:
      'Delivering events by sink k1 fails: mill-02:44444 refuses connections. Start the peer or correct host and port. Nothing is lost: when c1 is full, events stay in topic test3.',
    node: 'mill-01:41414/SINK.k1',
    since: 3,
    waiting: 400,
    error: 'delivering events by sink k1 fails: mill-02:44444 refuses connections',
  })
})

test('of two troubles the one downstream is named', () => {
  const { verdict } = flowOf(
    [
      view({ ...a, conditions: [peerAway] }),
      view({ ...b, conditions: [{ ...peerAway, problem: 'no broker' }] }),
    ],
    9,
  )
  assert.equal(verdict.node, 'mill-02:41414/SINK.k1')
})

test('an agent that is away: nothing of what it said last counts as now', () => {
  const flow = flowOf(
    [view({ ...a, problem: 'mill-01:41414 cannot be asked', conditions: [peerAway] }), view(b)],
    9,
  )
  assert.equal(flow.verdict.sentence, 'Agent A does not answer')
  const own = flow.nodes.filter(({ agent }) => agent === 'mill-01:41414')
  assert.deepEqual(
    own.map(node => [node.state, node.level, node.inPerSecond, node.conditions.length]),
    own.map(() => ['unknown', 'off', null, 0]),
  )
  const touching = flow.edges.filter(({ from, to }) => `${from} ${to}`.includes('mill-01'))
  assert.ok(touching.length > 0 && touching.every(({ perSecond }) => perSecond === null))
})

const full = { size: 1000, inPerSecond: 0, outPerSecond: 0 }
const waitsForRoom: ConditionSnapshot = {
  ...peerAway,
  component: 'SOURCE.r1',
  name: 'standstill of c1',
  problem: 'channel c1 takes no events, and the source waits for room',
  since: 4,
}
const standingsOf = (...views: readonly AgentView[]) => {
  const flow = flowOf(views, 9)
  return {
    ...flow,
    standings: Object.fromEntries(
      flow.nodes.flatMap(node => (node.agent === null ? [] : [[node.id, `${node.level} ${node.state}`]])),
    ),
    stuck: flow.edges.filter(({ isStuck }) => isStuck).map(({ from, to }) => `${from} > ${to}`),
  }
}

test('C24: of a chain that stands still the hop that is stuck alone is red, and what waits for it is amber', () => {
  const { standings, stuck, verdict } = standingsOf(
    view({ ...a, channel: full, conditions: [waitsForRoom, { ...peerAway, problem: 'FAILED' }] }),
    view({ ...b, channel: full, conditions: [{ ...peerAway, problem: 'no broker', since: 2 }] }),
  )
  assert.deepEqual(standings, {
    'mill-01:41414/SOURCE.r1': 'warn waiting',
    'mill-01:41414/CHANNEL.c1': 'warn full',
    'mill-01:41414/SINK.k1': 'warn waiting',
    'mill-02:41414/SOURCE.r1': 'good running',
    'mill-02:41414/CHANNEL.c1': 'warn full',
    'mill-02:41414/SINK.k1': 'bad failing',
  })
  assert.deepEqual(stuck, ['mill-02:41414/SINK.k1 > topic:k:9092/test2'])
  const { sentence, since, waiting, error, node } = verdict
  assert.deepEqual(
    { sentence, since, waiting, error, node },
    {
      sentence: 'k1 of B cannot deliver; c1 of B is full',
      since: 2,
      waiting: 2000,
      error: 'no broker',
      node: 'mill-02:41414/SINK.k1',
    },
  )
})

test('C24: where an agent is away, the hop to it is stuck, and the verdict leads to the sink before it', () => {
  const { standings, stuck, verdict } = standingsOf(
    view({ ...a, channel: full, conditions: [waitsForRoom, peerAway] }),
    view({ ...b, problem: 'mill-02:41414 cannot be asked' }),
  )
  assert.equal(standings['mill-01:41414/SOURCE.r1'], 'warn waiting')
  assert.equal(standings['mill-01:41414/SINK.k1'], 'bad failing')
  assert.deepEqual(stuck, ['mill-01:41414/SINK.k1 > mill-02:41414/SOURCE.r1'])
  assert.deepEqual(
    [verdict.node, verdict.error, verdict.since],
    ['mill-01:41414/SINK.k1', 'mill-02:41414 cannot be asked', 5],
  )
})

test('a source that fails itself is red, whatever else waits', () => {
  const failing = { ...waitsForRoom, name: 'reading', problem: 'no leader' }
  const { standings, stuck } = standingsOf(view({ ...a, channel: full, conditions: [waitsForRoom, failing] }))
  assert.equal(standings['mill-01:41414/SOURCE.r1'], 'bad failing')
  assert.deepEqual(stuck, ['topic:k:9092/test3 > mill-01:41414/SOURCE.r1'])
})

test('a sink that delivers nothing from a full channel is stuck without a condition, since it was first seen so', () => {
  const idle = view({ ...a, channel: full })
  const stands: AgentView = {
    ...idle,
    snapshot: { ...idle.snapshot!, sinks: idle.snapshot!.sinks.map(one => ({ ...one, outPerSecond: 0 })) },
  }
  const runs = flowOf([view(a)], 5)
  const begun = flowOf([stands], 9, undefined, runs)
  const { verdict } = flowOf([stands], 20, undefined, begun)
  assert.deepEqual(
    [verdict.sentence, verdict.since, verdict.waiting, verdict.level],
    ['k1 delivers nothing; c1 is full', 9, 1000, 'bad'],
  )
  assert.equal(flowOf([stands], 9).verdict.since, null, 'the first look does not know since when')
})
