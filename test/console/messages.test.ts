// Messages over a real broker: pages, search, tail and files against what was written.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import fc from '../fast-check.ts'
import type { Message, Messages, SearchEnd, TailBatch } from '../../src/console/api.ts'
import { createProducer, readProducerProperties, type Producer } from '../../src/kafka-client/kafka-client.ts'
import type { ProducerRecord } from '../../src/kafka-client/contract.ts'
import { silentLogger } from '../../src/observe/log.ts'
import { realSystem } from '../../src/system/system.ts'
import { waitFor } from '../interop/peers/waiting.ts'
import { serveKafka, type KafkaServing } from './kafka-serving.ts'

const isDeep = process.env['MILLRACE_DEEP'] === '1'
const directory = mkdtempSync(join(tmpdir(), 'millrace-messages-'))
let kafka: KafkaServing
let producer: Producer
before(async () => {
  kafka = await serveKafka(directory)
  producer = createProducer({
    settings: readProducerProperties({
      'bootstrap.servers': kafka.bootstrap,
      'linger.ms': '0',
      'max.request.size': '20000000',
    }).settings!,
    system: realSystem,
    log: silentLogger,
  })
})
after(async () => {
  await producer.close()
  await kafka[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

interface Event {
  readonly name: string
  readonly data: unknown
}

/** The events of a stream as they come; `close` goes away. */
async function events(path: string, read: (event: Event, close: () => void) => void): Promise<void> {
  const { host } = kafka.serving
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(`http://${host}/api/clusters/lab/topics/${path}`, resolve).on('error', reject)
  })
  assert.equal(response.statusCode, 200)
  let text = ''
  const close = () => void response.destroy()
  response.setEncoding('utf8')
  await new Promise<void>((resolve, reject) => {
    response.on('close', resolve)
    response.on('error', error => (response.destroyed ? resolve() : reject(error)))
    response.on('data', (chunk: string) => {
      text += chunk
      for (let end = text.indexOf('\n\n'); end >= 0 && !response.destroyed; end = text.indexOf('\n\n')) {
        const [name, data] = text.slice(0, end).split('\ndata: ') as [string, string]
        text = text.slice(end + 2)
        read({ name: name.replace('event: ', ''), data: JSON.parse(data) }, close)
      }
    })
  })
}

const idOf = ({ partition, offset }: { partition: number; offset: number }) => `${partition}-${offset}`

interface Written {
  readonly partition: number
  readonly offset: number
  readonly record: ProducerRecord
}

/** Partition by partition, each in the order of its offsets. */
async function write(records: readonly ProducerRecord[]): Promise<Written[]> {
  if (records.length > 0) await producer.send(records)
  const next = new Map<number, number>()
  return records.map(record => {
    const partition = record.partition!
    const offset = next.get(partition) ?? 0
    next.set(partition, offset + 1)
    return { partition, offset, record }
  })
}

const words = ['Alpha', 'beta', 'GAMMA', 'ä', '日本', 'x']
const text = fc.array(fc.constantFrom(...words), { maxLength: 4 }).map(all => all.join(' '))
const recordOf = (topic: string, partitions: number): fc.Arbitrary<ProducerRecord> =>
  fc.record({
    topic: fc.constant(topic),
    partition: fc.integer({ min: 0, max: partitions - 1 }),
    key: fc.option(text.map(Buffer.from), { nil: null }),
    value: fc.option(
      text.map(one => Buffer.from(one)),
      { nil: null },
    ),
    // Producers set the time: it goes back now and then.
    timestamp: fc.integer({ min: 1_700_000_000_000, max: 1_700_000_000_050 }),
    headers: fc.array(
      fc.record({
        key: text,
        value: fc.option(
          text.map(one => Buffer.from(one)),
          { nil: null },
        ),
      }),
      { maxLength: 2 },
    ),
  })

const holdsText = ({ key, value, headers = [] }: ProducerRecord, find: string, where: readonly string[]) => {
  const isIn = (bytes: Buffer | null) =>
    bytes !== null && bytes.toString().toLowerCase().includes(find.toLowerCase())
  return (
    (where.includes('key') && isIn(key)) ||
    (where.includes('value') && isIn(value)) ||
    (where.includes('headers') &&
      headers.some(one => one.key.toLowerCase().includes(find.toLowerCase()) || isIn(one.value)))
  )
}

const topics = isDeep ? 200 : 6

test(`C9: on ${topics} random topics a search finds what looking at every message finds, and pages lose and double nothing`, async () => {
  const sample = fc.sample(
    fc.record({
      partitions: fc.integer({ min: 1, max: 3 }),
      count: fc.integer({ min: 0, max: 60 }),
      find: fc.constantFrom('alpha', 'ALPHA', 'a b', 'Ä', '本', 'x', 'no such'),
      where: fc.constantFrom(['key'], ['value'], ['headers'], ['key', 'value', 'headers']),
      limit: fc.integer({ min: 7, max: 30 }),
      window: fc.option(fc.tuple(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 50 })), {
        nil: null,
      }),
    }),
    { numRuns: topics, seed: Number(process.env['MILLRACE_SEED'] ?? 16) },
  )
  for (const [index, { partitions, count, find, where, limit, window }] of sample.entries()) {
    const topic = `random-${index}`
    await kafka.admin.topics.create({ name: topic, partitions })
    const written = await write(fc.sample(recordOf(topic, partitions), { numRuns: count, seed: index }))
    const at = (offset: number) => 1_700_000_000_000 + offset
    const time = (record: ProducerRecord) => record.timestamp!
    const isInside = (record: ProducerRecord) =>
      window === null || (time(record) >= at(window[0]) && time(record) < at(window[1]))
    const wanted = written
      .filter(({ record }) => isInside(record) && holdsText(record, find, where))
      .map(idOf)
      .toSorted()
    const query = new URLSearchParams({ find, in: where.join(','), limit: String(limit) })
    if (window !== null) {
      query.set('from', `@${at(window[0])}`)
      query.set('until', `@${at(window[1])}`)
    } else query.set('from', index % 2 === 0 ? 'newest' : 'oldest')
    const found: string[] = []
    for (let more: string | null = ''; more !== null;) {
      let end: SearchEnd | null = null
      await events(`${topic}/messages/search?${query}&${more}`, ({ name, data }) => {
        if (name === 'found') found.push(...(data as Message[]).map(idOf))
        if (name === 'end') end = data as SearchEnd
      })
      assert.ok(end !== null)
      const { rest, why, scanned, all } = end as SearchEnd
      assert.equal(rest === null, why === 'end')
      assert.ok(scanned <= all)
      more = rest
    }
    assert.deepEqual(found.toSorted(), wanted, `${topic}: ${query}`)
    for (const from of ['newest', 'oldest']) {
      const seen: Message[] = []
      const pages: Messages[] = []
      for (let more: string | null = ''; more !== null;) {
        const page: Messages = await kafka.look(
          `/topics/${topic}/messages?from=${from}&limit=${limit}&${more}`,
        )
        pages.push(page)
        seen.push(...page.messages)
        const next = from === 'newest' ? page.older : page.newer
        more = next === null ? null : `${from === 'newest' ? 'before' : 'after'}=${next}`
      }
      assert.deepEqual(seen.map(idOf).toSorted(), written.map(idOf).toSorted(), `${topic} by pages, ${from}`)
      for (let partition = 0; partition < partitions; partition++) {
        const offsets = seen.filter(one => one.partition === partition).map(({ offset }) => offset)
        const sorted = offsets.toSorted((one, other) => (from === 'newest' ? other - one : one - other))
        assert.deepEqual(offsets, sorted, 'each partition keeps its order')
      }
      // And back from the last page to the one before it.
      if (pages.length > 1) {
        const last = pages.at(-1)!
        const back = from === 'newest' ? `after=${last.newer}` : `before=${last.older}`
        const page: Messages = await kafka.look(
          `/topics/${topic}/messages?from=${from}&limit=${limit}&${back}`,
        )
        const shown = new Set(last.messages.map(idOf))
        assert.ok(page.messages.length > 0 && page.messages.every(one => !shown.has(idOf(one))))
      }
    }
  }
})

