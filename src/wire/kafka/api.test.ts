import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { peekRequestHeader, type ResponseOf } from './api.ts'
import { FormatError } from './format-error.ts'
import { apiVersions } from './messages/api-versions.ts'
import { fetch } from './messages/fetch.ts'
import { joinGroup } from './messages/join-group.ts'
import { listOffsets } from './messages/list-offsets.ts'
import { metadata } from './messages/metadata.ts'
import { produce } from './messages/produce.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex')

describe('requests', () => {
  it('writes size, header and body of a version that is not flexible', () => {
    const bytes = metadata.encodeRequest({
      version: 1,
      correlationId: 7,
      clientId: 'me',
      body: { topics: [{ name: 't' }] },
    })
    assert.deepEqual(bytes, hex('00000013 0003 0001 00000007 0002 6d65 00000001 0001 74'))
  })

  it('writes compact lengths and tagged fields of a flexible version', () => {
    const bytes = metadata.encodeRequest({
      version: 9,
      correlationId: 7,
      clientId: null,
      body: { topics: null, allowAutoTopicCreation: false },
    })
    assert.deepEqual(bytes, hex('00000010 0003 0009 00000007 ffff 00 00 00 00 00 00'))
  })

  it('refuses a value that the version has no field for and that matters', () => {
    const body = {
      transactionalId: 'x',
      acks: 1,
      timeoutMs: 1,
      topicData: [],
    }
    assert.throws(
      () => produce.encodeRequest({ version: 2, correlationId: 1, clientId: null, body }),
      /cannot write Produce v2 request, field transactionalId: this version does not have the field/,
    )
  })

  it('leaves out what may be left out', () => {
    const body = {
      groupId: 'g',
      sessionTimeoutMs: 1,
      rebalanceTimeoutMs: 5,
      memberId: '',
      protocolType: 'consumer',
      protocols: [],
    }
    const bytes = joinGroup.encodeRequest({ version: 0, correlationId: 1, clientId: null, body })
    assert.equal(joinGroup.decodeRequest(0, bytes.subarray(4)).body.rebalanceTimeoutMs, -1)
  })

  it('shows the header before the API is known', () => {
    const body = { clientSoftwareName: 'millrace', clientSoftwareVersion: '1' }
    const bytes = apiVersions.encodeRequest({ version: 3, correlationId: 9, clientId: 'c', body })
    const header = { apiKey: 18, version: 3, correlationId: 9, clientId: 'c' }
    assert.deepEqual(peekRequestHeader(bytes.subarray(4)), header)
  })

  // As real Kafka does; see the differential sessions.
  const read: [string, string, unknown][] = [
    ['bytes behind it', '0003 0001 00000007 0001 61 00000000 010203', []],
    ['what librdkafka 2.3 leaves behind it', '0003 000c 00000007 0001 61 00 01 00 00 00 000000', []],
    ['any negative length for null', '0003 0001 00000007 fffe fffffffd', null],
    ['tagged fields nobody knows', '0003 0009 00000007 0001 61 01 0502aaaa 01 00 00 00 02 0501aa 0401bb', []],
  ]
  for (const [what, bytes, topics] of read)
    it(`reads ${what}`, () => {
      const request = hex(bytes)
      assert.deepEqual(metadata.decodeRequest(request.readInt16BE(2), request).body.topics, topics)
    })

  it('reads a tagged field by its value, whatever size stands before it', () => {
    const front =
      '0001 000c 00000007 0001 61 00 ffffffff 00000000 00000000 00001000 00 00000000 ffffffff 01 01 01'
    for (const tags of ['01 00 04 04 616263', '01 00 00 04 616263', '01 00 06 04 616263 0000'])
      assert.equal(fetch.decodeRequest(12, hex(front + tags)).body.clusterId, 'abc')
  })

  it('takes a number beyond 2^53 for 2^53, in requests alone', () => {
    const most = Number.MAX_SAFE_INTEGER
    for (const [bytes, number] of [
      ['7fffffffffffffff', most],
      ['8000000000000000', -most],
    ] as const) {
      const request = hex(`0002 0001 00000007 ffff ffffffff 00000001 0001 74 00000001 00000000 ${bytes}`)
      assert.equal(listOffsets.decodeRequest(1, request).body.topics[0]!.partitions[0]!.timestamp, number)
      const answer = hex(`00000007 00000001 0001 74 00000001 00000000 0000 ${bytes} 0000000000000000`)
      assert.throws(() => listOffsets.decodeResponse(1, answer), /an int64 is beyond 2\^53/)
    }
  })

  it('refuses text that no broker reads, however its length is written', () => {
    const body = { topics: [{ name: 'x'.repeat(40_000) }] }
    for (const version of [1, 12])
      assert.throws(
        () => metadata.encodeRequest({ version, correlationId: 1, clientId: null, body }),
        /text of 40000 bytes is longer than 32767/,
      )
  })

  it('refuses versions nobody declared', () => {
    const body = { topics: null }
    assert.throws(
      () => metadata.encodeRequest({ version: 14, correlationId: 1, clientId: null, body }),
      /Metadata has the versions 0 to 13 here; 14 was asked for/,
    )
  })
})

