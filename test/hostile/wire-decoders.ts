// What comes over the network, and how it is read: Kafka's messages and records, Avro RPC and events.
import { apiTable } from '../../src/broker/api-table.ts'
import { plainExchange, scramExchange, LoginRefused } from '../../src/broker/security/login-exchange.ts'
import { RefusedRecords, takeIncoming, type IncomingRules } from '../../src/broker/incoming-records.ts'
import { toMessageSet } from '../../src/broker/outgoing-records.ts'
import { readBrokerSettings } from '../../src/broker/broker-settings.ts'
import { answerOf } from '../../src/avro-rpc/unknown-peer.ts'
import { Fault } from '../../src/errors.ts'
import { Event } from '../../src/event.ts'
import * as groupProtocol from '../../src/kafka-client/consumer/group-protocol.ts'
import { converseScram } from '../../src/kafka-client/security/sasl-scram.ts'
import { fetchToken } from '../../src/kafka-client/security/sasl-oauthbearer.ts'
import { SaslError } from '../../src/kafka-client/security/sasl-conversation.ts'
import { Secret } from '../../src/security/secret.ts'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { realClock } from '../../src/system/clock.ts'
import { Pace } from '../../src/system/pace.ts'
import { AvroFormatError, AvroReader } from '../../src/wire/avro/binary.ts'
import { cutEvent, decodeCallName, decodeReply } from '../../src/wire/avro-rpc/call.ts'
import { encodeAppendBatch, encodeError, encodeStatus } from '../../src/wire/avro-rpc/call.ts'
import { FrameError, FrameParser } from '../../src/wire/avro-rpc/frame.ts'
import * as handshake from '../../src/wire/avro-rpc/handshake.ts'
import {
  ProtocolMismatch,
  protocolHash,
  protocolText,
  readProtocol,
} from '../../src/wire/avro-rpc/protocol.ts'
import { compress, compressions } from '../../src/wire/kafka/compression.ts'
import { crc32c } from '../../src/wire/kafka/crc32c.ts'
import { FormatError } from '../../src/wire/kafka/format-error.ts'
import { FrameReader } from '../../src/wire/kafka/frame-reader.ts'
import { peekRequestHeader } from '../../src/wire/kafka/api.ts'
import { offsetCommitKey, offsetCommitValue } from '../../src/wire/kafka/messages/offsets-topic.ts'
import { RecordSetReader, writeRecords } from '../../src/wire/kafka/record-set.ts'
import type { NewRecord } from '../../src/wire/kafka/record.ts'
import { crc32, deflateSync } from 'node:zlib'
import { KafkaBodies } from './kafka-bodies.ts'
import type { Decoder } from './decoders.ts'
import { cutBatch, decompress, readRecords } from '../at-once.ts'

/** Most bytes that anything unpacks to here. */
const mostUnpacked = 4 * 1024 * 1024

// --------------------------------------------------------------------------------- Kafka's messages

/** Seeds begin with a byte that stands for the version. */
const apis: Decoder[] = apiTable.flatMap(({ api, first, last }): Decoder[] => {
  const bodies = new KafkaBodies(new SeededRandom(api.key))
  const versions = Array.from({ length: last - first + 1 }, (_, index) => first + index)
  const versionOf = (bytes: Buffer): number => first + ((bytes[0] ?? 0) % versions.length)
  const seedsOf = (encode: (version: number) => Buffer) =>
    versions.flatMap((version, index) =>
      Array.from({ length: 3 }, () =>
        // Without its size, which is read before.
        Buffer.concat([Buffer.of(index), encode(version).subarray(4)]),
      ),
    )
  const pace = new Pace(realClock)
  const slices = { pace, count: () => Promise.resolve() }
  return [
    {
      name: `Kafka request ${api.name}`,
      seeds: () =>
        seedsOf(version =>
          api.encodeRequest({
            version,
            correlationId: 1,
            clientId: 'fuzz',
            body: bodies.body(api.request, version) as never,
          }),
        ),
      decode(bytes) {
        const version = versionOf(bytes)
        const message = bytes.subarray(1)
        peekRequestHeader(message)
        if (message.length % 8 === 0) return api.decodeRequestInSlices(version, message, slices)
        return api.decodeRequest(version, message)
      },
      allowed: [FormatError],
      share: 0.2,
    },
    {
      name: `Kafka answer ${api.name}`,
      seeds: () =>
        seedsOf(version =>
          api.encodeResponse({
            version,
            correlationId: 1,
            body: bodies.body(api.response, version) as never,
          }),
        ),
      decode: bytes => api.decodeResponse(versionOf(bytes), bytes.subarray(1)),
      allowed: [FormatError],
      share: 0.2,
    },
  ]
})

