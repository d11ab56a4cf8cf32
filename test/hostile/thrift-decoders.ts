// Requests and answers of Flume's Thrift service, in both encodings.
import { Event } from '../../src/event.ts'
import * as thrift from '../../src/wire/thrift/flume-calls.ts'
import { ThriftFormatError, ThriftReader } from '../../src/wire/thrift/thrift-reader.ts'
import type { Decoder } from './decoders.ts'

const events = [
  Event.of({}, ''),
  Event.of({ topic: 't', key: 'ü' }, 'body'),
  Event.of({ a: '' }, 'x'.repeat(300)),
]

export const thriftDecoders: readonly Decoder[] = (['binary', 'compact'] as const).flatMap(
  (encoding): Decoder[] => [
    {
      name: `Thrift request, ${encoding}`,
      seeds: () =>
        [[], events.slice(0, 1), events].map(some =>
          Buffer.concat(thrift.encodeAppendBatch(encoding, 5, some)).subarray(4),
        ),
      decode(bytes) {
        const reader = new ThriftReader(bytes, encoding)
        const { name } = thrift.readCall(reader)
        const steps = thrift.readEvents(reader, name === 'append' ? 'append' : 'appendBatch')
        let step = steps.next()
        while (step.done !== true) step = steps.next()
        for (const event of step.value) void Event.fromEncoded(event).headers
      },
      allowed: [ThriftFormatError],
    },
    {
      name: `Thrift reply, ${encoding}`,
      seeds: () => {
        const call = { name: 'append', seqid: 7, isOneway: false }
        return [
          thrift.encodeStatus(encoding, call, 'FAILED'),
          thrift.encodeException(encoding, call, 6, 'no'),
        ].map(frame => frame.subarray(4))
      },
      decode: bytes => thrift.decodeReply(bytes, encoding),
      allowed: [ThriftFormatError],
    },
  ],
)
