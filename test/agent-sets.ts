// Sets of agents for the tests of `millrace check` over all agents: broken ones, each with what must be said of it, and
// right ones.

import { confOfA, confOfB, type ChainOptions } from './chain/chain.ts'

/** Files by name. */
export type AgentSet = Readonly<Record<string, string>>

interface BrokenSet {
  readonly files: AgentSet
  /** What the lines of all findings begin with (`a.conf:4: error: loop`) and hold; notes need not be listed. */
  readonly says: readonly (readonly [start: string, ...parts: string[]])[]
  readonly loops?: 'found' | 'possible' | 'unknown'
}

type Settings = Readonly<Record<string, string | number>>

/** Lines 1 to 3: the lists; then a line for each setting of source, channel and sink, in the order given. */
export function agentText(
  name: string,
  source: Settings,
  sink: Settings,
  channel: Settings = { type: 'memory' },
  more: readonly string[] = [],
): string {
  const below = (kind: string, settings: Settings) =>
    Object.entries(settings).map(([key, value]) => `${name}.${kind}.${key} = ${value}`)
  const lines = [
    `${name}.sources = s`,
    `${name}.channels = c`,
    `${name}.sinks = k`,
    ...below('sources.s', { channels: 'c', ...source }),
    ...below('sinks.k', { channel: 'c', ...sink }),
    ...below('channels.c', channel),
  ]
  // A line of `more` takes the place of the usual one.
  const added: string[] = []
  for (const line of more.map(one => `${name}.${one}`)) {
    const key = line.slice(0, line.indexOf(' = ') + 3)
    const at = lines.findIndex(one => one.startsWith(key))
    if (at < 0) added.push(line)
    else lines[at] = line
  }
  return [...lines, ...added, ''].join('\n')
}

const kafkaSource = 'org.apache.flume.source.kafka.KafkaSource'
const kafkaSink = 'org.apache.flume.sink.kafka.KafkaSink'
export const reads = (topics: string, more: Settings = {}): Settings => ({
  type: kafkaSource,
  'kafka.bootstrap.servers': 'kafka:9092',
  'kafka.topics': topics,
  'kafka.consumer.group.id': `readers of ${topics}`,
  batchSize: 100,
  ...more,
})
export const readsLike = (pattern: string, more: Settings = {}): Settings => ({
  type: kafkaSource,
  'kafka.bootstrap.servers': 'kafka:9092',
  'kafka.topics.regex': pattern,
  'kafka.consumer.group.id': `readers of ${pattern}`,
  batchSize: 100,
  ...more,
})
export const writes = (topic: string, more: Settings = {}): Settings => ({
  type: kafkaSink,
  'kafka.bootstrap.servers': 'kafka:9092',
  'kafka.topic': topic,
  ...more,
})
/** Without a header that could name another topic. */
export const writesOnly = (topic: string, more: Settings = {}): Settings =>
  writes(topic, { allowTopicOverride: 'false', ...more })
export const sends = (port: number, host = 'localhost', more: Settings = {}): Settings => ({
  type: 'avro',
  hostname: host,
  port,
  ...more,
})
export const takes = (port: number, bind = '0.0.0.0', more: Settings = {}): Settings => ({
  type: 'avro',
  bind,
  port,
  ...more,
})
const fileChannel = (of: string): Settings => ({
  type: 'file',
  checkpointDir: `/data/${of}/checkpoint`,
  dataDirs: `/data/${of}/data`,
})
const sets = (header: string, value: string, more: Settings = {}): readonly string[] => [
  'sources.s.interceptors = i',
  'sources.s.interceptors.i.type = static',
  `sources.s.interceptors.i.key = ${header}`,
  `sources.s.interceptors.i.value = ${value}`,
  ...Object.entries(more).map(([key, setting]) => `sources.s.interceptors.i.${key} = ${setting}`),
]
const memory: Settings = { type: 'memory' }
const large: Settings = { type: 'memory', capacity: 1000, transactionCapacity: 1000 }
/** A second channel and sink. */
const second = (sink: Settings): readonly string[] => [
  'channels = c c2',
  'sinks = k k2',
  'sources.s.channels = c c2',
  'channels.c2.type = memory',
  'sinks.k2.channel = c2',
  ...Object.entries(sink).map(([key, value]) => `sinks.k2.${key} = ${value}`),
]
const noHeader: Settings = { setTopicHeader: 'false' }

