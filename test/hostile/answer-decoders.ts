// What programs ask and answer as text or JSON: events over HTTP, snapshots of agents, ZooKeeper.
import { readMetrics, readSnapshot } from '../../src/console/agent-answers.ts'
import { FlumeAgent } from '../../src/console/flume-agent.ts'
import { flowOf } from '../../src/console/flow.ts'
import { questionOf } from '../../src/console/messages/question.ts'
import { shownOf } from '../../src/console/messages/shown.ts'
import { Refused } from '../../src/console/refused.ts'
import { realClock } from '../../src/system/clock.ts'
import { BadRequest, handlerNames, makeHandler, TooMany } from '../../src/sources/http/handlers.ts'
import { elementsOf, NoArray } from '../../src/sources/http/json-array.ts'
import { Fault } from '../../src/errors.ts'
import * as packets from '../../src/zookeeper/packets.ts'
import type { Decoder } from './decoders.ts'

const textsOf =
  (...texts: readonly string[]) =>
  () =>
    texts.map(text => Buffer.from(text))

const option = { value: 'x', default: null, writtenAt: 'a.conf:1' }
const part = { name: 'r1', type: 'avro', writtenAt: 'a.conf:1', options: { bind: option } }
const component = {
  ...part,
  state: 'running',
  reason: null,
  startedAt: 17,
  stoppedAt: null,
  counters: { EventAcceptedCount: 5, Open: true },
  ownCounters: { x: 1 },
  inPerSecond: 1.5,
  outPerSecond: null,
}
const flows = [
  { does: 'read-topics', servers: 'a:1', topics: ['t'], pattern: null },
  { does: 'write-topic', servers: 'a:1', topic: 't', topicHeader: null },
  { does: 'send', host: 'h', port: 4141 },
]
const snapshot = {
  agent: 'a1',
  state: 'running',
  takenAt: 17,
  process: {},
  sources: [{ ...component, flows, channels: ['c1'], selector: part, interceptors: [part] }],
  channels: [{ ...component, name: 'c1', size: 1, capacity: 10, diskBytes: null, oldestEventAgeMs: 3 }],
  sinks: [{ ...component, name: 'k1', flows, channel: 'c1', group: null }],
  sinkGroups: [{ name: 'g', sinks: ['k1'], processor: part }],
  conditions: [{ component: 'SINK.k1', name: 'peer', problem: 'p', remedy: '', since: 3, isRed: true }],
}

const none = () => Promise.resolve()
const handlers = handlerNames.map(name =>
  makeHandler(name, {
    maxEvents: 1000,
    made: none,
    nextTurn: none,
    mandatoryParameters: ['a'],
    maxBlobLength: 100,
    warn() {},
  })!,
)
const types = [
  'application/json',
  'text/json; charset=utf-16',
  'application/x-www-form-urlencoded',
  ';charset=x',
]

const requests: Decoder[] = [
  {
    name: 'JSON array',
    seeds: textsOf('[{"headers":{"a":"b"},"body":"c"},{}]', ' [ ] ', '[[{"a":"\\"]"}],"x",1]'),
    decode(bytes) {
      let elements = 0
      for (const one of elementsOf(bytes)) if (one !== null) elements++
      return elements
    },
    allowed: [NoArray],
    words: ['"', '\\', '[', ']', '{', '}', ':', ','],
  },
  {
    name: 'HTTP request of events',
    seeds: textsOf(
      '[{"headers":{"a":"b","n":1.50},"body":"c"},{"body":null}]',
      '[{"headers":{"__proto__":"x"},"body":true}]',
      'a=b&c=%20',
    ),
    async decode(bytes) {
      const at = bytes.length % handlers.length
      const contentType = types[(bytes.at(-1) ?? 0) % types.length]!
      const events = await handlers[at]!({
        target: `/?${bytes.toString('latin1')}`,
        contentType,
        body: bytes,
      })
      for (const event of events) void event.encoded
    },
    // The client gets the first two; of others it gets a status.
    allowed: [BadRequest, TooMany, Error],
    saysWhatItReads: true,
  },
  {
    name: 'snapshot of an agent',
    seeds: () => [
      Buffer.from(JSON.stringify(snapshot)),
      Buffer.from('{"CHANNEL.c1":{"ChannelSize":"3","StartTime":"17"}}'),
    ],
    decode(bytes) {
      const body = bytes.toString()
      const metrics = readMetrics(body)
      const seen = readSnapshot(body) ?? (metrics && new FlumeAgent('a:1').snapshot(metrics, realClock))
      if (seen === null) return
      const view = { address: 'a:1', kind: 'millrace', problem: null, seenAt: 17, snapshot: seen } as const
      flowOf([view, { ...view, address: 'b:1' }], 18)
    },
    allowed: [],
    words: ['null', '[]', '{}', '"x"', '-1', '1e300', '"__proto__":{}', '"constructor":"x"'],
  },
  {
    name: 'console: from',
    seeds: textsOf('newest', '17', '@1700000000000', '2026-01-31T12:00:00Z'),
    decode(bytes) {
      const from = bytes.toString()
      const number = placeOf(from)
      if (!Number.isSafeInteger(number)) throw new Error(`${from} is taken for a place`)
    },
    allowed: [],
  },
  {
    name: 'console: shown bytes',
    seeds: textsOf('{"a":1}', 'text', '\u0000'),
    decode: bytes => void shownOf(bytes, { as: 'auto', mostChars: 20_000 }),
    allowed: [],
  },
  {
    name: 'answers of ZooKeeper',
    seeds: () => [
      Buffer.from('000000010000000000000001000000000000000200000001300000000131', 'hex'),
      Buffer.from(
        `000000010000000000000001000000000000003a${Buffer.from('{"endpoints":["PLAINTEXT://h:1"],"host":"h","port":9092}').toString('hex')}`,
        'hex',
      ),
      Buffer.from('00000001000000000000000100000000ffffffff', 'hex'),
      Buffer.from('0000000000002710000000000000000100000010', 'hex'),
    ],
    decode(bytes) {
      packets.xidOf('zk', bytes)
      const body = packets.readAnswer('zk', bytes, '/x')
      for (const read of [
        () => packets.readConnected('zk', bytes),
        () => packets.readNames('zk', body ?? bytes),
        () =>
          [packets.readObject, packets.readPosition].map(one => one(packets.readData('zk', body ?? bytes))),
      ])
        try {
          read()
        } catch (error) {
          if (!(error instanceof Fault)) throw error
        }
    },
    allowed: [Fault],
  },
  {
    name: 'registration of a broker',
    seeds: textsOf(
      '{"endpoints":["SSL://h:2","PLAINTEXT://h:1"],"host":"h","port":9092}',
      '{"host":"::1","port":9092}',
      '17',
    ),
    decode: bytes =>
      [packets.readListener(packets.readObject(bytes), 'PLAINTEXT'), packets.readPosition(bytes)].join(' '),
    allowed: [],
    words: ['null', '[]', '{}', '"x"', '-1'],
  },
]

export const answerDecoders: readonly Decoder[] = requests

/** The number of the place, an offset or a time; 0 where it has none, or is refused. */
function placeOf(text: string): number {
  try {
    const { from } = questionOf('t', { from: text })
    return typeof from === 'string' ? 0 : 'time' in from ? from.time : from.offset
  } catch (error) {
    if (error instanceof Refused) return 0
    throw error
  }
}
