// C17: each role and each route, made of the table of routes; read-only; and what a change has to bring with it (C22).
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Type } from 'typebox'
import { Session } from '../../src/console/access/session.ts'
import type { Grant, Role } from '../../src/console/api.ts'
import { change, isChange, look, namesIn, type Route } from '../../src/console/route.ts'
import { routesOf } from '../../src/console/routes.ts'
import { ownHeaders, partsWith, serve, sessionWith, type Serving } from './serving.ts'

const roles: readonly Role[] = ['viewer', 'operator', 'admin']
const rank = (role: Role) => roles.indexOf(role)
const table = routesOf(partsWith())

/** A word in each place of the path. */
const addressOf = ({ path }: Route) => path.replaceAll(/:\w+/g, 'orders')

let session: Session | null = null
let serving: Serving
let readOnly: Serving
before(async () => {
  const doorkeeper = { sessionOf: async () => session }
  serving = await serve({ doorkeeper })
  readOnly = await serve({ doorkeeper, isReadOnly: true })
})
after(async () => {
  await serving[Symbol.asyncDispose]()
  await readOnly[Symbol.asyncDispose]()
})

const tell = async (to: Serving, route: Route) => {
  const headers = isChange(route) ? ownHeaders(to.host) : {}
  return to.ask(route.method, addressOf(route), isChange(route) ? { headers, body: '{}' } : {})
}

for (const route of table) {
  const name = `${route.method} ${route.path}`
  test(`${name}: for ${route.role} and above, for nobody else`, async () => {
    session = null
    assert.equal((await tell(serving, route)).status, 401, 'nobody')
    session = sessionWith()
    assert.equal((await tell(serving, route)).status, 403, 'without a role')
    for (const role of roles) {
      session = sessionWith(role)
      const { status, body } = await tell(serving, route)
      assert.equal([401, 403].includes(status), rank(role) < rank(route.role), `${role}: ${status} ${body}`)
      if (isChange(route) && route.isQuestion !== true)
        assert.equal((await tell(readOnly, route)).status, 403, `${role}, read-only`)
      else
        assert.equal(
          (await tell(readOnly, route)).status === 403,
          rank(role) < rank(route.role),
          `${role}, read-only`,
        )
    }
    if (!namesIn(route.path).includes('topic')) return
    for (const [topics, isAllowed] of [
      ['orders', true],
      ['ord*', true],
      ['payments', false],
      ['order', false],
    ] as const) {
      session = sessionWith({ role: route.role, topics })
      assert.equal((await tell(serving, route)).status !== 403, isAllowed, topics)
    }
  })
}

describe('a change', () => {
  const done: string[] = []
  const body = Type.Object({ topic: Type.String(), count: Type.Number() })
  const routes: readonly Route[] = [
    change({
      method: 'POST',
      path: '/api/things/:thing',
      summary: 'For the test.',
      role: 'operator',
      action: 'make things',
      audited: ['count'],
      body,
      answer: Type.Object({ made: Type.Number() }),
      touches: ({ body: { topic } }) => (topic === '' ? null : [topic]),
      handle({ params: { thing }, body: { count } }) {
        done.push(thing)
        return { made: count }
      },
    }),
    look({
      method: 'GET',
      path: '/api/things',
      summary: 'For the test.',
      role: 'viewer',
      answer: Type.Array(Type.String()),
      handle: () => done,
    }),
  ]
  let changing: Serving
  before(async () => {
    changing = await serve({ doorkeeper: { sessionOf: async () => session } }, () => routes)
  })
  after(() => changing[Symbol.asyncDispose]())

  const good = '{"topic":"orders","count":2}'
  const make = (headers: Record<string, string | undefined>, sent = good) => {
    const all = { ...ownHeaders(changing.host), ...headers }
    const kept = Object.fromEntries(
      Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    )
    return changing.ask('POST', '/api/things/one', { headers: kept, body: sent })
  }

  test('is made with the token, as JSON, from our own page, and in no other way', async () => {
    session = sessionWith('operator')
    done.length = 0
    assert.deepEqual(JSON.parse((await make({})).body), { made: 2 })
    // A program that is no browser sends no origin.
    assert.equal((await make({ origin: undefined, 'sec-fetch-site': undefined })).status, 200)
    assert.equal((await make({ 'content-type': 'application/json; charset=utf-8' })).status, 200)
    done.length = 0
    for (const headers of [
      { 'content-type': 'text/plain' },
      { 'content-type': 'text/plain; a=application/json' },
      { 'content-type': 'application/json, text/plain' },
      { 'content-type': 'application/x-www-form-urlencoded' },
      { 'content-type': 'multipart/form-data; boundary=x' },
      { 'content-type': undefined },
      { 'x-millrace-token': undefined },
      { 'x-millrace-token': '' },
      { 'x-millrace-token': 'the token of another' },
      { origin: 'http://evil.example' },
      { origin: 'null' },
      { origin: `https://${changing.host}` },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' },
      { host: 'evil.example' },
    ] as Record<string, string | undefined>[])
      assert.equal((await make(headers)).status, 403, JSON.stringify(headers))
    assert.deepEqual(done, [])
  })

  test('takes what its schema has, in its types, and nothing else', async () => {
    session = sessionWith('admin')
    done.length = 0
    for (const sent of [
      '',
      '{',
      '[]',
      'null',
      '{}',
      '{"topic":"a","count":"2"}',
      '{"topic":"a"}',
      '{"topic":"a","count":1,"more":1}',
      '{"topic":"a","count":1,"__proto__":{"role":"admin"}}',
    ])
      assert.equal((await make({}, sent)).status, 400, sent)
    assert.equal((await make({}, `{"topic":"${'a'.repeat(70_000)}","count":1}`)).status, 413)
    assert.deepEqual(done, [])
  })

  test('takes the role for each topic that it touches', async () => {
    done.length = 0
    const operatorOf = (topics: string): Grant => ({ role: 'operator', topics })
    for (const [grants, topic, isAllowed] of [
      [[operatorOf('orders')], 'orders', true],
      [[operatorOf('orders')], 'payments', false],
      [[operatorOf('orders'), operatorOf('pay*')], 'payments', true],
      [[{ role: 'viewer', topics: null } satisfies Grant, operatorOf('orders')], 'payments', false],
      [[operatorOf('*')], '', false],
      [['operator' as const], '', true],
    ] as const) {
      session = sessionWith(...grants)
      const { status } = await make({}, JSON.stringify({ topic, count: 1 }))
      assert.equal(status, isAllowed ? 200 : 403, `${JSON.stringify(grants)} ${topic}`)
    }
  })

  test('is made by POST alone', async () => {
    session = sessionWith('admin')
    for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const { status } = await changing.ask(method, '/api/things/one', {
        headers: ownHeaders(changing.host),
        ...(method === 'GET' || method === 'HEAD' ? {} : { body: good }),
      })
      assert.equal(status, 404, method)
    }
  })
})