/** A and B of the usual chain, with what is changed. */
const chain = (
  {
    source = {},
    send = {},
    take = {},
    write = {},
    a = memory,
    b = memory,
  }: {
    source?: Settings
    send?: Settings
    take?: Settings
    write?: Settings
    a?: Settings
    b?: Settings
  } = {},
  more: AgentSet = {},
): AgentSet => ({
  'a.conf': agentText('a', reads('in', source), { ...sends(4141), ...send }, a),
  'b.conf': agentText('b', { ...takes(4141), ...take }, writesOnly('out', write), b),
  ...more,
})

const returned = 'events return to the topic they came from: '

export const brokenSets: Readonly<Record<string, BrokenSet>> = {
  // ------------------------------------------------------------------------------------------------ loops
  'the header names the topic that was read': {
    files: {
      'a.conf': agentText('a', reads('in'), sends(4141)),
      'b.conf': agentText('b', takes(4141), writes('out')),
    },
    says: [
      [
        'a.conf:1: error: loop',
        `${returned}topic in -> source s of a -> channel c -> sink k of a -> source s of b -> channel c -> sink k of b -> topic in (the header topic names it, and overrides out)`,
        'write b.sinks.k.allowTopicOverride = false',
      ],
    ],
    loops: 'found',
  },
  'one agent writes what it reads': {
    files: { 'a.conf': agentText('a', reads('in'), writesOnly('in')) },
    says: [['a.conf:1: error: loop', `${returned}topic in -> `, 'give a.sinks.k.kafka.topic another topic']],
    loops: 'found',
  },
  'two agents, each writing what the other reads': {
    files: {
      'a.conf': agentText('a', reads('one'), writesOnly('two')),
      'b.conf': agentText('b', reads('two'), writesOnly('one')),
    },
    says: [['a.conf:1: error: loop', 'topic one -> ', '-> topic two ->', '-> topic one']],
    loops: 'found',
  },
  'a loop over three agents and topics': {
    files: {
      'a.conf': agentText('a', reads('one'), writesOnly('two')),
      'b.conf': agentText('b', reads('two'), writesOnly('three')),
      'c.conf': agentText('c', reads('three'), writesOnly('one')),
    },
    says: [['a.conf:1: error: loop', '-> topic two ->', '-> topic three ->', '-> topic one']],
    loops: 'found',
  },
  'a loop over four agents, two of them joined by Avro': {
    files: {
      'a.conf': agentText('a', reads('one'), sends(1001)),
      'b.conf': agentText('b', takes(1001), writesOnly('two')),
      'c.conf': agentText('c', reads('two'), sends(1002)),
      'd.conf': agentText('d', takes(1002), writesOnly('one')),
    },
    says: [
      [
        'a.conf:1: error: loop',
        'sink k of a -> source s of b',
        'sink k of c -> source s of d',
        '-> topic one',
      ],
    ],
    loops: 'found',
  },
  'a loop that does not include the first topic': {
    files: {
      'a.conf': agentText('a', reads('in'), writesOnly('one')),
      'b.conf': agentText('b', reads('one'), writesOnly('two')),
      'c.conf': agentText('c', reads('two'), writesOnly('one')),
    },
    says: [['b.conf:1: error: loop', `${returned}topic one -> `]],
    loops: 'found',
  },
  'a static header that is kept': {
    files: { 'a.conf': agentText('a', reads('in'), writes('out'), memory, sets('topic', 'out')) },
    says: [['a.conf:1: error: loop', 'overrides out']],
    loops: 'found',
  },
  'a static header that names the topic read': {
    files: {
      'a.conf': agentText('a', reads('in', noHeader), writes('out'), memory, sets('topic', 'in')),
    },
    says: [['a.conf:1: error: loop', 'the header topic names it']],
    loops: 'found',
  },
  'the header is set again behind the interceptor that removes it': {
    files: {
      'a.conf': agentText('a', reads('in'), writes('out'), memory, [
        'sources.s.interceptors = i j',
        'sources.s.interceptors.i.type = remove_header',
        'sources.s.interceptors.i.withName = topic',
        'sources.s.interceptors.j.type = static',
        'sources.s.interceptors.j.key = topic',
        'sources.s.interceptors.j.value = in',
      ]),
    },
    says: [['a.conf:1: error: loop', 'the header topic names it']],
    loops: 'found',
  },
  'a topic made of a header': {
    files: {
      'a.conf': agentText('a', reads('in', { topicHeader: 'from' }), writes('%{from}')),
    },
    says: [['a.conf:1: error: loop', '(the kafka.topic = %{from} names it)']],
    loops: 'found',
  },
  'a topic made of two headers': {
    files: {
      'a.conf': agentText(
        'a',
        reads('in-x', { topicHeader: 'from' }),
        writes('%{what}-x'),
        memory,
        sets('what', 'in'),
      ),
    },
    says: [['a.conf:1: error: loop', '(the kafka.topic = %{what}-x names it)']],
    loops: 'found',
  },
  'a pattern that matches what is written': {
    files: { 'a.conf': agentText('a', readsLike('logs.*', noHeader), writesOnly('logs-all')) },
    says: [['a.conf:1: error: loop', '-> topic logs-all']],
    loops: 'found',
  },
  'a pattern, and the header that names each of its topics': {
    files: { 'a.conf': agentText('a', readsLike('logs.*'), writes('all')) },
    says: [['a.conf:1: error: loop', 'topic /logs.*/ ->']],
    loops: 'found',
  },
  'the selector sends one kind of events back': {
    files: {
      'a.conf': agentText('a', reads('in'), writesOnly('out'), memory, [
        ...second(writesOnly('in')),
        'sources.s.selector.type = multiplexing',
        'sources.s.selector.header = topic',
        'sources.s.selector.mapping.in = c2',
        'sources.s.selector.default = c',
      ]),
    },
    says: [['a.conf:1: error: loop', 'channel c2 -> sink k2 -> topic in']],
    loops: 'found',
  },
  'events whose header has no mapping go to the default': {
    files: {
      'a.conf': agentText('a', reads('in'), writesOnly('out'), memory, [
        ...second(writesOnly('in')),
        'sources.s.selector.type = multiplexing',
        'sources.s.selector.header = topic',
        'sources.s.selector.mapping.other = c',
        'sources.s.selector.default = c2',
      ]),
    },
    says: [['a.conf:1: error: loop', 'sink k2 -> topic in']],
    loops: 'found',
  },
  'a load-balancing selector sends every second event back': {
    files: {
      'a.conf': agentText('a', reads('in'), writesOnly('out'), memory, [
        ...second(writesOnly('in')),
        'sources.s.selector.type = load_balancing',
      ]),
    },
    says: [['a.conf:1: error: loop', 'sink k2 -> topic in']],
    loops: 'found',
  },
  'the standby sink of a group writes back': {
    files: {
      'a.conf': agentText('a', reads('in'), writesOnly('out'), memory, [
        'sinks = k k2',
        ...Object.entries({ ...writesOnly('in'), channel: 'c' }).map(
          ([key, value]) => `sinks.k2.${key} = ${value}`,
        ),
        'sinkgroups = g',
        'sinkgroups.g.sinks = k k2',
        'sinkgroups.g.processor.type = failover',
        'sinkgroups.g.processor.priority.k = 2',
        'sinkgroups.g.processor.priority.k2 = 1',
      ]),
    },
    says: [['a.conf:1: error: loop', 'sink k2 -> topic in']],
    loops: 'found',
  },
  'whole events carry the header through a topic': {
    files: {
      'a.conf': agentText('a', reads('in'), writesOnly('mid', { useFlumeEventFormat: 'true' })),
      'b.conf': agentText('b', reads('mid', { useFlumeEventFormat: 'true' }), writes('out')),
    },
    says: [
      ['a.conf:1: error: loop', 'topic in ->', 'topic mid ->', 'write b.sinks.k.allowTopicOverride = false'],
    ],
    loops: 'found',
  },
  'a record header carries the topic on': {
    files: {
      'a.conf': agentText('a', reads('in'), writesOnly('mid', { 'header.topic': 'was' })),
      'b.conf': agentText('b', reads('mid', { 'header.topic': 'was' }), writes('out')),
    },
    says: [['a.conf:1: error: loop', 'topic in ->', 'topic mid ->']],
    loops: 'found',
  },
  'two agents send to each other without Kafka': {
    files: {
      'a.conf': agentText('a', takes(1001), sends(1002)),
      'b.conf': agentText('b', takes(1002), sends(1001)),
    },
    says: [
      ['a.conf:1: error: loop', 'return to the source they came from: source s of a', '-> source s of a'],
    ],
    loops: 'found',
  },
  'an agent sends to itself': {
    files: { 'a.conf': agentText('a', takes(1001), sends(1001)) },
    says: [['a.conf:1: error: loop', 'return to the source they came from']],
    loops: 'found',
  },
  'three agents send in a circle that a fourth one feeds': {
    files: {
      'a.conf': agentText('a', reads('in'), sends(1001)),
      'b.conf': agentText('b', takes(1001), sends(1002, 'two')),
      'c.conf': agentText('c', takes(1002), sends(1003, 'three')),
      'd.conf': agentText('d', takes(1003), sends(1001, 'one')),
    },
    says: [
      ['b.conf:1: error: loop', 'source s of b', 'source s of c', 'source s of d', 'another host or port'],
    ],
    loops: 'found',
  },
  'the cluster is written in two ways': {
    files: {
      'a.conf': agentText(
        'a',
        reads('one', { 'kafka.bootstrap.servers': 'k1:9092,k2:9092' }),
        writesOnly('two'),
      ),
      'b.conf': agentText(
        'b',
        reads('two'),
        writesOnly('one', { 'kafka.bootstrap.servers': 'K2:9092,k3:9092' }),
      ),
    },
    says: [['a.conf:1: error: loop', 'topic one ->', 'topic two ->']],
    loops: 'found',
  },
  'the cluster is known by a broker that two lists share': {
    files: {
      'a.conf': agentText(
        'a',
        reads('one', { 'kafka.bootstrap.servers': 'k1:9092,k2:9092' }),
        writesOnly('one', { 'kafka.bootstrap.servers': 'PLAINTEXT://K2:9092' }),
      ),
    },
    says: [['a.conf:1: error: loop', 'topic one']],
    loops: 'found',
  },
  'a third list joins two others': {
    files: {
      'a.conf': agentText(
        'a',
        reads('one', { 'kafka.bootstrap.servers': 'k1:9092' }),
        writesOnly('two', { 'kafka.bootstrap.servers': 'k3:9092' }),
      ),
      'b.conf': agentText(
        'b',
        reads('two', { 'kafka.bootstrap.servers': 'k1:9092,k3:9092' }),
        writesOnly('one', { 'kafka.bootstrap.servers': 'k3:9092' }),
      ),
    },
    says: [['a.conf:1: error: loop', 'topic one -> ', 'topic two -> ']],
    loops: 'found',
  },
  'a header that only each event knows': {
    files: {
      'a.conf': agentText('a', reads('in', noHeader), writes('out'), memory, [
        'sources.s.interceptors = i',
        'sources.s.interceptors.i.type = regex_extractor',
        'sources.s.interceptors.i.regex = ^(\\\\w+)',
        'sources.s.interceptors.i.serializers = one',
        'sources.s.interceptors.i.serializers.one.name = topic',
      ]),
    },
    says: [['a.conf:1: note: possible-loop', 'the header topic of a.sinks.k depends on each event']],
    loops: 'possible',
  },
  'a topic that grows with each round': {
    files: {
      'a.conf': agentText('a', readsLike('logs.*', { topicHeader: 'from' }), writes('%{from}-copy')),
    },
    says: [['a.conf:1: note: possible-loop', 'may return']],
    loops: 'possible',
  },
  // --------------------------------------------------------------------------------------- events twice
  'two channels lead to one topic': {
    files: { 'a.conf': agentText('a', reads('in'), writesOnly('out'), memory, second(writesOnly('out'))) },
    says: [
      [
        'a.conf:',
        'doubled-events',
        'each event of topic in arrives 2 times in topic out, written by sink k of a and sink k2 of a',
      ],
    ],
  },
  'two groups copy one topic to the same place': {
    files: {
      'a.conf': agentText('a', reads('in', { 'kafka.consumer.group.id': 'one' }), writesOnly('out')),
      'b.conf': agentText('b', reads('in', { 'kafka.consumer.group.id': 'two' }), writesOnly('out')),
    },
    says: [['b.conf:', 'doubled-events', 'sink k of a and sink k of b']],
  },
  'two ways meet again behind other agents': {
    files: {
      'a.conf': agentText('a', { type: 'seq' }, sends(1001, 'b'), memory, second(sends(1002, 'c'))),
      'b.conf': agentText('b', takes(1001), writesOnly('out')),
      'c.conf': agentText('c', takes(1002), writesOnly('out')),
    },
    says: [['c.conf:', 'doubled-events', 'each event of source s of a arrives 2 times in topic out']],
  },
  // ------------------------------------------------------------------------- ends without a counterpart
  'nobody listens: another port': {
    files: chain({ send: { port: 4142 } }),
    says: [
      [
        'a.conf:13: warning: nobody-listens',
        'sink k of a sends to localhost:4142, where no agent of these files listens',
        'write a.sinks.k.port = 4141, where source s of b listens',
      ],
      [
        'b.conf:7: warning: nobody-sends',
        'no agent of these files sends to source s of b, which listens on 0.0.0.0:4141',
      ],
    ],
  },
  'nobody listens: only on the loopback': {
    files: chain({ send: { hostname: 'b.example' }, take: { bind: '127.0.0.1' } }),
    says: [
      [
        'a.conf:',
        'nobody-listens',
        'b.example:4141',
        '(b listens on 127.0.0.1:4141 alone)',
        'write 0.0.0.0 as bind',
      ],
      ['b.conf:', 'nobody-sends'],
    ],
  },
  'nobody listens: another address': {
    files: chain({ send: { hostname: '10.0.0.5' }, take: { bind: '10.0.0.6' } }),
    says: [
      ['a.conf:', 'nobody-listens', '10.0.0.5:4141', 'b listens on 10.0.0.6:4141'],
      ['b.conf:', 'nobody-sends'],
    ],
  },
  'one sink of a group has no counterpart': {
    files: chain(
      {},
      {
        'a.conf': agentText('a', reads('in'), sends(4141), memory, [
          'sinks = k k2',
          ...Object.entries({ ...sends(4999), channel: 'c' }).map(
            ([key, value]) => `sinks.k2.${key} = ${value}`,
          ),
          'sinkgroups = g',
          'sinkgroups.g.sinks = k k2',
          'sinkgroups.g.processor.type = load_balance',
        ]),
      },
    ),
    says: [['a.conf:', 'nobody-listens', 'sink k2 of a sends to localhost:4999']],
  },
  'nobody sends to a third agent': {
    files: chain({}, { 'c.conf': agentText('c', takes(4242), writesOnly('out2')) }),
    says: [
      [
        'c.conf:7: warning: nobody-sends',
        'source s of c, which listens on 0.0.0.0:4242',
        'let a sink send there',
      ],
    ],
  },
  // ------------------------------------------------------------------------------------- what is shared
  'two collectors on the port of one host': {
    files: chain({}, { 'c.conf': agentText('c', takes(4141), writesOnly('out2')) }),
    says: [
      [
        'c.conf:7: error: shared-port',
        'source s of c and source s of b both listen on port 4141',
        'give c.sources.s.port another port',
      ],
    ],
  },
  'two agents bind one address': {
    files: {
      'a.conf': agentText('a', { type: 'netcat', bind: '10.0.0.5', port: 5000 }, { type: 'logger' }),
      'b.conf': agentText('b', { type: 'netcat', bind: '10.0.0.5', port: 5000 }, { type: 'logger' }),
    },
    says: [['b.conf:7: error: shared-port', 'both listen on port 5000']],
  },
  'two agents that may run on one machine use one port': {
    files: {
      'a.conf': agentText('a', { type: 'http', port: 5000 }, { type: 'logger' }),
      'b.conf': agentText('b', { type: 'netcat', bind: '0.0.0.0', port: 5000 }, { type: 'logger' }),
    },
    says: [
      [
        'b.conf:7: warning: shared-port',
        'fails if they run on one machine',
        'unless they run on different machines',
      ],
    ],
  },
  'two agents of one machine share a directory': {
    files: chain({ a: fileChannel('one'), b: fileChannel('one') }),
    says: [
      [
        'b.conf:',
        'error: shared-directory',
        'channel c of b and channel c of a both use directory /data/one/checkpoint',
      ],
      ['b.conf:', 'error: shared-directory', 'both use directory /data/one/data'],
    ],
  },
  'two agents of one machine share the default directories': {
    files: chain({ a: { type: 'file' }, b: { type: 'file' } }),
    says: [
      ['b.conf:', 'error: shared-directory', '.flume/file-channel/checkpoint (the default)'],
      ['b.conf:', 'error: shared-directory', '.flume/file-channel/data (the default)'],
    ],
  },
  'two agents that may run on one machine share a file': {
    files: {
      'a.conf': agentText('a', reads('in'), writesOnly('out', { 'deadLetter.file': '/data/letters' })),
      'b.conf': agentText('b', reads('in2'), writesOnly('out2', { 'deadLetter.file': '/data/letters' })),
    },
    says: [
      [
        'b.conf:15: warning: shared-directory',
        'both use file /data/letters, which fails if they run on one machine',
      ],
    ],
  },
  'one group, two topics': {
    files: {
      'a.conf': agentText('a', reads('one', { 'kafka.consumer.group.id': 'g' }), writesOnly('out1')),
      'b.conf': agentText('b', reads('two', { 'kafka.consumer.group.id': 'g' }), writesOnly('out2')),
    },
    says: [
      [
        'b.conf:8: warning: shared-group',
        'source s of b reads two as group g, as which source s of a reads one',
        'write another name as b.sources.s.kafka.consumer.group.id',
      ],
    ],
  },
  'the default group, a pattern and a topic': {
    files: {
      'a.conf': agentText(
        'a',
        { ...readsLike('a.*', noHeader), 'kafka.consumer.group.id': 'flume' },
        writesOnly('out1'),
      ),
      'b.conf': agentText(
        'b',
        { type: kafkaSource, 'kafka.bootstrap.servers': 'kafka:9092', 'kafka.topics': 'two', batchSize: 100 },
        writesOnly('out2'),
      ),
    },
    says: [['b.conf:', 'warning: shared-group', 'as group flume (the default)', 'reads /a.*/']],
  },
  // ----------------------------------------------------------------------------- both ends of a connection
  'a batch above the default transaction': {
    files: chain({ send: { 'batch-size': 500 }, a: large }),
    says: [
      [
        'a.conf:14: error: batch-too-large',
        'sink k of a sends up to 500 events at once, but a transaction of channel c of b holds 100',
        'raise b.channels.c.transactionCapacity to at least 500, or lower a.sinks.k.batch-size to 100',
      ],
    ],
  },
  'the default batch above a small transaction': {
    files: chain({ b: { type: 'memory', transactionCapacity: 10 }, write: { flumeBatchSize: 10 } }),
    says: [['a.conf:', 'error: batch-too-large', 'up to 100 events', 'holds 10']],
  },
  'a batch above the transaction of a second channel': {
    files: chain(
      { send: { 'batch-size': 1000 }, a: large },
      {
        'b.conf': agentText('b', takes(4141), writesOnly('out'), large, second(writesOnly('out2'))),
      },
    ),
    says: [['a.conf:', 'error: batch-too-large', 'a transaction of channel c2 of b holds 100']],
  },
  'only the sink compresses': {
    files: chain({ send: { 'compression-type': 'deflate' } }),
    says: [
      [
        'a.conf:14: error: compression-mismatch',
        'sink k of a compresses, and source s of b at the other end of localhost:4141 does not',
        'write b.sources.s.compression-type = deflate, or remove a.sinks.k.compression-type',
      ],
    ],
  },
  'only the source compresses': {
    files: chain({ take: { 'compression-type': 'deflate' } }),
    says: [
      [
        'b.conf:8: error: compression-mismatch',
        'source s of b compresses, and sink k of a',
        'write a.sinks.k.compression-type = deflate',
      ],
    ],
  },
  'only the sink uses TLS': {
    files: chain({ send: { ssl: 'true', 'trust-all-certs': 'true' } }),
    says: [['a.conf:14: error: tls-mismatch', 'sink k of a uses TLS', 'write b.sources.s.ssl = true']],
  },
  'a Thrift sink and an Avro source': {
    files: chain({ send: { type: 'thrift' } }),
    says: [['a.conf:', 'error: protocol-mismatch', 'sink k of a speaks Thrift (compact), and source s of b']],
  },
  'a compact sink and a binary source': {
    files: chain({ send: { type: 'thrift' }, take: { type: 'thrift', protocol: 'binary' } }),
    says: [['a.conf:', 'error: protocol-mismatch', 'speaks Thrift (binary)']],
  },
  'only the source uses TLS': {
    files: chain({ take: { ssl: 'true', keystore: '/etc/k.p12', 'keystore-password': 'x' } }),
    says: [['b.conf:8: error: tls-mismatch', 'source s of b uses TLS', 'write a.sinks.k.ssl = true']],
  },
  'a name and the only agent with that port': {
    files: chain({ send: { hostname: 'collector.example', 'compression-type': 'deflate' } }),
    says: [['a.conf:', 'error: compression-mismatch', 'at the other end of collector.example:4141']],
  },
  'acks = 0 behind a file channel': {
    files: chain({ b: fileChannel('b'), write: { 'kafka.producer.acks': '0' } }),
    says: [
      [
        'b.conf:13: warning: weak-acks',
        'sink k of b writes with acks = 0, weaker than channel c of b',
        'write b.sinks.k.kafka.producer.acks = all',
      ],
    ],
  },
  'acks = 1 behind a file channel': {
    files: chain({ b: fileChannel('b') }),
    says: [['b.conf:9: note: weak-acks', 'acks = 1', 'write b.sinks.k.kafka.producer.acks = all']],
  },
  'the old name of acks': {
    files: chain({ b: fileChannel('b'), write: { requiredAcks: '0' } }),
    says: [
      ['b.conf:13: warning: weak-acks', 'acks = 0'],
      ['b.conf:13: warning: configuration', 'requiredAcks is the deprecated name'],
    ],
  },
  // ---------------------------------------------------------------------------------------- exactly once
  'events that name no record, for a sink that writes each once': {
    files: chain({ write: { deliveryGuarantee: 'exactly-once' } }),
    says: [
      [
        'a.conf:5: warning: exactly-once',
        'sink k of b writes each record once, and events of source s of a do not name the record',
        'write a.sources.s.originHeader = true',
      ],
    ],
  },
  'two sinks in turn, before agents with flows of their own': {
    files: {
      'a.conf': agentText('a', reads('in', { originHeader: 'true' }), sends(4141), memory, [
        'sinks = k k2',
        'sinks.k2.type = avro',
        'sinks.k2.hostname = localhost',
        'sinks.k2.port = 4142',
        'sinks.k2.channel = c',
      ]),
      'b1.conf': agentText('b1', takes(4141), writesOnly('out', { deliveryGuarantee: 'exactly-once' })),
      'b2.conf': agentText('b2', takes(4142), writesOnly('out', { deliveryGuarantee: 'exactly-once' })),
    },
    says: [
      [
        'b2.conf:',
        'error: exactly-once: sinks k and k2 of a take over from each other',
        'flow b1/k, flow b2/k',
        'write the same flow',
      ],
    ],
  },
  // -------------------------------------------------------------------------------------- several at once
  'agents of one name in several files': {
    files: {
      'a.conf': agentText('agent', reads('one'), writesOnly('two')),
      'b.conf': agentText('agent', reads('two'), writesOnly('one')),
    },
    says: [
      [
        'a.conf:1: error: loop',
        'source s of agent (a.conf)',
        'source s of agent (b.conf)',
        'agent.sinks.k.kafka.topic',
      ],
    ],
    loops: 'found',
  },
  'an agent that cannot be read leaves loops unknown': {
    files: {
      'a.conf': agentText('a', reads('one'), writesOnly('two')),
      'b.conf': agentText('b', { type: 'kafak' }, writesOnly('one')),
    },
    says: [['b.conf:5: error: configuration', 'kafak']],
    loops: 'unknown',
  },
}

