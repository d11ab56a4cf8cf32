// The console over real Kafka, new and old: what topics hold that an embedded broker is seldom given, searches beside what
// was written (C9), and a tail under bursts (C5).
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { CompressionTypes } from 'kafkajs'
import type {
  Brokers,
  Group,
  Groups,
  Message,
  Messages,
  MovesUnderWay,
  SearchEnd,
  TailBatch,
  Topic,
  Topics,
} from '../../src/console/api.ts'
import { serveKafka, type KafkaServing } from '../console/kafka-serving.ts'
import { skipWithoutPeers } from './peers/peers.ts'
import { someKafka } from './peers/shared.ts'
import { clientOf } from './peers/topics.ts'
import { waitFor } from './peers/waiting.ts'

const stamp = Date.now()

for (const version of ['4.1.0', '0.10.2.1'] as const)
  describe(`the console over Kafka ${version}`, { skip: skipWithoutPeers, timeout: 600_000 }, () => {
    const isNew = version === '4.1.0'
    const stack = new AsyncDisposableStack()
    let kafka: KafkaServing
    let bootstrap: string

    before(async () => {
      const directory = mkdtempSync(join(tmpdir(), 'millrace-console-real-'))
      stack.defer(() => rmSync(directory, { recursive: true, force: true }))
      bootstrap = stack.use(await someKafka(version, directory)).bootstrap
      kafka = stack.use(await serveKafka(directory, bootstrap))
    })
    after(() => stack.disposeAsync())

    const created = async (name: string, partitions = 1, settings: Record<string, string> = {}) => {
      await kafka.admin.topics.create({ name, partitions, settings: new Map(Object.entries(settings)) })
      const isThere = async () => {
        const [topic] = await kafka.admin.topics.describe([name])
        return topic?.partitions.length === partitions && topic.partitions.every(({ leader }) => leader >= 0)
      }
      await waitFor(isThere, `${name} has leaders`)
      return name
    }
    const pathOf = (topic: string, rest = '') => `/topics/${encodeURIComponent(topic)}${rest}`

    async function* events(path: string): AsyncGenerator<{ name: string; data: unknown }> {
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        get(`http://${kafka.serving.host}/api/clusters/lab${path}`, resolve).on('error', reject)
      })
      assert.equal(response.statusCode, 200)
      let text = ''
      for await (const chunk of response.setEncoding('utf8')) {
        text += String(chunk)
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          const [name, data] = text.slice(0, end).split('\ndata: ') as [string, string]
          text = text.slice(end + 2)
          yield { name: name.replace('event: ', ''), data: JSON.parse(data) as unknown }
        }
      }
    }

    test('names of every kind, tombstones, empty values, no key and no time', async () => {
      const names = [`a.b_c-D.9-${stamp}`, `__own-${stamp}`, `${stamp}-`.padEnd(249, 'x'), `-${stamp}-1`]
      for (const name of names) {
        await created(name)
        for (const [key, value] of [
          [null, ''],
          ['k', null],
          [null, null],
          ['', 'v'],
        ] as const)
          await kafka.admin.records.append({
            topic: name,
            partition: 0,
            key: key === null ? null : Buffer.from(key),
            value: value === null ? null : Buffer.from(value),
            timestamp: -1,
          })
        const { row, partitions } = await kafka.look<Topic>(pathOf(name))
        assert.deepEqual([row.name, row.offsets, partitions[0]!.first], [name, 4, 0])
        const { messages } = await kafka.look<Messages>(pathOf(name, '/messages?from=oldest'))
        assert.deepEqual(
          messages.map(({ key, value, timestamp }) => [key.kind, value.kind, timestamp === null]),
          [
            ['null', 'text', true],
            ['text', 'null', true],
            ['null', 'null', true],
            ['text', 'text', true],
          ],
        )
        const found = await kafka.look<Messages>(pathOf(name, `/messages?from=@${stamp}`))
        assert.deepEqual(found.messages, [])
      }
      const { topics } = await kafka.look<Topics>('/topics')
      assert.ok(names.every(name => topics.some(one => one.name === name && one.problem === null)))
    })

    test('a record of 20 MB is shown in part, and the rows around it are there', async () => {
      const name = await created(`large-${stamp}`, 1, { 'max.message.bytes': '30000000' })
      const append = (value: Buffer) =>
        kafka.admin.records.append({ topic: name, partition: 0, key: null, value })
      await append(Buffer.from('before'))
      await append(Buffer.alloc(20_000_000, 'l'))
      await append(Buffer.from('after'))
      for (const from of ['oldest', 'newest']) {
        const { messages } = await kafka.look<Messages>(pathOf(name, `/messages?from=${from}`))
        assert.deepEqual(messages.map(({ value }) => value.bytes).sort(), [20_000_000, 5, 6].sort())
      }
      const one = await kafka.look<Message>(pathOf(name, '/messages/0/1'))
      assert.deepEqual([one.value.bytes, one.value.isCut], [20_000_000, true])
    })

    test('C9: a search finds what was written, packed, in several partitions, behind records that were deleted', async () => {
      const name = await created(`searched-${stamp}`, 3)
      const producer = clientOf(bootstrap).producer()
      await producer.connect()
      const values = Array.from({ length: 600 }, (_, index) => ({
        partition: index % 3,
        value: index % 7 === 0 ? `needle ${index}` : `hay ${index}`,
      }))
      await producer.send({ topic: name, messages: values.slice(0, 300) })
      await producer.send({ topic: name, messages: values.slice(300), compression: CompressionTypes.GZIP })
      await producer.disconnect()
      if (isNew) await kafka.admin.records.deleteBefore([{ topic: name, partition: 0, offset: 10 }])
      const found: string[] = []
      let end: SearchEnd | undefined
      for await (const { name: kind, data } of events(
        pathOf(name, '/messages/search?find=NEEDLE&from=oldest'),
      ))
        if (kind === 'found') found.push(...(data as Message[]).map(({ value }) => value.text))
        else if (kind === 'end') end = data as SearchEnd
      const isLeft = (index: number) => !isNew || index % 3 > 0 || index / 3 >= 10
      const wanted = values.filter(({ value }, index) => value.startsWith('needle') && isLeft(index))
      assert.deepEqual(found.sort(), wanted.map(({ value }) => value).sort(), JSON.stringify(end))
    })

    test('C5: of 40 bursts each message is shown or counted as left out, in the order of its partition', async () => {
      const name = await created(`bursts-${stamp}`, 2)
      const sizes = Array.from({ length: 40 }, (_, index) => 2 + ((index * 137) % 499))
      const total = sizes.reduce((sum, size) => sum + size, 0)
      const producer = clientOf(bootstrap).producer()
      await producer.connect()
      const places = [-1, -1]
      let [shown, writing, last] = [0, Promise.resolve(), null as TailBatch | null]
      const write = async () => {
        for (const size of sizes)
          await producer.send({
            topic: name,
            messages: Array.from({ length: size }, (_, at) => ({ partition: at % 2, value: `${at}` })),
          })
      }
      for await (const { data } of events(pathOf(name, '/messages/tail'))) {
        if (last === null) writing = write()
        last = data as TailBatch
        for (const { partition, offset } of last.messages) {
          assert.ok(offset > places[partition]!, 'in order')
          places[partition] = offset
        }
        shown += last.messages.length
        assert.equal(shown + last.dropped, last.matched)
        if (last.seen === total) break
      }
      await writing
      await producer.disconnect()
      assert.equal(last?.matched, total)
    })

    test('groups: one whose topic is gone, and the pages that every cluster has', async () => {
      const [kept, gone] = [await created(`kept-${stamp}`), await created(`gone-${stamp}`)]
      const group = `readers/of ${stamp}?`
      await kafka.admin.groups.commit(group, [
        { topic: kept, partition: 0, offset: 0 },
        { topic: gone, partition: 0, offset: 0 },
      ])
      await kafka.admin.topics.delete(gone)
      const { row } = await kafka.look<Group>(`/groups/${encodeURIComponent(group)}`)
      assert.equal(row.lag, 0)
      const { groups, problems } = await kafka.look<Groups>('/groups')
      assert.deepEqual([groups.find(({ id }) => id === group)!.lag, problems], [0, []])
      const { brokers } = await kafka.look<Brokers>('/brokers')
      assert.equal(brokers.length, 1)
      const { moves } = await kafka.look<MovesUnderWay>('/moves')
      assert.deepEqual(moves, isNew ? [] : null)
    })

    test('records of transactions: aborted ones, markers and what is open', { skip: !isNew }, async () => {
      const name = await created(`transactions-${stamp}`)
      const producer = clientOf(bootstrap).producer({
        transactionalId: name,
        maxInFlightRequests: 1,
        idempotent: true,
      })
      await producer.connect()
      for (const value of ['aborted', 'committed']) {
        const transaction = await producer.transaction()
        await transaction.send({ topic: name, messages: [{ value }] })
        await (value === 'aborted' ? transaction.abort() : transaction.commit())
      }
      await producer.disconnect()
      // Offsets 1 and 3 are markers, which are no messages; pages and searches end behind them.
      for (const from of ['oldest', 'newest']) {
        const { messages } = await kafka.look<Messages>(pathOf(name, `/messages?from=${from}`))
        assert.deepEqual(messages.map(({ offset }) => offset).sort(), [0, 2])
      }
      await kafka.look(pathOf(name, '/messages/0/1'), 404)
      const { row } = await kafka.look<Topic>(pathOf(name))
      assert.equal(row.offsets, 4)
    })
  })
