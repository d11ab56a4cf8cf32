import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type { Topic } from './cluster.ts'
import { MissingTopics } from './missing-topics.ts'

const there = {
  name: 't',
  partitions: [{ index: 0, leader: 1, leaderEpoch: 0 }],
  errorCode: 0,
  isInternal: false,
} as unknown as Topic
const refused = (errorCode: number): Topic => ({ ...there, partitions: [], errorCode })

test('counts the time in which brokers answer without the topic, and no other', () => {
  let answer: Topic | undefined
  const cluster = { topic: () => answer, refreshedAt: 1000 }
  const missing = new MissingTopics(cluster)
  assert.equal(missing.missingMs('t'), 0, 'the first answer')
  cluster.refreshedAt = 4000
  assert.equal(missing.missingMs('t'), 3000)
  assert.equal(missing.missingMs('t'), 3000, 'no new answer')
  missing.forget()
  cluster.refreshedAt = 60_000
  assert.equal(missing.missingMs('t'), 0, 'brokers were away')
  cluster.refreshedAt = 61_000
  assert.equal(missing.missingMs('t'), 1000)
  answer = there
  assert.equal(missing.missingMs('t'), 0)
  answer = refused(errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
  cluster.refreshedAt = 90_000
  assert.equal(missing.missingMs('t'), 0, 'deleted')
  missing.seen('t')
  cluster.refreshedAt = 99_000
  assert.equal(missing.missingMs('t'), 0, 'made anew and deleted again')
})

test('knows an unknown topic from one that is not ready', () => {
  let answer: Topic | undefined
  const missing = new MissingTopics({ topic: () => answer, refreshedAt: 0 })
  assert.equal(missing.isUnknown('t'), true)
  answer = refused(errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
  assert.equal(missing.isUnknown('t'), true)
  answer = refused(errorCodes.LEADER_NOT_AVAILABLE)
  assert.equal(missing.isUnknown('t'), false)
})
