// C18: what is masked is in no answer, no stream, no export, no search hit and no line of the log: a canary in key, value
// and header of messages, and every route of the table that answers something.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startConsole } from '../../src/console/console.ts'
import { isChange, type Route } from '../../src/console/route.ts'
import { routesOf } from '../../src/console/routes.ts'
import { readConsoleSettings } from '../../src/console/settings.ts'
import { readAdminProperties } from '../../src/kafka-client/kafka-client.ts'
import { silentLogger, type Logger } from '../../src/observe/log.ts'
import { realSystem } from '../../src/system/system.ts'
import { startBroker } from '../broker/running-broker.ts'
import { partsWith } from './serving.ts'

const canary = 'canary4111'
const hits = ['find', 'value', 'key', 'header', 'contains'] as const

test('a canary in messages is in nothing that leaves the console', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-masking-'))
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const broker = await startBroker(directory)
  stack.defer(() => broker.stop())
  const producer = broker.kafkajs().producer()
  await producer.connect()
  await producer.send({
    topic: 'cards',
    messages: [
      { key: canary, value: 'x', headers: { plain: 'x' } },
      { key: 'k', value: JSON.stringify({ customer: { card: canary }, n: 1 }) },
      { key: 'k', value: JSON.stringify({ note: `paid with ${canary} today` }), headers: { token: canary } },
      { key: 'k', value: Buffer.concat([Buffer.from([0, 255]), Buffer.from(canary)]) },
      { key: 'k', value: `${canary}${'x'.repeat(30_000)}` },
    ],
  })
  await producer.disconnect()
  const admin = { 'bootstrap.servers': broker.bootstrap }
  const fail = (key: string, problem: string) => assert.fail(`${key} ${problem}`)
  const settings = readConsoleSettings(
    new Map([
      ['port', { value: '0' }],
      ['mask.a.topics', { value: 'car*' }],
      ['mask.a.fields', { value: 'card' }],
      ['mask.a.headers', { value: 'token' }],
      ['mask.a.pattern', { value: 'canary\\d+' }],
    ]),
    { error: fail, warning: fail },
  )!
  const lines: string[] = []
  const tell = (...words: unknown[]) => void lines.push(words.map(String).join(' '))
  const log: Logger = {
    ...silentLogger,
    error: tell,
    warn: tell,
    info: tell,
    debug: tell,
    debugs: true,
    child: () => log,
  }
  await using running = await startConsole({
    agents: { given: [], announced: false },
    clusters: [{ name: 'lab', settings: readAdminProperties(admin, {}).settings! }],
    settings,
    log,
    system: { ...realSystem, systemProperties: new Map() },
  })
  const words: Readonly<Record<string, string>> = {
    cluster: 'lab',
    topic: 'cards',
    group: 'none',
    node: 'none',
    partition: '0',
    offset: '1',
  }
  let shown = 0
  for (const route of routesOf(partsWith())) {
    if (isChange(route)) continue
    for (const query of queriesOf(route)) {
      const path = route.path.replaceAll(/:(\w+)/g, (_, name: string) => words[name] ?? '0')
      const text = await begin(new URL(`${path}?${query}`, running.url))
      assert.ok(!text.includes(canary), `${route.path}?${query}: ${text}`)
      assert.ok(!text.includes(Buffer.from(canary).toString('hex')), `${route.path}?${query}: ${text}`)
      if (text.includes('[masked]')) shown++
    }
  }
  assert.ok(shown > 0, 'the messages were there to be shown')
  assert.ok(!lines.join('\n').includes(canary))
})

/** With what searches take, in the parameters that the route has. */
function queriesOf({ query = {} }: Route): string[] {
  const names = Object.keys(query)
  const from = names.includes('from') ? 'from=oldest&' : ''
  return ['', ...hits.filter(one => names.includes(one)).map(one => `${from}${one}=${canary}`), from].map(
    one => one.replace(/&$/, ''),
  )
}

/** All that comes; of a stream that does not end, what comes first. The text without what was asked. */
async function begin(url: URL): Promise<string> {
  const over = new AbortController()
  const answer = await fetch(url, { signal: AbortSignal.any([over.signal, AbortSignal.timeout(120_000)]) })
  const isEndless = answer.headers.get('content-type') === 'text/event-stream'
  if (!isEndless) return (await answer.text()).replaceAll(`=${canary}`, '')
  const { value } = await answer.body!.getReader().read()
  over.abort()
  return Buffer.from(value ?? []).toString('utf8')
}