const testChain: ChainOptions = {
  bootstrap: 'localhost:9092',
  directory: '/chain',
  from: 'in',
  to: 'out',
  group: 'g',
  port: 4141,
}

export const rightSets: Readonly<Record<string, AgentSet>> = {
  'the chain of other tests': { 'a.conf': confOfA(testChain), 'b.conf': confOfB(testChain) },
  'the usual chain': chain(),
  'the usual chain with everything on both sides': chain({
    send: { 'compression-type': 'deflate', ssl: 'true', 'trust-all-certs': 'true', 'batch-size': 1000 },
    take: { 'compression-type': 'deflate', ssl: 'true', keystore: '/etc/k.p12', 'keystore-password': 'x' },
    a: { ...fileChannel('a'), transactionCapacity: 1000 },
    b: { ...fileChannel('b'), transactionCapacity: 1000 },
    write: { 'kafka.producer.acks': 'all' },
  }),
  'one agent, whose neighbours nobody has named': {
    'a.conf': agentText('a', takes(4141), sends(4142, 'elsewhere')),
  },
  'two collectors on two hosts, with the same port': {
    'a.conf': agentText('a', reads('in'), sends(4141, 'one.example'), memory, [
      'sinks = k k2',
      ...Object.entries({ ...sends(4141, 'two.example'), channel: 'c' }).map(
        ([key, value]) => `sinks.k2.${key} = ${value}`,
      ),
      'sinkgroups = g',
      'sinkgroups.g.sinks = k k2',
      'sinkgroups.g.processor.type = load_balance',
    ]),
    'b.conf': agentText('b', takes(4141), writesOnly('out')),
    'c.conf': agentText('c', takes(4141), writesOnly('out')),
  },
  'the first agent takes events of other programs': {
    'a.conf': agentText('a', takes(4100), sends(4141)),
    'b.conf': agentText('b', takes(4141), writesOnly('out')),
  },
  'agents that share a group and its topics': {
    'a.conf': agentText('a', reads('in'), writesOnly('out')),
    'b.conf': agentText('b', reads('in'), writesOnly('out')),
  },
  'agents on several machines with the default directories': {
    'a.conf': agentText('a', takes(4141, '10.0.0.1'), sends(4141, '10.0.0.2'), { type: 'file' }),
    'b.conf': agentText('b', takes(4141, '10.0.0.2'), writesOnly('out', { 'kafka.producer.acks': 'all' }), {
      type: 'file',
    }),
  },
  'the same topic in two clusters': {
    'a.conf': agentText('a', reads('in'), writes('in', { 'kafka.bootstrap.servers': 'other:9092' })),
  },
  'a header that is overwritten': {
    'a.conf': agentText(
      'a',
      reads('in'),
      writes('out'),
      memory,
      sets('topic', 'out', { preserveExisting: 'false' }),
    ),
  },
  'two sinks in turn, before agents that share a flow': {
    'a.conf': agentText('a', reads('in', { originHeader: 'true' }), sends(4141), memory, [
      'sinks = k k2',
      'sinks.k2.type = avro',
      'sinks.k2.hostname = localhost',
      'sinks.k2.port = 4142',
      'sinks.k2.channel = c',
    ]),
    ...Object.fromEntries(
      [1, 2].map(at => [
        `b${at}.conf`,
        agentText(
          `b${at}`,
          takes(4140 + at),
          writesOnly('out', { deliveryGuarantee: 'exactly-once', flow: 'f' }),
        ),
      ]),
    ),
  },
  'a header that is removed by a pattern': {
    'a.conf': agentText('a', reads('in'), writes('out'), memory, [
      'sources.s.interceptors = i',
      'sources.s.interceptors.i.type = remove_header',
      'sources.s.interceptors.i.matching = to.*',
    ]),
  },
  'a selector that keeps events of one topic from the way back': {
    'a.conf': agentText('a', reads('in'), writesOnly('out'), memory, [
      ...second(writesOnly('in')),
      'sources.s.selector.type = multiplexing',
      'sources.s.selector.header = topic',
      'sources.s.selector.mapping.in = c',
      'sources.s.selector.mapping.other = c2',
    ]),
  },
  'two channels with two topics': {
    'a.conf': agentText('a', reads('in'), writesOnly('out'), memory, second(writesOnly('archive'))),
  },
  'whole events with another header': {
    'a.conf': agentText(
      'a',
      reads('in', { topicHeader: 'from' }),
      writesOnly('mid', { useFlumeEventFormat: 'true' }),
    ),
    'b.conf': agentText(
      'b',
      reads('mid', { useFlumeEventFormat: 'true', setTopicHeader: 'false' }),
      writes('out'),
    ),
  },
  'a topic made of a header that names another one': {
    'a.conf': agentText('a', reads('in', { topicHeader: 'from' }), writes('copy-of-%{from}')),
  },
}