describe('responses', () => {
  it('reads the refusal of an unknown ApiVersions version, which comes in version 0', () => {
    const refusal = apiVersions.encodeResponse({
      version: 0,
      correlationId: 3,
      body: { errorCode: 35, apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 0 }] },
    })
    const { correlationId, body } = apiVersions.decodeResponse(4, refusal.subarray(4))
    assert.equal(correlationId, 3)
    assert.equal(body.errorCode, 35)
    assert.deepEqual(body.apiKeys, [{ apiKey: 18, minVersion: 0, maxVersion: 0 }])
  })

  it('gives records as a view, not a copy', () => {
    const records = Buffer.from('some records')
    const partition = { partitionIndex: 1, errorCode: 0, highWatermark: 5, abortedTransactions: [], records }
    const bytes = fetch
      .encodeResponse({
        version: 12,
        correlationId: 1,
        body: { responses: [{ topic: 't', partitions: [partition] }] },
      })
      .subarray(4)
    const decoded: ResponseOf<typeof fetch> = fetch.decodeResponse(12, bytes).body
    const found = decoded.responses[0]!.partitions[0]!
    assert.deepEqual(found.records, records)
    assert.equal(found.records!.buffer, bytes.buffer)
    assert.deepEqual(found.currentLeader, { leaderId: -1, leaderEpoch: -1 })
  })

  it('ignores bytes behind it', () =>
    assert.equal(
      metadata.decodeResponse(3, hex('00000001 00000000 00000000 ffff 00000000 00000000 00')).correlationId,
      1,
    ))

  it('skips tagged fields it does not know', () => {
    const bytes = hex('00000001 00 00000000 01 01 ffffffff 01 80000000 02 05 03 616263 09 00')
    assert.equal(metadata.decodeResponse(9, bytes).correlationId, 1)
  })
})

describe('bad bytes', () => {
  const cases: [string, Buffer, RegExp][] = [
    [
      'end inside a number',
      hex('00000001 0000'),
      /field throttleTimeMs, byte 4 of 6: 4 bytes expected, 2 left/,
    ],
    [
      'a count larger than the bytes left',
      hex('00000001 00000000 7fffffff'),
      /field brokers, byte 12 of 12: an array of 2147483647 elements does not fit the 0 bytes left/,
    ],
    ['null where there is none', hex('00000001 00000000 ffffffff'), /an array is null where it must not be/],
    ['a negative count', hex('00000001 00000000 fffffffe'), /an array is null where it must not be/],
    [
      'text longer than the bytes',
      hex('00000001 00000000 00000001 00000000 0100 00000000000000'),
      /field brokers.host, byte 18 of 25: the length 256 exceeds the 7 bytes left/,
    ],
  ]
  for (const [name, bytes, message] of cases)
    it(name, () =>
      assert.throws(
        () => metadata.decodeResponse(3, bytes),
        (error: Error) => {
          assert.ok(error instanceof FormatError)
          assert.match(error.message, /^not a valid Metadata v3 response/)
          assert.match(error.message, message)
          return true
        },
      ),
    )
})
