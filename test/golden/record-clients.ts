// Writes golden/kafka/client-records.txt anew: what kafkajs, librdkafka and franz-go send, as it stands in the log of the
// embedded broker, which changes no byte of it. A line is: client, codec, bytes. Needs Python with pip, and Go.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CompressionTypes } from 'kafkajs'
import { withBroker } from '../broker/running-broker.ts'
import { runConfluentKafka, runGoClient } from '../interop/peers/clients.ts'

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

await withBroker(async ({ bootstrap, directory, kafkajs }) => {
  const client = kafkajs()
  const admin = client.admin()
  await admin.connect()
  const topics = codecs.flatMap(codec => ['kafkajs', 'librdkafka', 'franz'].map(name => `${name}-${codec}`))
  await admin.createTopics({ topics: topics.map(topic => ({ topic, numPartitions: 1 })) })
  await admin.disconnect()
  const doubled = { h: ['1', Buffer.alloc(0)], '': '', é: Buffer.from([0, 255]) }
  const producer = client.producer()
  await producer.connect()
  for (const [codec, compression] of [
    ['none', CompressionTypes.None],
    ['gzip', CompressionTypes.GZIP],
  ] as const)
    await producer.send({
      topic: `kafkajs-${codec}`,
      compression,
      messages: [null, Buffer.alloc(0), 'key', Buffer.from([255, 0, 254])].flatMap(key =>
        [null, Buffer.alloc(0), 'värde', Buffer.from([0, 255])].flatMap(value =>
          [{}, doubled].map(headers => ({ key, value, headers, timestamp: '1700000000123' })),
        ),
      ),
    })
  await producer.disconnect()
  await runConfluentKafka(bootstrap, 'odd_records.py')
  await runGoClient('franz-go-records', bootstrap)
  const lines = topics.flatMap(topic => {
    const place = join(directory, 'logs', `${topic}-0`)
    const names = readdirSync(place).filter(name => name.endsWith('.log'))
    const bytes = Buffer.concat(names.map(name => readFileSync(join(place, name))))
    const [name, codec] = topic.split('-') as [string, string]
    return bytes.length === 0 ? [] : [`${name} ${codec} ${bytes.toString('hex')}`]
  })
  writeFileSync(new URL('kafka/client-records.txt', import.meta.url), `${lines.join('\n')}\n`)
})
