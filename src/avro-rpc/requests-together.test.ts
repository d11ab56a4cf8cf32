// Requests that wait on one connection: handled together, or one by one up to the first that is refused.
import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { Event } from '../event.ts'
import { RpcConnection } from '../rpc-server/rpc-connection.ts'
import { MemoryBudget } from '../system/memory-budget.ts'
import { realSystem } from '../system/system.ts'
import { AvroReader } from '../wire/avro/binary.ts'
import { decodeReply, encodeAppendBatch } from '../wire/avro-rpc/call.ts'
import { FrameParser } from '../wire/avro-rpc/frame.ts'
import { decodeHandshakeResponse, encodeHandshakeRequest, windowMeta } from '../wire/avro-rpc/handshake.ts'
import { protocolHash } from '../wire/avro-rpc/protocol.ts'
import { KnownClients } from './known-clients.ts'
import type { EventsRequest } from '../rpc-server/rpc-connection.ts'
import { AvroDialect } from './server.ts'

const handshake = encodeHandshakeRequest({
  clientHash: protocolHash,
  clientProtocol: null,
  serverHash: protocolHash,
  meta: windowMeta(64),
})

for (const together of [true, false])
  test(`requests that wait are handled ${together ? 'together' : 'one by one where they cannot go together'}`, async () => {
    const handled: string[] = []
    const stream = new Duplex({ read() {}, write: (bytes, _, done) => done(void parser.feed(bytes, note)) })
    const bodiesOf = (events: readonly Buffer[]) =>
      events.map(encoded => Event.fromEncoded(encoded).body.toString()).join()
    const statuses: unknown[] = []
    const complaints: string[] = []
    const parser = new FrameParser(1000)
    const note = ({ message }: { message: Buffer }) => {
      const reader = new AvroReader(message)
      if (statuses.length === 0) decodeHandshakeResponse(reader)
      statuses.push(Object.values(decodeReply(reader))[0])
    }
    const closed = Promise.withResolvers<void>()
    const spoken = {
      maxRequestBytes: 1000,
      maxRequestEvents: 3,
      window: 64,
      clock: realSystem.clock,
      handle: async (events: readonly Buffer[]) => {
        handled.push(bodiesOf(events))
        return handled.at(-1) !== 'c'
      },
      handleTogether: async (requests: readonly EventsRequest[]) => {
        if (together) handled.push(requests.map(({ events }) => bodiesOf(events)).join(' and '))
        return together
      },
    }
    const connection = new RpcConnection(stream, {
      dialect: new AvroDialect(spoken, new KnownClients(), 'a:1'),
      stallMs: 1000,
      clock: realSystem.clock,
      memory: new MemoryBudget(1_000_000),
      complain: reason => void complaints.push(reason),
      closed: closed.resolve,
    })
    const batches = [['a', 'b'], ['c'], ['d'], ['1', '2', '3', '4']]
    stream.push(
      Buffer.concat(
        batches.flatMap((bodies, index) =>
          encodeAppendBatch(
            index + 1,
            index === 0 ? handshake : null,
            bodies.map(body => Event.of({}, body)),
          ),
        ),
      ),
    )
    stream.resume()
    while (statuses.length < 4) await new Promise(resolve => setImmediate(resolve))
    assert.deepEqual(handled, together ? ['a,b and c and d'] : ['a,b', 'c'])
    assert.deepEqual(statuses.slice(0, 3), together ? [0, 0, 0] : [0, 1, 1])
    // It is answered by itself, whatever goes before it.
    assert.match(String(statuses[3]), together ? /4 events, and 3 are allowed/ : /^1$/)
    assert.equal(complaints.length, together ? 1 : 0)
    await connection.stop()
    await closed.promise
  })
