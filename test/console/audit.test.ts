// The audit log: what changes are made and refused, with whom, from where and how it ended; no secret; no change without it.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Type } from 'typebox'
import { Audit, withoutSecrets } from '../../src/console/access/audit.ts'
import type { AuditEntry } from '../../src/console/api.ts'
import { change, Refused, type Route } from '../../src/console/route.ts'
import { sessionRoutes } from '../../src/console/routes/session.ts'
import { silentLogger } from '../../src/observe/log.ts'
import { realSystem } from '../../src/system/system.ts'
import { ownHeaders, serve, sessionWith } from './serving.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-audit-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const { disk, clock } = realSystem
const routes: readonly Route[] = [
  change({
    method: 'POST',
    path: '/api/topics/:topic',
    summary: 'For the test.',
    role: 'operator',
    action: 'change a topic',
    audited: ['settings'],
    body: Type.Object({
      settings: Type.Array(Type.Object({ name: Type.String(), value: Type.String() })),
      note: Type.Optional(Type.String()),
    }),
    answer: Type.Object({}),
    touches: ({ params: { topic } }) => [topic],
    handle({ body: { note } }) {
      if (note === 'fail') throw new Refused(409, 'the topic is busy')
      return {}
    },
  }),
  change({
    method: 'POST',
    path: '/api/question',
    summary: '',
    role: 'operator',
    action: 'ask',
    isQuestion: true,
    audited: [],
    body: Type.Object({}),
    answer: Type.Object({}),
    touches: () => [],
    handle: () => ({}),
  }),
]

test('each change is one line of JSON: done, refused and failed; secrets and what is not named stay out', async () => {
  const path = join(directory, 'audit.log')
  const lines: string[] = []
  const log = { ...silentLogger, info: (line: string) => void lines.push(line) }
  const audit = new Audit({ disk, clock, log, path })
  await audit.open()
  let role: 'viewer' | 'operator' | 'admin' = 'operator'
  const doorkeeper = { sessionOf: async () => sessionWith(role) }
  await using serving = await serve({ audit, doorkeeper }, parts => [...routes, ...sessionRoutes(parts)])
  const send = async (note: string) => {
    const settings = [
      { name: 'retention.ms', value: '1' },
      { name: 'sasl.jaas.config', value: 'canary-1' },
    ]
    const body = JSON.stringify({ settings, note: note === '' ? undefined : note })
    return (await serving.ask('POST', '/api/topics/a%0Ab', { headers: ownHeaders(serving.host), body }))
      .status
  }
  assert.equal(await send('canary-2'), 200)
  assert.equal(await send('fail'), 409)
  // Pages ask again and again: what changes nothing is not in the log, whoever asks.
  const ask = async () =>
    (await serving.ask('POST', '/api/question', { headers: ownHeaders(serving.host), body: '{}' })).status
  assert.equal(await ask(), 200)
  role = 'viewer'
  assert.equal(await ask(), 403)
  assert.equal(await send(''), 403)
  assert.equal((await serving.ask('GET', '/api/audit')).status, 403)
  role = 'admin'
  const text = readFileSync(path, 'utf8')
  assert.ok(!`${text}${lines.join()}`.includes('canary'), text)
  const entries = text
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as AuditEntry)
  assert.deepEqual(
    entries.map(({ user, from, action, target, result, why }) => [
      user,
      from,
      action,
      target['topic'],
      result,
      why,
    ]),
    [
      ['somebody', '127.0.0.1', 'change a topic', 'a\nb', 'done', ''],
      ['somebody', '127.0.0.1', 'change a topic', 'a\nb', 'refused', 'the topic is busy'],
      [
        'somebody',
        '127.0.0.1',
        'change a topic',
        'a\nb',
        'refused',
        String.raw`this takes the role operator for topic a\nb; somebody is viewer`,
      ],
    ],
  )
  assert.deepEqual(entries[0]!.details['settings'], [
    { name: 'retention.ms', value: '1' },
    { name: 'sasl.jaas.config', value: '[hidden]' },
  ])
  assert.equal(statSync(path).mode & 0o777, 0o600)
  const { body } = await serving.ask('GET', '/api/audit')
  assert.equal((JSON.parse(body) as { entries: AuditEntry[] }).entries.length, 3)
  // The next start shows them again, and passes over a line that was cut.
  writeFileSync(path, `${text}{"at":"20`)
  const next = new Audit({ disk, clock, log: silentLogger, path })
  await next.open()
  assert.deepEqual(
    next.entries.map(({ result }) => result),
    ['refused', 'refused', 'done'],
  )
})

test('nothing is changed while the audit log cannot be written', async () => {
  const path = join(directory, 'later', 'audit.log')
  const audit = new Audit({ disk, clock, log: silentLogger, path })
  await assert.rejects(audit.open(), /cannot write .*audit\.log/)
  await using serving = await serve({ audit }, () => routes)
  const ask = () =>
    serving.ask('POST', '/api/topics/a', { headers: ownHeaders(serving.host), body: '{"settings":[]}' })
  assert.equal((await ask()).status, 503)
  mkdirSync(join(directory, 'later'))
  assert.equal((await ask()).status, 200)
})

test('a file that others may read is refused', async () => {
  const path = join(directory, 'open.log')
  writeFileSync(path, '', { mode: 0o644 })
  await assert.rejects(
    new Audit({ disk, clock, log: silentLogger, path }).open(),
    /may be read or changed by others/,
  )
})

test('names of secrets, wherever they stand', () => {
  assert.deepEqual(
    withoutSecrets({
      password: 'a',
      list: [{ key: 'ssl.key.password', value: 'b' }],
      url: 'http://u:p@h/',
      deep: { token: { x: 1 }, none: null },
      long: 'x'.repeat(300),
    }),
    {
      password: '[hidden]',
      list: [{ key: 'ssl.key.password', value: '[hidden]' }],
      url: 'http://[hidden]@h/',
      deep: { token: '[hidden]', none: null },
      long: `${'x'.repeat(200)}…`,
    },
  )
})
