// Logins of the console: cookies, HTTP Basic, the header of a proxy; wrong passwords; the users file; TLS; where it
// listens (C22, S14-S19, S26, S29).
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { request as requestSecurely } from 'node:https'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { decoyOf, hashPassword, isPassword, parseHash } from '../../src/console/access/passwords.ts'
import { cookieFor, Login } from '../../src/console/access/login.ts'
import { subscriberOf, Throttle } from '../../src/console/access/throttle.ts'
import { parseUsers, type Users } from '../../src/console/access/users.ts'
import { startConsole } from '../../src/console/console.ts'
import type { ConsoleSettings } from '../../src/console/settings.ts'
import { realSystem } from '../../src/system/system.ts'
import { VirtualClock } from '../virtual-clock.ts'
import { createAuthority } from '../certificates.ts'
import { ask, serve, type AskOptions, type Serving } from './serving.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-login-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const passwords = { anna: 'mill pond', ops: 'ôps', eve: 'eve' }
/** The tests are not about how long it takes. */
const cheap = { N: 1024, r: 8, p: 1 }
let usersText = ''
let users: Users
before(async () => {
  const hash = await Promise.all(Object.values(passwords).map(one => hashPassword(one, cheap)))
  usersText = `anna = ${hash[0]} admin\nops = ${hash[1]} viewer operator:orders-*,billing\nbot = - viewer\neve = ${hash[2]} viewer:orders-1\n`
  users = parseUsers(Buffer.from(usersText), 'users').users
})

/** Two certificates of the same name, each of an authority of its own. */
const issued = [0, 1].map(() => {
  const authority = createAuthority()
  return { ...authority.sign({ host: 'console.example' }), authority: authority.certificate }
})

type Issued = (typeof issued)[number]

const from = (cookie: string | undefined) => ({ headers: cookie === undefined ? {} : { cookie } })
const json = { 'content-type': 'application/json', 'x-millrace-token': 'login' }

async function logIn(to: Serving, user: string, password: string, headers: Record<string, string> = {}) {
  const answer = await to.ask('POST', '/api/login', {
    headers: { ...json, ...headers },
    body: JSON.stringify({ user, password }),
  })
  const [set = ''] = (answer.headers['set-cookie'] as string[] | undefined) ?? []
  return { ...answer, set, cookie: set.split(';')[0]! }
}

