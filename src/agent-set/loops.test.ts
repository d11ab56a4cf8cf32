import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Flow } from '../component.ts'
import { AgentJoin } from './agent-join.ts'
import type { FlowAgent } from './flow-agent.ts'
import { findLoops } from './loops.ts'

const reads = (topic: string, more: object = {}): Flow => ({
  does: 'read-topics',
  servers: 'kafka:9092',
  topics: [topic],
  topicHeader: 'topic',
  ...more,
})
const writes = (topic: string, more: object = {}): Flow => ({
  does: 'write-topic',
  servers: 'kafka:9092',
  topic,
  topicHeader: 'topic',
  ...more,
})
const sets = (header: string, value: string | null, overwrite: boolean): Flow => ({
  does: 'set-header',
  header,
  value,
  overwrite,
})

const proven = (agents: readonly FlowAgent[]) => findLoops(new AgentJoin(agents, false)).proven

/** Source s -> channel c -> sink k. */
const agent = (
  name: string,
  source: Flow,
  sink: Flow,
  interceptors: readonly (readonly Flow[] | null)[] = [],
): FlowAgent => ({
  name,
  sources: [{ name: 's', place: { file: 'f', line: 4 }, channels: ['c'], flows: [source], interceptors }],
  sinks: [{ name: 'k', channel: 'c', flows: [sink] }],
})

const toB: Flow = { does: 'send', host: 'localhost', port: 4 }
const atB: Flow = { does: 'receive', host: '0.0.0.0', port: 4 }

const loops: Readonly<Record<string, [agents: FlowAgent[], path: string, fix: string]>> = {
  'the header overrides the topic': [
    [agent('a', reads('in'), writes('out'))],
    'topic in -> source s -> channel c -> sink k -> topic in (the header topic names it, and overrides out)',
    'write a.sinks.k.allowTopicOverride = false',
  ],
  'the same topic at both ends': [
    [agent('a', reads('in', { topicHeader: null }), writes('in', { topicHeader: null }))],
    'topic in -> source s -> channel c -> sink k -> topic in',
    'give a.sinks.k.kafka.topic another topic',
  ],
  'a static interceptor that does not overwrite': [
    [agent('a', reads('in'), writes('out'), [[sets('topic', 'out', false)]])],
    'topic in ->',
    'allowTopicOverride = false',
  ],
  'over an Avro hop': [
    [agent('a', reads('in'), toB), agent('b', atB, writes('out'))],
    'topic in -> source s of a -> channel c -> sink k of a -> source s of b -> channel c -> sink k of b -> topic in',
    'write b.sinks.k.allowTopicOverride = false',
  ],
  'two agents, each writing what the other reads': [
    [
      agent('a', reads('one'), writes('two', { topicHeader: null })),
      agent('b', reads('two'), writes('one', { topicHeader: null })),
    ],
    'topic one -> source s of a -> channel c -> sink k of a -> topic two -> source s of b',
    'give b.sinks.k.kafka.topic another topic',
  ],
  'agents that send to each other without Kafka': [
    [
      agent('a', atB, { does: 'send', host: 'localhost', port: 5 }),
      agent('b', { does: 'receive', host: 'localhost', port: 5 }, toB),
    ],
    'return to the source they came from: source s of a -> channel c -> sink k of a -> source s of b',
    'send to another host or port',
  ],
  'every topic of a pattern': [
    [agent('a', reads('', { topics: [], pattern: /logs.*/ }), writes('out'))],
    'topic /logs.*/ -> source s -> channel c -> sink k -> topic /logs.*/',
    'allowTopicOverride = false',
  ],
  'the broker under two of its names': [
    [
      agent(
        'a',
        reads('in', { servers: 'x:1,127.0.0.1:9092' }),
        writes('out', { servers: 'localhost:9092' }),
      ),
    ],
    'topic in ->',
    'allowTopicOverride = false',
  ],
}

for (const [name, [agents, path, fix]] of Object.entries(loops))
  test(`warns: ${name}`, () => {
    const [problem] = proven(agents)
    assert.ok(problem !== undefined)
    assert.equal(problem.severity, 'warning')
    assert.deepEqual(problem.place, { file: 'f', line: 4 })
    assert.ok(problem.problem.includes(path), problem.problem)
    assert.ok(problem.fix.includes(fix), problem.fix)
  })

const straight: Readonly<Record<string, FlowAgent[]>> = {
  'setTopicHeader = false': [agent('a', reads('in', { topicHeader: null }), writes('out'))],
  'another topicHeader': [agent('a', reads('in', { topicHeader: 'from' }), writes('out'))],
  'allowTopicOverride = false': [agent('a', reads('in'), writes('out', { topicHeader: null }))],
  'a static interceptor that overwrites': [
    agent('a', reads('in'), writes('out'), [[sets('topic', 'out', true)]]),
  ],
  'the header is removed': [
    agent('a', reads('in'), writes('out'), [[{ does: 'remove-header', header: 'topic' }]]),
  ],
  'a header that only each event knows': [
    agent('a', reads('in'), writes('out'), [[sets('topic', null, true)]]),
  ],
  'an interceptor nobody knows': [agent('a', reads('in'), writes('out'), [null])],
  'events that bring headers': [agent('a', reads('in', { flumeFormat: true }), writes('out'))],
  'another cluster': [agent('a', reads('in'), writes('out', { servers: 'other:9092' }))],
  'another port': [
    agent('a', reads('in'), toB),
    agent('b', { does: 'receive', host: '0.0.0.0', port: 5 }, writes('out')),
  ],
  'another host': [
    agent('a', reads('in'), { does: 'send', host: 'far', port: 4 }),
    agent('b', atB, writes('out')),
  ],
  'overwritten on the second agent': [
    agent('a', reads('in'), toB),
    agent('b', atB, writes('out'), [[sets('topic', 'out', true)]]),
  ],
  'two agents in a row': [
    agent('a', reads('one'), writes('two', { topicHeader: null })),
    agent('b', reads('two'), writes('three', { topicHeader: null })),
  ],
}

for (const [name, agents] of Object.entries(straight))
  test(`says nothing: ${name}`, () => assert.deepEqual(proven(agents), []))

test('a broker or an agent that is written in another way is the same one', () => {
  for (const [one, other] of [
    ['SASL_SSL://kafka:9092', 'KAFKA:9092,'],
    ['[::1]:9092', 'localhost:9092'],
    [':9092', 'PLAINTEXT://127.0.0.1:9092'],
  ] as const)
    assert.equal(
      proven([agent('A', reads('t1', { servers: one }), writes('t1', { servers: other }))]).length,
      1,
      `${one} and ${other}`,
    )
  const bound = (host: string): Flow => ({ ...atB, host }) as Flow
  for (const [to, at] of [
    ['[::1]', '::1'],
    ['LOCALHOST', '[::]'],
  ] as const)
    assert.equal(
      proven([agent('A', reads('t1'), { ...toB, host: to } as Flow), agent('B', bound(at), writes('t1'))])
        .length,
      1,
      `${to} and ${at}`,
    )
})