test('C9: a search that nobody waits for any more is over at once, and its connections are closed', async () => {
  await kafka.admin.topics.create({ name: 'long', partitions: 2 })
  for (let round = 0; round < 20; round++)
    await write(
      Array.from({ length: 1000 }, (_, index) => ({
        topic: 'long',
        partition: index % 2,
        key: null,
        value: Buffer.alloc(500, 'y'),
      })),
    )
  const sockets = () => process.getActiveResourcesInfo().filter(one => one === 'TCPSocketWrap').length
  const idle = sockets()
  await events('long/messages/search?find=nothing&from=oldest', ({ name }, close) => {
    if (name !== 'progress') return
    assert.ok(sockets() > idle)
    close()
  })
  const begun = performance.now()
  await waitFor(() => sockets() <= idle, 'its connections are closed')
  assert.ok(performance.now() - begun < 1000)
})

const bursts = isDeep ? 1000 : 60

test(`C5: of ${bursts} bursts each message is shown or counted as left out, in the order of its partition`, async () => {
  await kafka.admin.topics.create({ name: 'bursts', partitions: 3 })
  const sizes = fc.sample(fc.integer({ min: 2, max: 500 }), { numRuns: bursts, seed: 5 })
  const total = sizes.reduce((sum, size) => sum + size, 0)
  let shown = 0
  let last: TailBatch | null = null
  const places = [-1, -1, -1]
  const began = Promise.withResolvers<void>()
  const tailing = events('bursts/messages/tail', ({ data }, close) => {
    const batch = data as TailBatch
    began.resolve()
    assert.ok(batch.messages.length <= 200)
    for (const { partition, offset } of batch.messages) {
      assert.ok(offset > places[partition]!, 'in order')
      places[partition] = offset
    }
    shown += batch.messages.length
    last = batch
    assert.equal(shown + batch.dropped, batch.matched)
    if (batch.seen === total) close()
  })
  await began.promise
  for (const size of sizes)
    await write(
      Array.from({ length: size }, (_, index) => ({
        topic: 'bursts',
        partition: index % 3,
        key: null,
        value: Buffer.from(`${index}`),
      })),
    )
  await tailing
  const { seen, matched, dropped } = last!
  assert.deepEqual([seen, matched, shown + dropped], [total, total, total])
})

