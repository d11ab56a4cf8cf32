// The console's server over a real broker and two real agents: what it shows is what they are, and who may ask.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type {
  Brokers,
  BrokerTopics,
  Flow,
  Group,
  Groups,
  Messages,
  NodeDetail,
  Refusal,
  Topic,
  Topics,
} from '../../src/console/api.ts'
import { routesOf } from '../../src/console/routes.ts'
import { waitFor } from '../interop/peers/waiting.ts'
import { root } from '../source-text.ts'
import { partsWith } from './serving.ts'
import { send, startWorld, type World } from './world.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-console-'))
let world: World
before(async () => {
  world = await startWorld(directory)
  await send(world, 'test3', 300)
})
after(async () => {
  await world[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

interface Answer {
  readonly status: number
  readonly headers: NodeJS.Dict<string | string[]>
  readonly body: string
}

function ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(new URL(path, world.console.url), { method, headers }, response => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () =>
        resolve({
          status: response.statusCode!,
          headers: response.headers,
          body: Buffer.concat(chunks).toString('utf8'),
        }),
      )
    })
    asked.on('error', reject)
    asked.end()
  })
}

async function json<T>(path: string): Promise<T> {
  const { status, body } = await ask(path)
  assert.equal(status, 200, body)
  return JSON.parse(body) as T
}

test('the flow leads from test3 through both agents to test2, and counts what they counted', async () => {
  let flow!: Flow
  await waitFor(async () => {
    flow = await json<Flow>('/api/flow')
    // The agents are not asked at the same moment.
    return flow.edges.length === 7 && flow.edges.every(({ total }) => total === 300)
  }, 'all 300 are counted everywhere')
  const nameOf = (id: string) => flow.nodes.find(node => node.id === id)!.name
  assert.deepEqual(
    flow.edges.map(({ from, to, total }) => [nameOf(from), nameOf(to), total]),
    [
      ['kafka-source', 'c1', 300],
      ['c1', 'avro-sink', 300],
      ['avro-source', 'c1', 300],
      ['c1', 'kafka-sink', 300],
      ['test3', 'kafka-source', 300],
      ['avro-sink', 'avro-source', 300],
      ['kafka-sink', 'test2', 300],
    ],
  )
  assert.deepEqual(
    flow.agents.map(({ name, kind, state, problem }) => [name, kind, state, problem]),
    [
      ['A', 'millrace', 'running', null],
      ['B', 'millrace', 'running', null],
    ],
  )
  assert.equal(flow.verdict.level, 'good')
})

test('a component: options with their places, counters, an hour and a day of points; no secret', async () => {
  const id = `${world.pages[0]}/SINK.avro-sink`
  const { body } = await ask(`/api/flow/nodes/${encodeURIComponent(id)}`)
  assert.ok(!body.includes('canary'), body)
  const detail = JSON.parse(body) as NodeDetail
  const port = detail.options.find(({ key }) => key === 'hostname')!
  assert.equal(port.value, '127.0.0.1')
  assert.match(port.writtenAt!, /^configuration:\d+$/)
  assert.equal(detail.options.find(({ key }) => key === 'truststore-password')!.value, '[hidden]')
  assert.ok(detail.history.inPerSecond.length >= 1)
  const day = await json<NodeDetail>(`/api/flow/nodes/${encodeURIComponent(id)}?span=day`)
  assert.deepEqual([detail.stepSeconds, day.stepSeconds], [10, 60])
  const week = await ask(`/api/flow/nodes/${encodeURIComponent(id)}?span=week`)
  assert.deepEqual([week.status, week.body.includes('write hour or day')], [400, true])
})