const frames: Decoder = {
  name: 'Kafka frames',
  seeds: () =>
    [1, 20, 3000].map(size => Buffer.concat([Buffer.of(0, 0, size >> 8, size & 255), Buffer.alloc(size)])),
  decode(bytes) {
    const reader = new FrameReader({
      eagerBytes: bytes.length % 2 === 0 ? 0 : 1000,
      accept: size => size >= 0 && size <= 100_000,
      take: () => {},
    })
    for (let at = 0; at < bytes.length; at += 7 + (at % 500))
      reader.read(bytes.subarray(at, at + 7 + (at % 500)))
  },
  allowed: [],
}

// ---------------------------------------------------------------------------------- Kafka's records

const someRecords = (count: number): NewRecord[] =>
  Array.from({ length: count }, (_, index) => ({
    timestamp: 1_700_000_000_000 + index,
    key: index % 3 === 0 ? null : Buffer.from(`key-${index}`),
    value: index % 7 === 6 ? null : Buffer.from(`value ${index} `.repeat(1 + (index % 5))),
    headers:
      index % 2 === 0
        ? []
        : [
            { key: 'name', value: Buffer.from('x') },
            { key: '', value: null },
          ],
  }))

function recordSeeds(magics: readonly (0 | 1 | 2)[]): Buffer[] {
  const seeds: Buffer[] = []
  for (const magic of magics)
    for (const codec of compressions.filter(one => magic === 2 || one !== 'zstd'))
      for (const count of [1, 4, 30])
        seeds.push(
          writeRecords(someRecords(count), {
            magic,
            codec,
            ...(magic === 2 && count === 4
              ? { identity: { producerId: 9, producerEpoch: 1, baseSequence: 3 } }
              : {}),
          }),
        )
  return [...seeds, Buffer.concat(seeds.slice(0, 3))]
}

/** Gives what was changed the checksum that fits, as far as one entry reaches: what lies behind it is met. */
export function sealed(bytes: Buffer): Buffer {
  if (bytes.length < 26) return bytes
  const copy = Buffer.from(bytes)
  const end = 12 + copy.readInt32BE(8)
  if (end > copy.length || end < 26) copy.writeInt32BE(copy.length - 12, 8)
  const to = 12 + copy.readInt32BE(8)
  if (copy[16] === 2 && to > 61) copy.writeUInt32BE(crc32c(copy, 21, to), 17)
  else copy.writeUInt32BE(crc32(copy.subarray(16, to)), 12)
  return copy
}

const { settings } = readBrokerSettings('', '', {})
const rules: IncomingRules = {
  ...settings.log,
  now: 1_700_000_000_000,
  version: 8,
}

const records: Decoder[] = [
  ...[[2 as const], [0 as const, 1 as const]].map((magics): Decoder => ({
    name: magics[0] === 2 ? 'record batches' : 'message sets',
    seeds: () => recordSeeds(magics),
    change: sealed,
    decode: bytes => readRecords(bytes, 0, { maxUnpackedBytes: mostUnpacked, checksums: false }),
    allowed: [FormatError],
  })),
  {
    name: 'records, one by one',
    seeds: () => recordSeeds([0, 1, 2]),
    change: sealed,
    decode(bytes) {
      const reader = new RecordSetReader(bytes, { maxUnpackedBytes: mostUnpacked })
      for (let batch = reader.next(); batch !== null; batch = reader.next()) {
        const one = batch.reader({ maxRecordBytes: 1000, maxHeaders: 1 })
        let left = 1000
        for (let record = one.next(); record !== null && left > 0; record = one.next()) left--
      }
      return reader.cutOffBytes
    },
    allowed: [FormatError],
  },
  {
    name: 'records of a Produce request',
    seeds: () => recordSeeds([0, 1, 2]),
    change: sealed,
    decode(bytes) {
      const last = bytes.at(-1) ?? 0
      const steps = takeIncoming(bytes, {
        ...rules,
        version: last % 10,
        cleanupPolicy: [last % 3 === 0 ? 'compact' : 'delete'],
        compressionType: last % 5 === 0 ? 'gzip' : 'producer',
      })
      while (steps.next().done !== true);
    },
    allowed: [RefusedRecords],
  },
  {
    name: 'records converted for old clients',
    seeds: () => recordSeeds([2]),
    change: sealed,
    decode: bytes =>
      toMessageSet(bytes, bytes.length % 2 === 0 ? 0 : 1, {
        from: 2,
        maxBytes: 5000,
        pace: new Pace(realClock),
      }),
    allowed: [FormatError],
  },
  ...(['gzip', 'snappy', 'lz4', 'zstd'] as const).map((codec, index): Decoder => ({
    name: `${codec} of Kafka`,
    seeds: () =>
      [0, 5, 300, 100_000].flatMap(size =>
        [Buffer.alloc(size, 'abcdefg '), new SeededRandom(size).bytes(Math.min(size, 3000))].map(bytes =>
          compress(bytes, codec, 2),
        ),
      ),
    decode: bytes => decompress(bytes, index + 1, 2, mostUnpacked),
    allowed: [FormatError],
  })),
]

