// Every API of the broker asked with a request of very many items: none of them keeps the event loop to itself.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { apiTable } from '../../src/broker/api-table.ts'
import { isIn, type Field, type FieldSet } from '../../src/wire/kafka/fields.ts'
import { WireClient } from '../broker/wire-client.ts'
import { HostileChild, mostTurnMs } from './child.ts'

const items = process.env['MILLRACE_DEEP'] === '1' ? 100_000 : 10_000

/** Something that the field may hold; arrays that lie in no other have `items` elements, all others one. */
function valueOf(field: Field, version: number, index: number, isInner: boolean): unknown {
  switch (field.kind) {
    case 'array':
      return Array.from({ length: isInner ? 1 : items }, (_, at) =>
        valueOf(field.element!, version, at, true),
      )
    case 'struct':
      return bodyOf(field.fields!, version, index, isInner)
    case 'string':
      return `t${index}`
    case 'bytes':
      return Buffer.alloc(1)
    case 'bool':
      return true
    case 'uuid':
      return Buffer.alloc(16, index & 255).toString('base64url')
    case 'int8':
    case 'int16':
      return 1
    default:
      return index % 1000
  }
}

const bodyOf = (fields: FieldSet, version: number, index: number, isInner: boolean) =>
  Object.fromEntries(
    Object.entries(fields)
      .filter(([, { options }]) => options.versions === undefined || isIn(version, options.versions))
      .filter(([, { options }]) => options.tag === undefined)
      .map(([name, field]) => [name, valueOf(field, version, index, isInner)]),
  )

test(`every API, asked about ${items} things at once, is answered in short turns`, async t => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-hostile-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const settings = ['auto.create.topics.enable=false']
  const { child, ready } = await HostileChild.start<{ port: number }>(t, 'test/hostile/broker-child.ts', [
    join(directory, 'logs'),
    ...settings,
  ])
  const slow: string[] = []
  for (const { api, last } of apiTable) {
    const client = await WireClient.connect(ready.port)
    const body = {
      ...bodyOf(api.request, last, 0, false),
      ...(api.request['validateOnly'] === undefined ? {} : { validateOnly: true }),
      ...(api.request['sessionId'] === undefined ? {} : { sessionId: 0, maxWaitMs: 0 }),
    }
    child.reset()
    await client.raw(
      api.encodeRequest({ version: last, correlationId: 1, clientId: null, body: body as never }),
    )
    client.close()
    const { longestMs } = await child.taken(api.name)
    if (longestMs > mostTurnMs) slow.push(`${api.name}: ${longestMs} ms`)
  }
  assert.deepEqual(slow, [])
})