describe('a console with users', () => {
  const clock = new VirtualClock()
  let login: Login
  let serving: Serving
  before(async () => {
    login = new Login({
      clock,
      users,
      proxyHeader: 'x-forwarded-user',
      isProxy: address => address === '127.0.0.1' && isProxied,
      idleMs: 30 * 60_000,
      longestMs: 12 * 3_600_000,
    })
    serving = await serve({ login, doorkeeper: login })
  })
  after(async () => {
    login.stop()
    await serving[Symbol.asyncDispose]()
  })
  let isProxied = false
  const whoIs = async (headers: Record<string, string>) => {
    const { status, body } = await serving.ask('GET', '/api/session', { headers })
    return status === 200
      ? (JSON.parse(body) as { user: string; token: string })
      : { user: status, token: '' }
  }

  test('answers nothing of the API to who is not logged in, however the address is written', async () => {
    for (const path of [
      '/api/flow',
      '/api/flow/stream',
      '/api/session',
      '/api/openapi.json',
      '/api/clusters/x/topics/y/messages',
      '/%61pi/flow',
      '/api%2fflow',
      '/api/./flow',
      '//api/flow',
      '/API/flow',
      '/api/flow/',
    ]) {
      const { status, body } = await serving.ask('GET', path)
      assert.ok(status === 401 || status === 404, `${path}: ${status}`)
      assert.ok(!body.includes('takenAt'), path)
    }
  })

  test('a login begins a session of a new id, whose cookie no script and no other site has', async () => {
    const { status, set, cookie, body } = await logIn(serving, 'anna', passwords.anna)
    assert.deepEqual([status, body], [200, '{}'])
    assert.match(set, new RegExp(`^millrace-${serving.port}=[\\w-]{43}; Path=/; HttpOnly; SameSite=Strict$`))
    const session = await whoIs({ cookie })
    assert.equal(session.user, 'anna')
    // Fixation: an id that somebody has brought along is never taken over, and the one before ends.
    const again = await logIn(serving, 'anna', passwords.anna, { cookie, 'x-millrace-token': session.token })
    assert.notEqual(again.cookie, cookie)
    assert.equal((await whoIs({ cookie })).user, 401)
    assert.equal((await whoIs({ cookie: again.cookie })).user, 'anna')
    const chosen = `millrace-${serving.port}=${'a'.repeat(43)}`
    const third = await logIn(serving, 'anna', passwords.anna, { cookie: chosen })
    assert.notEqual(third.cookie, chosen)
    assert.equal((await whoIs({ cookie: chosen })).user, 401)
    // Another page of the machine has put a cookie beside ours.
    assert.equal((await whoIs({ cookie: `${chosen}; ${third.cookie}` })).user, 401)
    // One of another console on the machine does not disturb.
    assert.equal((await whoIs({ cookie: `millrace-1=x; ${third.cookie}; a=b` })).user, 'anna')
  })

  test('a session ends by logging out, which needs its token, and its stream with it', async () => {
    const { cookie } = await logIn(serving, 'ops', passwords.ops)
    const { token } = await whoIs({ cookie })
    const stream = connect(serving.port, '127.0.0.1')
    stream.write(`GET /api/flow/stream HTTP/1.1\r\nHost: ${serving.host}\r\nCookie: ${cookie}\r\n\r\n`)
    const ended = new Promise<string>(resolve => {
      let text = ''
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString()
        if (text.includes('\r\n0\r\n\r\n')) resolve(text)
      })
      stream.once('data', () => begun())
    })
    let begun = () => {}
    await new Promise<void>(resolve => (begun = resolve))
    const logOut = (headers: Record<string, string>) =>
      serving.ask('POST', '/api/logout', { headers: { ...json, cookie, ...headers }, body: '{}' })
    assert.equal((await logOut({ 'x-millrace-token': 'login' })).status, 403)
    assert.equal((await whoIs({ cookie })).user, 'ops')
    const out = await logOut({ 'x-millrace-token': token })
    assert.match(String(out.headers['set-cookie']), /^millrace-\d+=; .*Max-Age=0$/)
    assert.equal((await whoIs({ cookie })).user, 401)
    assert.match(await ended, /event: flow/)
    stream.destroy()
  })

  test('a session ends after 30 minutes without a request, and after 12 hours in any case', async () => {
    const idle = await logIn(serving, 'anna', passwords.anna)
    const busy = await logIn(serving, 'anna', passwords.anna)
    for (let minutes = 0; minutes < 12 * 60 - 20; minutes += 20) {
      await clock.advance(20 * 60_000)
      assert.equal((await whoIs({ cookie: busy.cookie })).user, 'anna')
      if (minutes === 20) assert.equal((await whoIs({ cookie: idle.cookie })).user, 401)
    }
    await clock.advance(20 * 60_000)
    assert.equal((await whoIs({ cookie: busy.cookie })).user, 401)
  })

  test('whoever is taken out of the users file, or has another password, is logged out; roles count at once', async () => {
    const [anna, ops, eve] = [
      await logIn(serving, 'anna', passwords.anna),
      await logIn(serving, 'ops', passwords.ops),
      await logIn(serving, 'eve', passwords.eve),
    ]
    const lines = usersText.split('\n')
    const other = await hashPassword('other', cheap)
    login.users = parseUsers(
      Buffer.from(`${lines[0]!.replace('admin', 'viewer')}\n${lines[1]!.replace(/scrypt\S+/, other)}\n`),
      'users',
    ).users
    assert.equal((await whoIs({ cookie: ops.cookie })).user, 401)
    assert.equal((await whoIs({ cookie: eve.cookie })).user, 401)
    const { body } = await serving.ask('GET', '/api/session', from(anna.cookie))
    assert.deepEqual((JSON.parse(body) as { grants: unknown }).grants, [{ role: 'viewer', topics: null }])
    login.users = users
  })

  test('HTTP Basic, for scripts: in each request, and a change with any token', async () => {
    const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })
    assert.equal((await whoIs(basic('anna:mill pond'))).user, 'anna')
    assert.equal((await whoIs(basic('ops:ôps'))).user, 'ops')
    // Composed and decomposed letters are the same password.
    assert.equal((await whoIs(basic(`ops:${'ôps'.normalize('NFD')}`))).user, 'ops')
    for (const text of ['anna:wrong', 'anna', 'bot:', 'bot:-', ':', 'nobody:x'])
      assert.equal((await whoIs(basic(text))).user, 401, text)
    const answer = await serving.ask('GET', '/api/session')
    assert.equal(
      answer.headers['www-authenticate'],
      undefined,
      'no browser keeps a password for other pages to use',
    )
  })

  test('the header of a proxy is believed from the proxy alone', async () => {
    assert.equal((await whoIs({ 'x-forwarded-user': 'anna' })).user, 401)
    isProxied = true
    const { user, token } = await whoIs({ 'x-forwarded-user': 'anna' })
    assert.equal(user, 'anna')
    assert.ok(token.length > 40)
    assert.notEqual((await whoIs({ 'x-forwarded-user': 'bot' })).token, token)
    for (const name of ['nobody', '', 'anna, eve', 'ANNA'])
      assert.equal((await whoIs({ 'x-forwarded-user': name })).user, 401, name)
    isProxied = false
  })

  test('a topic that a user may not see is neither answered nor listed', async () => {
    const { cookie } = await logIn(serving, 'eve', passwords.eve)
    const status = async (path: string) => (await serving.ask('GET', path, from(cookie))).status
    assert.equal(await status('/api/clusters/lab/topics/orders-1'), 404, 'there is no such cluster here')
    assert.equal(await status('/api/clusters/lab/topics/orders-2'), 403)
    assert.equal(await status('/api/clusters/lab/topics/orders-1%2f..%2forders-2'), 403)
  })
})

