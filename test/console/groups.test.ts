// What a session that sees some topics alone is shown of consumer groups; names as long as Kafka allows.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Group, Groups, Topic } from '../../src/console/api.ts'
import { serveKafka } from './kafka-serving.ts'
import { sessionWith } from './serving.ts'

test('a session for some topics sees no position of another one', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-groups-'))
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const kafka = stack.use(await serveKafka(directory))
  for (const name of ['orders', 'salaries']) await kafka.admin.topics.create({ name, partitions: 1 })
  const at = (...topics: string[]) => topics.map(topic => ({ topic, partition: 0, offset: 0 }))
  await kafka.admin.groups.commit('both', at('orders', 'salaries'))
  await kafka.admin.groups.commit('hidden', at('salaries'))
  await kafka.admin.groups.commit('seen', at('orders'))

  const everything = await kafka.look<Groups>('/groups')
  assert.deepEqual(everything.groups.map(({ id }) => id).toSorted(), ['both', 'hidden', 'seen'])

  kafka.session = sessionWith({ role: 'viewer', topics: 'ord*' })
  const { groups } = await kafka.look<Groups>('/groups')
  assert.deepEqual(
    groups.map(({ id, topics, lag }) => ({ id, topics, lag })).toSorted((a, b) => a.id.localeCompare(b.id)),
    [
      { id: 'both', topics: ['orders'], lag: null },
      { id: 'seen', topics: ['orders'], lag: 0 },
    ],
  )
  const both = await kafka.look<Group>('/groups/both')
  assert.deepEqual(
    both.positions.map(({ topic }) => topic),
    ['orders'],
  )
  assert.doesNotMatch(JSON.stringify(both), /salaries/)
  await kafka.look('/groups/hidden', 404)
})

test('topics and groups with the longest names have their pages', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-names-'))
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const kafka = stack.use(await serveKafka(directory))
  const [topic, group] = ['t'.repeat(249), 'gruppe-ä-'.repeat(200)]
  await kafka.admin.topics.create({ name: topic, partitions: 1 })
  await kafka.admin.groups.commit(group, [{ topic, partition: 0, offset: 0 }])
  const { row } = await kafka.look<Topic>(`/topics/${topic}`)
  assert.equal(row.name, topic)
  const { positions } = await kafka.look<Group>(`/groups/${encodeURIComponent(group)}`)
  assert.deepEqual(
    positions.map(one => one.topic),
    [topic],
  )
})
