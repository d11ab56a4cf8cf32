// What the console changes in Kafka: tried before it is made, refused in plain words beside the field, and then seen.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type {
  Group,
  Messages,
  MovesUnderWay,
  Outcome,
  Outcomes,
  Placements,
  Refusal,
  ResetPlan,
  Settings,
  Topic,
  Topics,
  Written,
} from '../../src/console/api.ts'
import { serveKafka, type KafkaServing } from './kafka-serving.ts'
import { sessionWith } from './serving.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-changes-'))
let kafka: KafkaServing
before(async () => {
  kafka = await serveKafka(directory)
})
after(async () => {
  await kafka[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

const none = { partitions: null, replicas: null, settings: [], validateOnly: false }
const refused = (method: string, path: string, body: object, status = 422) =>
  kafka.change<Refusal>(method, path, body, status)

test('a topic is tried, made, given partitions, and deleted by its name', async () => {
  const topic = {
    ...none,
    name: 'orders',
    partitions: 2,
    settings: [{ name: 'retention.ms', value: '1000' }],
  }
  const named = async () => (await kafka.look<Topics>('/topics')).topics.map(({ name }) => name)
  assert.deepEqual(await kafka.change<Outcome>('POST', '/topics', { ...topic, validateOnly: true }), {
    done: false,
  })
  assert.deepEqual(await named(), [])
  for (const [wrong, field, problem] of [
    [{ name: 'a b' }, 'name', /a topic name has 1 to 249 letters/],
    [{ replicas: 3 }, 'replicas', /^The replication factor|replica/i],
    [{ settings: [{ name: 'retention.ms', value: 'long' }] }, 'settings', /retention\.ms/],
    [{ settings: [{ name: 'nope', value: '1' }] }, 'settings', /nope/],
  ] as const) {
    const { error, field: at } = await refused('POST', '/topics', { ...topic, ...wrong, validateOnly: true })
    assert.match(error, problem)
    assert.equal(at, field)
  }
  assert.deepEqual(await kafka.change<Outcome>('POST', '/topics', topic), { done: true })
  assert.deepEqual(await named(), ['orders'])
  assert.equal((await refused('POST', '/topics', topic, 409)).field, 'name')
  const more = (count: number, validateOnly = false) => ({ count, validateOnly })
  assert.equal((await refused('POST', '/topics/orders/partitions', more(1, true))).field, 'partitions')
  await kafka.change('POST', '/topics/orders/partitions', more(5, true))
  assert.equal((await kafka.look<Topic>('/topics/orders')).partitions.length, 2)
  await kafka.change('POST', '/topics/orders/partitions', more(5))
  assert.equal((await kafka.look<Topic>('/topics/orders')).partitions.length, 5)
  assert.equal((await refused('DELETE', '/topics/orders', { name: 'order' }, 400)).field, 'name')
  await kafka.change('DELETE', '/topics/orders', { name: 'orders' })
  assert.deepEqual(await named(), [])
  await refused('DELETE', '/topics/orders', { name: 'orders' })
})

test('settings: changed as they were shown, or not at all', async () => {
  await kafka.change('POST', '/topics', { ...none, name: 'set' })
  const path = '/topics/set/settings'
  const of = async (name: string) =>
    (await kafka.look<Settings>(path)).settings!.find(one => one.name === name)!
  const plain = await of('max.message.bytes')
  assert.deepEqual([plain.source, plain.value, plain.kind], ['default', '1048588', 'int'])
  const change = (before: string | null, after_: string | null, validateOnly = false) => ({
    changes: [{ name: 'max.message.bytes', before, after: after_ }],
    validateOnly,
  })
  await kafka.change('PATCH', path, change('1048588', '2000', true))
  assert.equal((await of('max.message.bytes')).value, '1048588')
  await kafka.change('PATCH', path, change('1048588', '2000'))
  const changed = await of('max.message.bytes')
  assert.deepEqual([changed.source, changed.value, changed.inherited], ['topic', '2000', '1048588'])
  const stale = await refused('PATCH', path, change('1048588', '3000'), 409)
  assert.match(stale.error, /max\.message\.bytes is 2000 by now, and was shown as 1048588/)
  assert.equal((await refused('PATCH', path, change('2000', 'x'))).field, 'settings')
  await kafka.change('PATCH', path, change('2000', null))
  assert.equal((await of('max.message.bytes')).source, 'default')
  const broker = (await kafka.look<Settings>('/brokers/0/settings')).settings!
  assert.ok(broker.some(one => one.isReadOnly) && broker.some(one => !one.isReadOnly))
  await kafka.change('PATCH', '/brokers/0/settings', {
    changes: [{ name: 'message.max.bytes', before: '1048588', after: '1000000' }],
    validateOnly: true,
  })
  await kafka.look('/brokers/9/settings', 502)
  await kafka.look('/brokers/x/settings', 400)
})

test('a message is written as it is given, and records are deleted before an offset', async () => {
  await kafka.change('POST', '/topics', { ...none, name: 'letters', partitions: 2 })
  const path = '/topics/letters/messages'
  const message = { partition: 1, key: 'k', value: '{"n":1}', encoding: 'text', headers: [] }
  const headers = [
    { name: 'h', value: 'ä' },
    { name: 'h', value: '' },
  ]
  assert.deepEqual(await kafka.change<Written>('POST', path, { ...message, headers }), {
    partition: 1,
    offset: 0,
    count: 1,
  })
  await kafka.change('POST', path, { ...message, value: null })
  await kafka.change('POST', path, { ...message, key: null, value: '00 ff', encoding: 'hex' })
  const { partition } = await kafka.change<Written>('POST', path, { ...message, partition: null })
  const again = await kafka.change<Written>('POST', path, { ...message, partition: null })
  assert.equal(again.partition, partition)
  const { messages } = await kafka.look<Messages>(`${path}?from=oldest&partition=1&limit=3`)
  assert.deepEqual(
    messages.map(({ key, value, headers: all }) => [key.text, value.kind, value.text, all.length]),
    [
      ['k', 'json', '{"n":1}', 2],
      ['k', 'null', '', 0],
      ['', 'hex', '00ff', 0],
    ],
  )
  assert.equal(
    (await refused('POST', path, { ...message, key: null, value: 'xyz', encoding: 'hex' }, 400)).field,
    'value',
  )
  assert.equal((await refused('POST', path, { ...message, key: '=', encoding: 'base64' }, 400)).field, 'key')
  await refused('POST', path, { ...message, partition: 7 }, 502)
  const many = await kafka.change<Written>('POST', path, { ...message, key: 'many', count: 20 })
  assert.deepEqual(many, { partition: 1, offset: many.offset, count: 20 })
  const { messages: copies } = await kafka.look<Messages>(`${path}?find=many&in=key&partition=1&limit=30`)
  assert.equal(copies.length, 20)
  assert.equal(copies[0]!.offset, many.offset)
  for (const count of [0, 1001, 1.5]) await refused('POST', path, { ...message, count }, 400)
  const deletion = (before_: number | null, name = 'letters') => ({
    name,
    partitions: [{ index: 1, before: before_ }],
  })
  await refused('DELETE', path, deletion(1, 'letter'), 400)
  await refused('DELETE', path, deletion(99))
  await kafka.change('DELETE', path, deletion(1))
  const firstOf = async () => (await kafka.look<Topic>('/topics/letters')).partitions[1]!.first
  assert.equal(await firstOf(), 1)
  await kafka.change('DELETE', path, deletion(null))
  assert.ok((await firstOf())! >= 3)
})

test('a group: its reset is refused while somebody is in it, shown, committed as shown, and it is deleted', async () => {
  await kafka.change('POST', '/topics', { ...none, name: 'read', partitions: 2 })
  for (let index = 0; index < 6; index++)
    await kafka.admin.records.append({ topic: 'read', partition: 0, key: null, value: Buffer.from('v') })
  await kafka.admin.groups.commit('g', [{ topic: 'read', partition: 0, offset: 4 }])
  const path = '/groups/g'
  {
    await using _member = await kafka.join('g', 'read')
    const { active, positions } = await kafka.look<ResetPlan>(`${path}/reset?to=earliest`)
    assert.match(active!, /^reader-7 at 127\.0\.0\.1 is in group g$/)
    const body = {
      positions: positions.map(({ topic, partition, from, to }) => ({ topic, partition, from, to })),
    }
    assert.match((await refused('POST', `${path}/positions`, body, 409)).error, /reader-7/)
    assert.match((await refused('DELETE', path, { name: 'g' }, 409)).error, /reader-7/)
  }
  const plan = await kafka.look<ResetPlan>(`${path}/reset?to=shift&value=-3`)
  assert.equal(plan.active, null)
  assert.deepEqual(plan.positions[0], {
    topic: 'read',
    partition: 0,
    from: 4,
    to: 1,
    first: 0,
    end: 6,
    note: '',
  })
  const position = { topic: 'read', partition: 0, from: 4, to: 1 }
  const stale = await refused('POST', `${path}/positions`, { positions: [{ ...position, from: 3 }] }, 409)
  assert.match(stale.error, /stands at 4 of read-0 by now, and was shown at 3/)
  for (const gone of [{ topic: 'nowhere' }, { partition: 2 }]) {
    const lost = { positions: [{ ...position, from: null, ...gone }] }
    assert.match((await refused('POST', `${path}/positions`, lost, 409)).error, /there is no partition/)
  }
  await kafka.change('POST', `${path}/positions`, { positions: [position] })
  assert.equal((await kafka.look<Group>(path)).positions[0]!.committed, 1)
  for (const query of ['to=nowhere', 'to=offset&value=-1', 'to=time&value=soon', 'to=earliest&scope=a:b'])
    await kafka.look(`${path}/reset?${query}`, 400)
  const { outcomes } = await kafka.change<Outcomes>('DELETE', `${path}/positions`, { topics: ['read'] })
  assert.ok(outcomes.length > 0 && outcomes.every(({ problem }) => problem === null))
  assert.deepEqual(await kafka.admin.groups.committed('g'), [])
  await refused('DELETE', path, { name: 'h' }, 400)
  await kafka.admin.groups.commit('g', [{ topic: 'read', partition: 0, offset: 4 }])
  await kafka.change('DELETE', path, { name: 'g' })
  await kafka.look(path, 404)
})

test('several topics at once: a plan for each that there is, and moves that begin together or not at all', async () => {
  for (const name of ['several-a', 'several-b'])
    await kafka.change('POST', '/topics', { ...none, name, partitions: 1 })
  const question = { topics: ['several-a', 'nowhere', 'several-b'], brokers: null, replicas: null }
  const { topics } = await kafka.change<Placements>('POST', '/placement/plan', question)
  assert.deepEqual(
    topics.map(one => [one.topic, one.partitions.length, one.problem]),
    [
      ['several-a', 1, null],
      ['nowhere', 0, 'there is no such topic'],
      ['several-b', 1, null],
    ],
  )
  assert.deepEqual(topics[0]!.partitions[0], { index: 0, before: [0], after: [0], bytes: 0 })
  const crowded = await kafka.change<Placements>('POST', '/placement/plan', { ...question, replicas: 2 })
  assert.match(crowded.topics[0]!.problem!, /2 replicas do not fit 1 brokers/)
  await refused('POST', '/placement/plan', { ...question, brokers: [7] }, 400)
  await refused('POST', '/placement/plan', { ...question, topics: ['x'.repeat(250)] }, 400)
  const move = (topic: string, before: number) => ({ topic, index: 0, before: [before], after: [9] })
  const moves = (...partitions: object[]) => ({ partitions, bytesPerSecond: null })
  await refused('PUT', '/placement', moves(move('several-a', 0), move('several-b', 1)), 409)
  const { outcomes } = await kafka.change<Outcomes>(
    'PUT',
    '/placement',
    moves(move('several-a', 0), move('several-b', 0)),
  )
  assert.deepEqual(
    outcomes.map(({ what }) => what),
    ['several-a-0', 'several-b-0'],
  )
  for (const { problem } of outcomes) assert.match(problem!, /INVALID_REPLICA_ASSIGNMENT/)
  assert.deepEqual(await kafka.change('DELETE', '/placement', { topics: ['several-a'] }), { outcomes: [] })
  assert.deepEqual(await kafka.change('POST', '/elections', { topics: ['several-a'] }), { outcomes: [] })
  assert.deepEqual((await kafka.look<MovesUnderWay>('/moves')).moves, [])
  assert.equal((await kafka.look<MovesUnderWay>('/moves')).bytesPerSecond, null)
  kafka.session = sessionWith({ role: 'admin', topics: 'several-*' })
  // A limit is a setting of brokers, which who may change some topics alone may not.
  await refused('PUT', '/placement', { ...moves(move('several-a', 0)), bytesPerSecond: 1_000_000 }, 403)
  await refused('DELETE', '/placement', { topics: ['placed'] }, 403)
  kafka.session = sessionWith('admin')
})
