// kcat, and with it librdkafka, against the embedded broker: the C client that most other languages wrap.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startBroker, type RunningBroker } from '../broker/running-broker.ts'
import { runKcat, skipWithoutKcat } from './peers/kcat.ts'
import { createTopic } from './peers/topics.ts'

const texts = (from: number, count: number) => Array.from({ length: count }, (_, index) => `${from + index}`)
const lines = (printed: string) => printed.split('\n').filter(line => line !== '')

describe('kcat', { skip: await skipWithoutKcat() }, () => {
  let directory: string
  let broker: RunningBroker
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-kcat-'))
    broker = await startBroker(directory)
  })
  after(async () => {
    await broker?.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const kcat = (words: string, input?: string) =>
    runKcat(['-b', broker.bootstrap, ...words.split(' ')], input)

  test('it lists the broker and its topics', async () => {
    await createTopic(broker.bootstrap, 'listed', 3)
    const listed = await kcat('-L -t listed')
    assert.match(listed, /1 brokers:\n +broker 0 at 127\.0\.0\.1:\d+ \(controller\)/)
    assert.match(listed, /topic "listed" with 3 partitions/)
  })

  test('every codec, idempotent or not: keys, headers and order', async () => {
    await createTopic(broker.bootstrap, 'codecs')
    const all: string[] = []
    for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd'])
      for (const idempotent of [false, true]) {
        const part = texts(all.length, 50).map(value => `key-${value}|häuser 街 ${value} ${'x'.repeat(100)}`)
        await kcat(
          `-P -t codecs -K | -H codec=${codec} -z ${codec} -X enable.idempotence=${idempotent}`,
          `${part.join('\n')}\n`,
        )
        all.push(...part.map(line => `${codec}|${line}`))
      }
    const printed = lines(await kcat('-C -t codecs -o beginning -e -q -f %h|%k|%s\\n'))
    assert.deepEqual(
      printed,
      all.map(line => `codec=${line}`),
    )
    assert.deepEqual(lines(await kcat('-C -t codecs -p 0 -o -3 -e -q -f %o\\n')), ['497', '498', '499'])
    assert.match(await kcat('-Q -t codecs:0:1'), /codecs \[0\] offset 0/)
  })

  test('transactions: one that is committed is seen', async () => {
    await createTopic(broker.bootstrap, 'transactions')
    await kcat('-P -t transactions -X transactional.id=kcat', `${texts(0, 20).join('\n')}\n`)
    const log = broker.broker.topics.partition('transactions', 0)!
    assert.equal(log.highWatermark, 21, 'twenty records and a marker')
    assert.deepEqual(
      lines(await kcat('-C -t transactions -o beginning -e -q -X isolation.level=read_committed')),
      texts(0, 20),
    )
  })

  test('a group reads everything once and goes on where it was', async () => {
    await createTopic(broker.bootstrap, 'shared', 3)
    const take = async (count: number) =>
      lines(await kcat(`-c ${count} -q -X auto.offset.reset=earliest -G readers shared`))
    await kcat('-P -t shared -p -1', `${texts(0, 30).join('\n')}\n`)
    const first = await take(30)
    await kcat('-P -t shared -p -1', `${texts(30, 30).join('\n')}\n`)
    const rest = await take(30)
    assert.deepEqual(new Set(first), new Set(texts(0, 30)))
    assert.deepEqual(new Set(rest), new Set(texts(30, 30)))
  })
})
