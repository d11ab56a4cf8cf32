// What hostile pages and clients send (C22: S14, S15, S10, S11, S23): other hosts on each route, forms to each change,
// slow and endless requests, paths that lead out, names that would like to be headers.
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { Type } from 'typebox'
import { change, isChange, stream, type Route } from '../../src/console/route.ts'
import { routesOf } from '../../src/console/routes.ts'
import { ownHeaders, partsWith, serve, type Serving } from './serving.ts'

const table = routesOf(partsWith())
const addressOf = ({ path }: Route) => path.replaceAll(/:\w+/g, 'orders')

let serving: Serving
let quick: Serving
before(async () => {
  serving = await serve({
    files: new Map([
      [
        'index.html',
        {
          type: 'text/html',
          bytes: Buffer.from('the page'),
          gzipped: Buffer.from(''),
          etag: '"1"',
          isFixed: false,
        },
      ],
    ]),
  })
  quick = await serve({ requestMs: 300 }, parts => [...routesOf(parts), ...others])
})
after(async () => {
  await serving[Symbol.asyncDispose]()
  await quick[Symbol.asyncDispose]()
})

const others: readonly Route[] = [
  change({
    method: 'POST',
    path: '/api/things',
    summary: 'For the test.',
    role: 'admin',
    action: 'make things',
    audited: [],
    body: Type.Object({}),
    answer: Type.Object({}),
    touches: () => null,
    handle: () => ({}),
  }),
  stream({
    method: 'GET',
    path: '/api/files/:name',
    summary: 'For the test.',
    role: 'viewer',
    type: 'text/csv',
    fileName: ({ params: { name } }) => name,
    async run(_, outlet) {
      outlet.send('a,b\n')
    },
  }),
]

/** All that comes until the connection ends, of a request as it is written. */
async function raw(to: Serving, ...parts: readonly string[]): Promise<string> {
  const socket = connect(to.port, '127.0.0.1')
  socket.setTimeout(30_000, () => {
    chunks.push(Buffer.from('the connection stays open'))
    socket.destroy()
  })
  const chunks: Buffer[] = []
  // What is refused in the middle is cut off.
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  for (const part of parts) socket.write(part)
  await new Promise<void>(resolve => socket.once('close', () => resolve()))
  return Buffer.concat(chunks).toString('latin1')
}

const get = (to: Serving, path: string, more = '') =>
  raw(to, `GET ${path} HTTP/1.1\r\nHost: ${to.host}\r\n${more}Connection: close\r\n\r\n`)