test('topics, one topic, groups, one group, brokers: as the cluster has them', async () => {
  const { topics } = await json<Topics>('/api/clusters/lab/topics')
  const named = topics.filter(({ isInternal }) => !isInternal)
  assert.deepEqual(
    named.map(({ name, partitions, replicas, offsets, percentages }) => [
      name,
      partitions,
      replicas,
      offsets,
      percentages.spread,
    ]),
    [
      ['test2', 2, 1, 300, 100],
      ['test3', 2, 1, 300, 100],
    ],
  )
  assert.ok(named.every(({ bytes }) => bytes! > 0))
  // A group is looked at for the flow as well, and one look serves all for two seconds.
  await waitFor(
    async () => (await json<Group>('/api/clusters/lab/groups/readers')).row.lag === 0,
    'the group has read everything',
    30_000,
  )
  const topic = await json<Topic>('/api/clusters/lab/topics/test3')
  assert.equal(
    topic.partitions.reduce((sum, one) => sum + one.next! - one.first!, 0),
    300,
  )
  assert.deepEqual(topic.groups, [{ id: 'readers', lag: 0 }])
  const { groups } = await json<Groups>('/api/clusters/lab/groups')
  assert.deepEqual(
    groups.map(({ id, state, members, topics: read_, lag }) => [id, state, members, read_, lag]),
    [['readers', 'Stable', 1, ['test3'], 0]],
  )
  const group = await json<Group>('/api/clusters/lab/groups/readers')
  assert.deepEqual(
    group.positions.map(({ topic: name, partition, lag, owner }) => [name, partition, lag, owner !== null]),
    [
      ['test3', 0, 0, true],
      ['test3', 1, 0, true],
    ],
  )
  const { brokers } = await json<Brokers>('/api/clusters/lab/brokers')
  assert.equal(brokers.length, 1)
  assert.equal(brokers[0]!.isController, true)
  assert.equal(brokers[0]!.leaders, brokers[0]!.replicas)
  const { topics: held } = await json<BrokerTopics>('/api/clusters/lab/brokers/0/topics')
  assert.deepEqual(
    held.filter(({ isInternal }) => !isInternal).map(one => [one.name, one.partitions, one.held, one.led]),
    [
      ['test2', 2, 2, 2],
      ['test3', 2, 2, 2],
    ],
  )
})

test('messages: the newest, the oldest, from an offset, from a time, with a text, of one partition', async () => {
  await world.admin.topics.create({ name: 'letters', partitions: 2 })
  const producer = world.broker.kafkajs().producer()
  await producer.connect()
  const exact = '{"n":9007199254740993}'
  const texts = ['alpha', exact, 'Gamma', 'delta', 'epsilon']
  await producer.send({
    topic: 'letters',
    messages: texts.map((value, index) => ({
      value,
      key: `k${index}`,
      partition: index % 2,
      timestamp: String(1_700_000_000_000 + index * 1000),
      headers: { from: index === 3 ? 'ship' : 'shore' },
    })),
  })
  await producer.send({
    topic: 'letters',
    messages: [
      { value: null, key: 'k0', partition: 0, timestamp: '1700000009000' },
      { value: Buffer.from([0, 1, 255]), partition: 1, timestamp: '1700000010000' },
    ],
  })
  await producer.disconnect()
  const look = async (query: string) => {
    const found = await json<Messages>(`/api/clusters/lab/topics/letters/messages?${query}`)
    return {
      ...found,
      values: found.messages.map(({ value }) => (value.kind === 'null' ? null : value.text)),
    }
  }
  const newest = await look('')
  assert.deepEqual(newest.values, ['0001ff', null, 'epsilon', 'delta', 'Gamma', exact, 'alpha'])
  assert.deepEqual([newest.scanned, newest.all, newest.isComplete], [7, 7, true])
  assert.deepEqual(newest.partitions, [0, 1])
  for (const [query, values] of [
    ['limit=2', ['0001ff', null]],
    ['from=oldest', ['alpha', exact, 'Gamma', 'delta', 'epsilon', null, '0001ff']],
    ['from=oldest&partition=0', ['alpha', 'Gamma', 'epsilon', null]],
    ['from=2&partition=0', ['epsilon', null]],
    ['from=99', []],
    ['from=@1700000003000', ['delta', 'epsilon', null, '0001ff']],
    ['from=2023-11-14T22:13:24Z', ['epsilon', null, '0001ff']],
    ['from=@1700000099000', []],
    ['find=GAMMA', ['Gamma']],
    ['find=9007199254740993', [exact]],
    ['find=k3', ['delta']],
    ['find=ship', ['delta']],
    ['find=nowhere', []],
  ] as const)
    assert.deepEqual((await look(query)).values, values, query)
  const [message] = (await look('find=ship')).messages
  assert.deepEqual(
    [message!.partition, message!.offset, message!.key.text, message!.headers[0]!.key, message!.timestamp],
    [1, 1, 'k3', 'from', 1_700_000_003_000],
  )
  for (const [query, status] of [
    ['from=yesterday', 400],
    ['limit=all', 400],
    ['partition=x', 400],
    ['partition=7', 404],
  ] as const)
    assert.equal((await ask(`/api/clusters/lab/topics/letters/messages?${query}`)).status, status, query)
  const { groups } = await json<Groups>('/api/clusters/lab/groups')
  assert.deepEqual(
    groups.map(({ id }) => id),
    ['readers'],
    'looking leaves no group',
  )
})