describe('wrong passwords', () => {
  async function serveWith(clock: VirtualClock) {
    const login = new Login({
      clock,
      users,
      proxyHeader: null,
      isProxy: () => false,
      idleMs: 60_000,
      longestMs: 60_000,
    })
    return { login, serving: await serve({ login, doorkeeper: login }) }
  }

  test('are answered alike for users that there are and that there are not, and wait longer each time', async () => {
    const clock = new VirtualClock()
    const { login, serving } = await serveWith(clock)
    await using stack = new AsyncDisposableStack()
    stack.use(serving)
    stack.defer(() => login.stop())
    const answers = async (user: string) => {
      const all: unknown[] = []
      for (let at = 0; at < 7; at++) {
        const { status, body, headers, set } = await logIn(serving, user, `wrong ${at}`)
        all.push([status, body, headers['retry-after'], set])
      }
      return all
    }
    const [known, unknown] = [await answers('anna'), await answers('nobody')]
    assert.deepEqual(known, unknown)
    assert.deepEqual(
      known.map(one => (one as unknown[])[0]),
      [401, 401, 401, 401, 401, 429, 429],
    )
    assert.equal((await logIn(serving, 'anna', passwords.anna)).status, 429, 'the right one has to wait too')
    await clock.advance(1000)
    assert.equal((await logIn(serving, 'anna', 'wrong')).status, 401)
    await clock.advance(1000)
    assert.equal((await logIn(serving, 'anna', passwords.anna)).status, 429, 'twice as long')
    await clock.advance(1000)
    assert.equal((await logIn(serving, 'anna', passwords.anna)).status, 200)
  })

  test('a hundred at once are tries as well', async () => {
    const { login, serving } = await serveWith(new VirtualClock())
    await using stack = new AsyncDisposableStack()
    stack.use(serving)
    stack.defer(() => login.stop())
    const all = await Promise.all(
      Array.from({ length: 100 }, (_, at) => logIn(serving, 'anna', `guess ${at}`)),
    )
    assert.equal(all.filter(({ status }) => status === 401).length, 5)
    assert.equal(all.filter(({ status }) => status === 429).length, 95)
  })

  test('one address cannot try all users, and remembers no more than it has to', async () => {
    const clock = new VirtualClock()
    const throttle = new Throttle(clock, 2)
    assert.deepEqual([throttle.begin('a'), throttle.begin('a'), throttle.begin('a')], [0, 0, 1000])
    await clock.advance(1000)
    assert.deepEqual([throttle.begin('a'), throttle.begin('a')], [0, 2000])
    for (let at = 0; at < 20_000; at++) throttle.begin(`b${at}`)
    assert.equal(throttle.begin('a'), 0, 'the oldest is forgotten')
    assert.equal(subscriberOf('2001:db8:1:2:3:4:5:6'), subscriberOf('2001:db8:1:2::1'))
    assert.notEqual(subscriberOf('2001:db8:1:3::1'), subscriberOf('2001:db8:1:2::1'))
    assert.equal(subscriberOf('10.0.0.1'), '10.0.0.1')
  })

  test('longer than a password is refused before it is computed', async () => {
    const { login, serving } = await serveWith(new VirtualClock())
    await using stack = new AsyncDisposableStack()
    stack.use(serving)
    stack.defer(() => login.stop())
    assert.equal((await logIn(serving, 'anna', 'x'.repeat(1025))).status, 400)
    assert.equal((await logIn(serving, 'a'.repeat(257), 'x')).status, 400)
  })
})