test('no route answers to the name of another host', async () => {
  const { port } = serving
  const hosts = [
    'evil.example',
    `evil.example:${port}`,
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    'localhost@evil.example',
    'evil.example#localhost',
    'localhost:9000:80',
    '127.0.0.1,evil.example',
    '0.0.0.0',
    '[::]',
    '[::ffff:10.0.0.1]',
    '128.0.0.1',
    '2130706433',
    '0x7f.1',
    'xn--lcalhost-1cb',
    'localhost.',
  ]
  for (const route of table)
    for (const host of hosts) {
      const { status, body } = await serving.ask(route.method, addressOf(route), { headers: { host } })
      assert.equal(status, 403, `${route.method} ${route.path} as ${host}: ${body}`)
    }
  assert.match(await raw(serving, 'GET /api/flow HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 (400|403) /)
})

test('no change is made by what another page can send', async () => {
  const changes = table.filter(isChange)
  assert.ok(changes.length > 0)
  const { host } = serving
  for (const route of changes)
    for (const headers of [
      { 'content-type': 'application/x-www-form-urlencoded' },
      { 'content-type': 'multipart/form-data; boundary=x' },
      { 'content-type': 'text/plain' },
      { 'content-type': 'text/plain', origin: 'null' },
      { 'content-type': 'application/json', origin: 'https://evil.test' },
      { 'content-type': 'application/json', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' },
      // A page on another port of this machine.
      { ...ownHeaders(host), origin: 'http://127.0.0.1:1', 'sec-fetch-site': 'same-site' },
      { ...ownHeaders(host), 'x-millrace-token': 'guess' },
    ] as Record<string, string>[]) {
      const { status } = await serving.ask(route.method, addressOf(route), { headers, body: '{}' })
      assert.equal(status, 403, `${route.method} ${route.path} ${JSON.stringify(headers)}`)
    }
})

test('every answer keeps others from framing, reading and guessing it', async () => {
  for (const path of ['/', '/topics', '/api/flow', '/api/flow/stream', '/nope.js', '/api/nope']) {
    const { headers } = await serving.ask('GET', path)
    const policy = String(headers['content-security-policy'])
    for (const part of [
      "default-src 'none'",
      "frame-ancestors 'none'",
      "script-src 'self'",
      "form-action 'none'",
    ])
      assert.ok(policy.includes(part), `${path}: ${policy}`)
    assert.ok(!policy.includes('unsafe'), path)
    assert.equal(headers['x-content-type-options'], 'nosniff', path)
    assert.equal(headers['cross-origin-resource-policy'], 'same-origin', path)
    assert.equal(headers['access-control-allow-origin'], undefined, path)
    if (path.startsWith('/api/')) assert.equal(headers['cache-control'], 'no-store', path)
  }
})

test('a request that does not come to its end is ended', async () => {
  const head = `POST /api/things HTTP/1.1\r\nHost: ${quick.host}\r\nContent-Type: application/json\r\nX-Millrace-Token: the token of the session\r\n`
  assert.match(await raw(quick, `${head}Content-Length: 100\r\n\r\n{`), /^HTTP\/1\.1 408 |^$/)
  assert.match(await raw(quick, `${head}X-Slow: a`), /^HTTP\/1\.1 408 |^$/)
  assert.match(await raw(quick, 'G'), /^HTTP\/1\.1 408 |^$/)
})

test('too much is refused: headers, bodies with and without a length; and what has two lengths', async () => {
  const { host } = serving
  const head = (more: string) =>
    `POST /api/login HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nX-Millrace-Token: 1\r\nConnection: close\r\n${more}\r\n`
  assert.match(await get(serving, '/api/flow', `X-Long: ${'a'.repeat(70_000)}\r\n`), /^HTTP\/1\.1 431 |^$/)
  assert.match(await get(serving, `/api/flow/nodes/${'a'.repeat(20_000)}`), /^HTTP\/1\.1 (414|431|404) |^$/)
  const own = ownHeaders(quick.host)
  const big = await quick.ask('POST', '/api/things', { headers: own, body: `{"a":"${'a'.repeat(100_000)}"}` })
  assert.equal(big.status, 413)
  const chunk = `${(8192).toString(16)}\r\n${'a'.repeat(8192)}\r\n`
  const endless = await raw(
    quick,
    `POST /api/things HTTP/1.1\r\nHost: ${quick.host}\r\nContent-Type: application/json\r\nX-Millrace-Token: the token of the session\r\nTransfer-Encoding: chunked\r\n\r\n`,
    ...Array.from({ length: 40 }, () => chunk),
  )
  assert.match(endless, /^HTTP\/1\.1 (413|408) |^$/)
  assert.match(
    await raw(
      serving,
      `${head('Content-Length: 2\r\nTransfer-Encoding: chunked\r\n')}0\r\n\r\nGET /api/flow HTTP/1.1\r\n\r\n`,
    ),
    /^HTTP\/1\.1 400 /,
  )
})

test('no path leads out of the pages', async () => {
  for (const path of [
    '/../package.json',
    '/../../../../etc/passwd',
    '/%2e%2e/%2e%2e/package.json',
    '/..%2f..%2fpackage.json',
    '/..%5c..%5cpackage.json',
    '/%252e%252e/package.json',
    '/index.html%00.js',
    '/./../package.json',
    '//etc/passwd',
    'http://evil.example/package.json',
    '/.git/config',
    '/%c0%ae%c0%ae/package.json',
    '/constructor',
    '/__proto__',
  ]) {
    const text = await get(serving, path)
    assert.match(text, /^HTTP\/1\.1 (200|400|403|404) /, path)
    if (text.startsWith('HTTP/1.1 200')) assert.ok(text.endsWith('the page'), `${path}: ${text}`)
    assert.ok(!text.includes('"dependencies"') && !text.includes('root:'), path)
  }
})

test('a name that would like to be a header, or a path, stays a name', async () => {
  for (const [name, shown] of [
    ['orders', 'orders'],
    ['a%0d%0aSet-Cookie:%20x=1', 'a__Set-Cookie__x_1'],
    ['a%22;filename=b.exe', 'a__filename_b.exe'],
    ['..%2f..%2fetc', '.._.._etc'],
    ['%E2%82%AC', '_'],
  ] as const) {
    const { status, headers } = await quick.ask('GET', `/api/files/${name}`)
    assert.equal(status, 200, name)
    assert.ok(String(headers['content-disposition']).startsWith(`attachment; filename="${shown}"; `), name)
    assert.equal(headers['set-cookie'], undefined, name)
  }
})
