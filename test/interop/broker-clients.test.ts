// Client libraries of Python and Go against the embedded broker: what they do every day, and what their
// administrators ask. Where the library, Python or Go cannot be had the tests are skipped, as all with peers.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { withBroker } from '../broker/running-broker.ts'
import { getConfluentKafka, getGoClients, runConfluentKafka, runGoClient } from './peers/clients.ts'
import { skipWithout } from './peers/fetch.ts'

const python = await skipWithout('confluent-kafka', getConfluentKafka)
const go = await skipWithout('the clients of Go', getGoClients)

describe('librdkafka of today, through confluent-kafka', { skip: python }, () => {
  test('topics are listed, a pattern is read, transactions hold, and groups of the newer kind fail at once', () =>
    withBroker(async ({ bootstrap }) => {
      const refusal = 'Broker: API version not supported'
      assert.deepEqual(await runConfluentKafka(bootstrap), [
        'topics: c-one c-two other',
        'written: 200',
        'by a pattern: 200',
        'copied once: True',
        `a consumer of the newer kind: Fatal error: ${refusal}: ConsumerGroupHeartbeat fatal error: ${refusal}`,
        `a share consumer: ShareGroupHeartbeat fatal error: ${refusal}`,
        'retention.ms: 604800000',
        'acls: 0',
        'end: 100',
        'group: EMPTY',
        'position: 200',
        'partitions: 2',
        'users: 0',
      ])
    }))
})

describe('the libraries of Go', { skip: go }, () => {
  // The program ends with the first step that fails, so that the last one tells of all.
  for (const library of ['franz-go', 'sarama', 'sarama-1.27'])
    test(`${library}: records, groups, settings and what administrators ask`, () =>
      withBroker(async ({ bootstrap }) => {
        assert.equal((await runGoClient(library, bootstrap)).at(-1), 'everything is deleted again')
      }))
})