describe('the users file', () => {
  const hash = `scrypt$32768$8$3$${'a'.repeat(22)}$${'b'.repeat(43)}`
  const problemsOf = (text: string) =>
    parseUsers(Buffer.from(text), 'users.properties').problems.map(
      ({ place, problem }) => `${place?.file}:${place?.line} ${problem}`,
    )

  test('every line that is wrong is an error with its place, and shows no part of a hash', () => {
    for (const [text, line, what] of [
      ['', 1, /there is no user/],
      ['# nobody\n', 1, /there is no user/],
      [`anna = ${hash}\n`, 1, /user anna has no role/],
      [`x = - admin\nanna = ${hash} root\n`, 2, /user anna: a word behind the hash is no role/],
      [`anna = secret admin\n`, 1, /user anna: a hash/],
      [`anna = admin\n`, 1, /user anna: a hash/],
      [`anna = \n`, 1, /user anna: a hash/],
      [`anna = scrypt$3$8$3$${'a'.repeat(22)}$${'b'.repeat(43)} admin\n`, 1, /a hash/],
      [`anna = scrypt$16777216$8$1$${'a'.repeat(22)}$${'b'.repeat(43)} admin\n`, 1, /a hash/],
      [`anna = ${hash} operator:\n`, 1, /is no role/],
      [`anna = ${hash} operator:a,,b\n`, 1, /can be no topic/],
      [`anna = ${hash} operator:a/b\n`, 1, /can be no topic/],
      [`anna = ${hash} viewer\nanna = ${hash} admin\n`, 2, /written twice/],
      [`a,b = ${hash} admin\n`, 1, /the name of the user/],
      [`anna = ${hash} admin # the boss\n`, 1, /./],
    ] as const) {
      const problems = problemsOf(text)
      assert.ok(
        problems.some(one => one.startsWith(`users.properties:${line} `) && what.test(one)),
        `${text}: ${problems.join('; ')}`,
      )
      assert.ok(!problems.join().includes('bbbb') && !problems.join().includes('secret'), problems.join())
    }
    assert.deepEqual(problemsOf(usersText), [])
  })

  test('a password compares with its own hash alone', async () => {
    const [one, other] = [await hashPassword('river'), await hashPassword('river', cheap)]
    assert.notEqual(one, other)
    for (const text of [one, other]) {
      assert.ok(await isPassword('river', parseHash(text)!))
      assert.ok(!(await isPassword('River', parseHash(text)!)))
    }
    assert.ok(!(await isPassword('river', decoyOf(cheap))))
  })
})