test('a tail filters, and goes on from where it was stopped', async () => {
  await kafka.admin.topics.create({ name: 'tail', partitions: 1 })
  const send = (...values: string[]) =>
    write(values.map(value => ({ topic: 'tail', partition: 0, key: null, value: Buffer.from(value) })))
  const seen: string[] = []
  let place = ''
  const began = Promise.withResolvers<void>()
  const first = events('tail/messages/tail?find=good', ({ data }, close) => {
    const { messages, after: next } = data as TailBatch
    began.resolve()
    seen.push(...messages.map(({ value }) => value.text))
    place = next
    if (seen.length === 2) close()
  })
  await began.promise
  await send('bad', 'good 1', 'Good 2')
  await first
  await send('good 3', 'bad', 'good 4')
  await events(`tail/messages/tail?find=good&after=${place}`, ({ data }, close) => {
    seen.push(...(data as TailBatch).messages.map(({ value }) => value.text))
    if (seen.length === 4) close()
  })
  assert.deepEqual(seen, ['good 1', 'Good 2', 'good 3', 'good 4'])
})

test('files: every message once, as it was written, and how it ended; CSV that no spreadsheet runs', async () => {
  await kafka.admin.topics.create({ name: 'file', partitions: 1 })
  const values = ['plain', '=1+2', '-1', '@x', '+1', '\tx', '\rx', 'a,b "c"\nd', '', 'ä', '\uff1dx']
  const records: ProducerRecord[] = values.map((value, index) => ({
    topic: 'file',
    partition: 0,
    key: index === 0 ? null : Buffer.from(`k${index}`),
    value: Buffer.from(value),
    timestamp: 1_700_000_000_000,
    headers:
      index === 0
        ? [
            { key: '=h', value: Buffer.from('v') },
            { key: 'n', value: null },
          ]
        : [],
  }))
  records.push({
    topic: 'file',
    partition: 0,
    key: Buffer.from([255]),
    value: null,
    timestamp: 1_700_000_000_000,
  })
  await write(records)
  const path = '/api/clusters/lab/topics/file/messages/export'
  const ndjson = await kafka.serving.ask('GET', `${path}.ndjson?from=oldest`)
  assert.equal(
    ndjson.headers['content-disposition'],
    `attachment; filename="file.ndjson"; filename*=UTF-8''file.ndjson`,
  )
  const lines = ndjson.body
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, unknown>)
  assert.deepEqual(lines.at(-1), { end: { messages: 12, isComplete: true, why: '' } })
  assert.deepEqual(
    lines.slice(0, -1).map(line => line['value']),
    [...values, null],
  )
  assert.deepEqual(lines[0]!['headers'], [
    { key: '=h', value: 'v' },
    { key: 'n', value: null },
  ])
  assert.deepEqual([lines[0]!['key'], lines[11]!['keyBase64']], [null, '/w=='])
  const csv = (await kafka.serving.ask('GET', `${path}.csv?from=oldest`)).body
  for (const [, first] of csv.matchAll(/(?:^|,|\r\n)"?([=+@\t\uff1d-]|\r(?!\n))/g))
    assert.fail(`a cell begins with ${JSON.stringify(first)}`)
  assert.match(
    csv,
    /^partition,offset,time,key_format,key,value_format,value,headers\r\n0,0,2023-11-14T22:13:20\.000Z,null,,text,plain,/,
  )
  assert.match(csv, /,text,"'=1\+2",/)
  assert.match(csv, /,base64,\/w==,null,,\r\n/)
  assert.match(csv, /\r\n"?# 12 messages, all that there are"?\r\n$/)
  const limited = await kafka.serving.ask('GET', `${path}.ndjson?from=oldest&limit=3`)
  assert.match(
    limited.body,
    /\{"end":\{"messages":3,"isComplete":false,"why":"the limit of 3 messages was reached"\}\}\n$/,
  )
})

test('C10: one message in full: large values, many headers, numbers; bytes as a file; Avro by a schema that is given', async () => {
  await kafka.admin.topics.create({
    name: 'one',
    partitions: 1,
    settings: new Map([['max.message.bytes', '20000000']]),
  })
  const large = Buffer.alloc(10 * 1024 * 1024, 'z')
  const many = Array.from({ length: 10_000 }, (_, index) => ({
    key: `h${index}`,
    value: Buffer.from(`v${index}`),
  }))
  await write([
    {
      topic: 'one',
      partition: 0,
      key: Buffer.from('big'),
      value: Buffer.from('{"n":9007199254740993,"f":1.10}'),
    },
    { topic: 'one', partition: 0, key: null, value: Buffer.from('x'), headers: many },
    { topic: 'one', partition: 0, key: null, value: Buffer.from([0, 0, 0, 0, 7, 2]) },
  ])
  await producer.send([{ topic: 'one', partition: 0, key: null, value: large }])
  const of = (offset: number, query = '') => kafka.look<Message>(`/topics/one/messages/0/${offset}${query}`)
  assert.equal((await of(0)).value.text, '{"n":9007199254740993,"f":1.10}')
  const headers = await of(1)
  assert.deepEqual(
    [headers.headers.length, headers.headerCount, headers.headers[9999]!.value.text],
    [10_000, 10_000, 'v9999'],
  )
  const { value } = await of(3)
  assert.deepEqual([value.bytes, value.isCut], [large.length, true])
  assert.ok(value.text.length <= 256 * 1024)
  const file = await kafka.serving.ask('GET', '/api/clusters/lab/topics/one/messages/0/3/value')
  assert.deepEqual(
    [file.headers['content-type'], file.body.length],
    ['application/octet-stream', large.length],
  )
  const page = await kafka.serving.ask('GET', '/api/clusters/lab/topics/one/messages')
  assert.ok(page.body.length < 50_000, 'a page does not bring what a row does not show')
  const read = await kafka.change<Message>('POST', '/topics/one/messages/0/2', { schema: '"int"' })
  assert.deepEqual([read.value.text, read.value.format], ['1', 'Avro, schema 7 of a registry'])
  await kafka.change('POST', '/topics/one/messages/0/2', { schema: '{"type":' }, 400)
  assert.match((await of(2)).value.problem!, /schema 7 of a registry/)
  assert.equal((await of(0, '?as=hex')).value.kind, 'hex')
  for (const [path, status] of [
    ['/topics/one/messages/0/99', 404],
    ['/topics/one/messages/7/0', 404],
    ['/topics/none/messages/0/0', 404],
    ['/topics/one/messages/0/x', 400],
    ['/topics/one/messages/0/0?as=xml', 400],
  ] as const)
    await kafka.look(path, status)
})