test('what is not there is named', async () => {
  for (const [path, what] of [
    ['/api/clusters/other/topics', 'there is no cluster other'],
    ['/api/clusters/lab/topics/nope', 'there is no topic nope'],
    ['/api/clusters/lab/groups/nope', 'there is no group nope'],
    ['/api/flow/nodes/nope', 'there is no component nope'],
    ['/api/nope', 'there is no GET /api/nope'],
  ] as const) {
    const { status, body } = await ask(path)
    assert.deepEqual([status, (JSON.parse(body) as Refusal).error], [404, what])
  }
  assert.equal((await ask('/nope.js')).status, 404)
  assert.match((await ask('/topics/orders.v1')).body, /<!doctype html>/)
})

test('lag is never negative while records are written and read', async () => {
  const writing = send(world, 'test3', 5000)
  const lags: number[] = []
  const over = new AbortController()
  const looking = (async () => {
    while (!over.signal.aborted) {
      const { positions } = await json<Group>('/api/clusters/lab/groups/readers')
      for (const { committed, end, lag } of positions)
        if (committed !== null && end !== null) {
          assert.equal(lag, end - committed)
          lags.push(lag)
        }
    }
  })()
  await writing
  await waitFor(
    async () => (await json<Group>('/api/clusters/lab/groups/readers')).row.lag === 0,
    'the group has read all',
  )
  over.abort()
  await looking
  assert.ok(lags.length > 0)
  assert.ok(Math.min(...lags) >= 0)
})

// ----------------------------------------------------------------------------------- who may ask

test('only this machine, by its own names, and no page from elsewhere', async () => {
  const { host } = new URL(world.console.url)
  const port = host.split(':')[1]!
  for (const [headers, status] of [
    [{}, 200],
    [{ host: `localhost:${port}` }, 200],
    [{ host: `[::1]:${port}` }, 200],
    [{ host: `LOCALHOST:${port}` }, 200],
    [{ host: `evil.example:${port}` }, 403],
    [{ host: `127.0.0.1.evil.example:${port}` }, 403],
    [{ origin: `http://${host}` }, 200],
    [{ origin: 'http://evil.example' }, 403],
    [{ origin: 'null' }, 403],
    [{ origin: `http://localhost:${port}` }, 403],
    [{ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }, 403],
    [{ 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'cors' }, 403],
    [{ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }, 200],
    [{ 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' }, 200],
    [{ 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate' }, 200],
  ] as [Record<string, string>, number][])
    for (const path of ['/api/flow', '/', '/api/flow/stream?once']) {
      if (path.includes('stream') && status === 200) continue
      const answer = await ask(path, headers)
      assert.equal(answer.status, status, `${path} ${JSON.stringify(headers)}`)
      assert.equal(answer.headers['access-control-allow-origin'], undefined)
      assert.match(String(answer.headers['content-security-policy']), /default-src 'none'/)
    }
})

test('nothing can be changed without the token of the session', async () => {
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
    for (const path of ['/', '/api/flow', '/api/clusters/lab/topics/test3']) {
      const { status } = await ask(path, {}, method)
      assert.ok([403, 404, 405].includes(status), `${method} ${path}: ${status}`)
    }
})

test('the API describes itself: every route with its schema', async () => {
  const { paths } = await json<{ paths: Record<string, Record<string, { responses: object }>> }>(
    '/api/openapi.json',
  )
  for (const { path, method } of routesOf(partsWith())) {
    const described = paths[path.replaceAll(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()]
    assert.ok(described !== undefined && '200' in described.responses, `${method} ${path}`)
  }
})

test('the stream sends the flow at once and then again', async () => {
  const flows = await new Promise<number>((resolve, reject) => {
    const asked = request(new URL('/api/flow/stream', world.console.url), response => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString('utf8')
        const found = text.split('event: flow').length - 1
        if (found < 3) return
        response.destroy()
        resolve(found)
      })
    })
    asked.on('error', reject)
    asked.end()
  })
  assert.ok(flows >= 3)
})

test('C1: 40 kB of JavaScript and 10 kB of CSS on the first screen, 120 kB in all, gzipped; no fonts', () => {
  const sizes = { js: 0, css: 0 }
  let all = 0
  const built = join(root, 'web/dist')
  const page = readFileSync(join(built, 'index.html'), 'utf8')
  for (const name of readdirSync(built)) {
    const kind = name.split('.').at(-1)
    assert.match(name, /\.(js|css|html|txt)$/)
    const bytes = gzipSync(readFileSync(join(built, name)), { level: 9 }).length
    all += kind === 'txt' ? 0 : bytes
    // The rest is loaded when it is needed.
    if (page.includes(name) && (kind === 'js' || kind === 'css')) sizes[kind] += bytes
  }
  assert.ok(sizes.js > 0 && sizes.js <= 40_000, `${sizes.js} bytes of JavaScript`)
  assert.ok(all <= 120_000, `${all} bytes`)
  assert.ok(sizes.css > 0 && sizes.css <= 10_000, `${sizes.css} bytes of CSS`)
})