describe('where it listens', () => {
  const file = (name: string, text: string, mode = 0o600) => {
    const path = join(directory, name)
    writeFileSync(path, text)
    chmodSync(path, mode)
    return path
  }
  const start = (settings: Partial<ConsoleSettings>) =>
    startConsole({
      agents: { given: [], announced: false },
      clusters: [],
      settings: { port: 0, ...settings },
      system: { ...realSystem, systemProperties: new Map() },
    })

  test('a users file or a key that others may read is refused', async () => {
    for (const mode of [0o644, 0o640, 0o604, 0o620, 0o601])
      await assert.rejects(start({ 'users.file': file('open', usersText, mode) }), {
        message: new RegExp(`open may be read or changed by others \\(mode 0${mode.toString(8)}\\)`),
      })
    await assert.rejects(start({ 'users.file': join(directory, 'none') }), /cannot read .*none/)
    await assert.rejects(start({ 'users.file': file('bad', 'anna = x admin\n') }), /bad:1: error: user anna/)
    const [{ key, certificate }, other] = issued as [Issued, Issued]
    await assert.rejects(
      start({
        'tls.certificate': file('c.pem', certificate, 0o644),
        'tls.key': file('k.pem', key, 0o644),
      }),
      /k\.pem may be read or changed by others/,
    )
    await assert.rejects(
      start({ 'tls.certificate': file('c.pem', certificate), 'tls.key': file('k.pem', other.key) }),
      /c\.pem and .*k\.pem are no certificate with its key/,
    )
  })

  test('TLS: the cookie is Secure, the names are those of the certificate, and a replaced one is taken', async () => {
    const [first, second] = issued as [Issued, Issued]
    const paths = {
      'users.file': file('users', usersText),
      'tls.certificate': file('tls.pem', first.certificate),
      'tls.key': file('tls.key', first.key),
    }
    await using running = await start({ ...paths, host: '0.0.0.0' })
    assert.match(running.url, /^https:\/\/0\.0\.0\.0:\d+\/$/)
    const port = Number(new URL(running.url).port)
    const securely = (ca: string, path: string, options: AskOptions = {}, method = 'GET') =>
      ask(
        { host: '127.0.0.1', port, path, method, ca, servername: 'console.example', agent: false } as never,
        { ...options, headers: { host: `console.example:${port}`, ...options.headers } },
        requestSecurely,
      )
    const page = await securely(first.authority, '/')
    assert.equal(page.status, 200)
    for (const host of ['evil.example', `other.example:${port}`, 'console.example.evil.example'])
      assert.equal((await securely(first.authority, '/', { headers: { host } })).status, 403, host)
    const body = JSON.stringify({ user: 'anna', password: passwords.anna })
    const headers = { ...json, origin: `https://console.example:${port}` }
    const { headers: answered, status } = await securely(
      first.authority,
      '/api/login',
      { headers, body },
      'POST',
    )
    assert.equal(status, 200)
    assert.match(
      String(answered['set-cookie']),
      new RegExp(`^__Host-millrace-${port}=[\\w-]{43}; Path=/; HttpOnly; SameSite=Strict; Secure$`),
    )
    const plain = { headers: { ...json, origin: `http://console.example:${port}` }, body }
    assert.equal((await securely(first.authority, '/api/login', plain, 'POST')).status, 403)
    // Half of it is replaced: what was read before goes on counting.
    writeFileSync(join(directory, 'tls.pem'), second.certificate)
    await running.look()
    assert.equal((await securely(first.authority, '/')).status, 200)
    writeFileSync(join(directory, 'new.key'), second.key, { mode: 0o600 })
    renameSync(join(directory, 'new.key'), join(directory, 'tls.key'))
    await running.look()
    await assert.rejects(securely(first.authority, '/'))
    assert.equal((await securely(second.authority, '/')).status, 200)
    // So is the users file.
    writeFileSync(join(directory, 'users'), 'anna = x admin\n')
    await running.look()
    const cookie = String(answered['set-cookie']).split(';')[0]!
    assert.equal((await securely(second.authority, '/api/session', from(cookie))).status, 200)
    writeFileSync(join(directory, 'users'), usersText.replace(/^anna.*\n/, ''))
    await running.look()
    assert.equal((await securely(second.authority, '/api/session', from(cookie))).status, 401)
  })

  test('a cookie of TLS and one without are two', () => {
    assert.match(cookieFor('x', { port: 1, isSecure: true }), /^__Host-millrace-1=x; .*; Secure$/)
    assert.match(cookieFor('x', { port: 1, isSecure: false }), /^millrace-1=x; [^S]*SameSite=Strict$/)
  })
})