// -------------------------------------------------------------------------------- groups and logins

const partitions = [
  { topic: 'a', partition: 0 },
  { topic: 'a', partition: 7 },
  { topic: 'topic', partition: 1 },
]
const groups: Decoder[] = [
  {
    name: 'subscription',
    seeds: () => [
      groupProtocol.encodeSubscription({ topics: ['a', 'topic'], userData: null }),
      groupProtocol.encodeSubscription({
        topics: [],
        userData: groupProtocol.encodeStickyData(partitions, 3),
      }),
    ],
    decode: bytes => groupProtocol.decodeStickyData(groupProtocol.decodeSubscription(bytes).userData),
    allowed: [Fault],
  },
  {
    name: 'assignment',
    seeds: () => [groupProtocol.encodeAssignment(partitions), groupProtocol.encodeAssignment([])],
    decode: bytes => groupProtocol.decodeAssignment(bytes),
    allowed: [Fault],
  },
  {
    name: 'sticky data',
    seeds: () => [groupProtocol.encodeStickyData(partitions, 3)],
    decode: bytes => groupProtocol.decodeStickyData(bytes),
    allowed: [],
  },
  {
    name: 'offsets topic',
    seeds: () => [
      offsetCommitKey.encode(1, { group: 'g', topic: 't', partition: 3 }),
      offsetCommitValue.encode(3, { offset: 5, leaderEpoch: 0, metadata: 'm', commitTimestamp: 17 }),
    ],
    decode(bytes) {
      for (const one of [offsetCommitKey, offsetCommitValue])
        try {
          one.decode(bytes)
        } catch (error) {
          if (!(error instanceof FormatError)) throw error
        }
    },
    allowed: [],
  },
]

const random = { bytes: (size: number) => Buffer.alloc(size, 7) }
const credential = {
  salt: Buffer.alloc(16),
  iterations: 4096,
  storedKey: Buffer.alloc(32),
  serverKey: Buffer.alloc(32),
}
const logins: Decoder[] = [
  {
    name: 'SCRAM, the broker’s side',
    seeds: () => [
      Buffer.from('n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL'),
      Buffer.from('y,a=other,n=us=2Cer,r=x,tokenauth=true'),
      Buffer.from(
        `c=biws,r=x${Buffer.alloc(18, 7).toString('base64')},p=${Buffer.alloc(32).toString('base64')}`,
      ),
    ],
    decode(bytes) {
      const exchange = scramExchange('SCRAM-SHA-256', () => credential, random)
      if (bytes[0] !== 0x6e) exchange.take(Buffer.from('n,,n=user,r=x'))
      return exchange.take(bytes)
    },
    allowed: [LoginRefused],
  },
  {
    name: 'PLAIN, the broker’s side',
    seeds: () => [Buffer.from('\0user\0secret'), Buffer.from('user\0user\0secret')],
    decode: bytes => plainExchange(new Map([['user', new Secret('secret')]])).take(bytes),
    allowed: [LoginRefused],
  },
  {
    name: 'SCRAM, the client’s side',
    seeds: () => [
      Buffer.from(`r=noncemore,s=${Buffer.alloc(16).toString('base64')},i=99`),
      Buffer.from('e=unknown-user'),
      Buffer.from(`v=${Buffer.alloc(32).toString('base64')}`),
    ],
    decode(bytes) {
      const login = { username: 'user', password: new Secret('secret'), isToken: false }
      return converseScram('SCRAM-SHA-256', login, 'nonce', realClock).answer(bytes)
    },
    allowed: [SaslError],
    share: 0.02,
  },
  {
    name: 'answer of a token endpoint',
    seeds: () =>
      [
        '{"access_token":"a.eyJleHAiOjE3fQ.c","expires_in":3600}',
        '{"error":"invalid_client","error_description":"x"}',
      ].map(text => Buffer.from(text)),
    decode: bytes =>
      fetchToken(
        {
          kind: 'endpoint',
          url: 'https://user@token.example/path?x',
          clientId: 'c',
          clientSecret: new Secret('secret'),
          scope: null,
          encodesHeader: true,
          timeoutMs: 1000,
          extensions: {},
        },
        0,
        () =>
          Promise.resolve({ status: bytes.length % 3 === 0 ? 401 : 200, body: bytes.toString() } as never),
      ),
    allowed: [Fault],
  },
]

