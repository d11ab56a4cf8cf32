import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fetch } from './messages/fetch.ts'

test('an answer in parts is the answer in one piece, with its long fields as they were given', () => {
  const lengths = [0, 100, 16383, 16384, 3_000_000, 5, 20_000]
  const buffers = lengths.map((length, index) => Buffer.alloc(length, index + 1))
  for (const version of [4, 11, 12, 16]) {
    const message = {
      version,
      correlationId: 77,
      body: {
        errorCode: 0,
        sessionId: 0,
        responses: [
          {
            topic: 'one',
            topicId: Buffer.alloc(16, 7),
            partitions: buffers.map((records, partitionIndex) => ({
              partitionIndex,
              errorCode: 0,
              highWatermark: 9,
              lastStableOffset: 9,
              logStartOffset: 0,
              abortedTransactions: null,
              records,
            })),
          },
        ],
      },
    } as unknown as Parameters<typeof fetch.encodeResponse>[0]
    if (version > fetch.maxVersion) continue
    const parts = fetch.encodeResponseInParts(message)!
    assert.deepEqual(Buffer.concat(parts), fetch.encodeResponse(message), `version ${version}`)
    assert.deepEqual(
      parts.filter(part => buffers.some(one => one === part)),
      buffers.filter(one => one.length >= 16384),
    )
  }
})