// --------------------------------------------------------------------------------------------- Avro

const events = [
  Event.of({}, 'body'),
  Event.of({ host: 'a', timestamp: '1700000000000' }, Buffer.alloc(300, 1)),
  Event.of({ ü: 'ä'.repeat(50) }, ''),
]
const shake = handshake.encodeHandshakeRequest({
  clientHash: protocolHash,
  clientProtocol: protocolText,
  serverHash: protocolHash,
  meta: handshake.windowMeta(4),
})
const requests = () =>
  [null, shake].flatMap(one =>
    [encodeAppendBatch(1, one, events), encodeAppendBatch(7, one, [])].map(pieces => Buffer.concat(pieces)),
  )
const shakenReply = handshake.encodeHandshakeResponse({
  match: 'NONE',
  serverProtocol: protocolText,
  serverHash: protocolHash,
  meta: handshake.windowMeta(2),
})
const replies = () => [encodeStatus(1, null, 0), encodeStatus(1, shakenReply, 1), encodeError(2, null, 'no')]

/** The messages in the frames of the bytes; none is longer than 1 MB. */
function messagesIn(bytes: Buffer): Buffer[] {
  const parser = new FrameParser(1_000_000)
  const found: Buffer[] = []
  for (let at = 0; at < bytes.length; at += 1 + (at % 700))
    parser.feed(bytes.subarray(at, at + 1 + (at % 700)), ({ message }) => void found.push(message))
  return found
}

const avro: Decoder[] = [
  {
    name: 'Avro request',
    seeds: requests,
    decode(bytes) {
      for (const message of messagesIn(bytes)) {
        const reader = new AvroReader(message)
        if (message.length > 100) handshake.decodeHandshakeRequest(reader)
        if (decodeCallName(reader) === 'append') cutEvent(reader)
        else for (const event of cutBatch(reader)) void Event.fromEncoded(event).headers
      }
    },
    allowed: [AvroFormatError, FrameError],
  },
  {
    name: 'Avro reply',
    seeds: replies,
    decode(bytes) {
      for (const message of messagesIn(bytes)) {
        const reader = new AvroReader(message)
        if (message.length > 20) {
          const { serverProtocol } = handshake.decodeHandshakeResponse(reader)
          if (serverProtocol !== null) readProtocol(serverProtocol)
        }
        decodeReply(reader)
      }
    },
    allowed: [AvroFormatError, FrameError, ProtocolMismatch],
  },
  {
    name: 'Avro protocol',
    seeds: () => [
      Buffer.from(protocolText),
      Buffer.from(protocolText.replace('"bytes"', '{"type":"bytes"}')),
    ],
    decode: bytes => readProtocol(bytes.toString()),
    allowed: [ProtocolMismatch],
    words: ['{"type":"array","items":', '"type":', '"AvroFlumeEvent"', 'null', '"__proto__":', '"Status"'],
  },
  {
    name: 'handshake',
    seeds: () => [shake, shakenReply],
    decode(bytes) {
      const { meta } = handshake.decodeHandshakeRequest(new AvroReader(bytes))
      return handshake.windowOf(meta)
    },
    allowed: [AvroFormatError],
  },
  {
    name: 'event',
    seeds: () => events.map(one => one.encoded),
    decode(bytes) {
      const event = Event.fromEncoded(Buffer.from(bytes))
      event.checkHeaders()
      event.setHeader('name', event.body.toString('latin1'))
      return event.encoded
    },
    allowed: [AvroFormatError, Fault],
  },
  {
    name: 'answer that is no Avro',
    seeds: () => [
      Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
      deflateSync('x'),
      Buffer.of(0x15, 3, 1, 0, 2),
    ],
    decode: bytes => answerOf(bytes),
    allowed: [],
    saysWhatItReads: true,
  },
]

export const wireDecoders: readonly Decoder[] = [...apis, frames, ...records, ...groups, ...logins, ...avro]
