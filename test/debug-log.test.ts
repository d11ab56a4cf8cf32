// What DEBUG adds to the log of an agent at work: a line of each kind, and nothing of what events hold.
import assert from 'node:assert/strict'
import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { withBroker } from './broker/running-broker.ts'
import { freePort } from './interop/peers/peers.ts'
import { startProcess } from './interop/peers/process.ts'
import { root } from './source-text.ts'

/** Kafka to a file channel to Avro, and back into the same agent. */
const configuration = (directory: string, bootstrap: string, port: number) => `a1.sources = r1 r2
a1.channels = c1 c2
a1.sinks = k1 k2
a1.sources.r1.type = org.apache.flume.source.kafka.KafkaSource
a1.sources.r1.kafka.bootstrap.servers = ${bootstrap}
a1.sources.r1.kafka.topics = t
a1.sources.r1.kafka.consumer.group.id = g
a1.sources.r1.kafka.consumer.auto.offset.reset = earliest
a1.sources.r1.channels = c1
a1.channels.c1.type = file
a1.channels.c1.checkpointDir = ${directory}/checkpoint
a1.channels.c1.dataDirs = ${directory}/data
a1.sinks.k1.type = avro
a1.sinks.k1.hostname = 127.0.0.1
a1.sinks.k1.port = ${port}
a1.sinks.k1.channel = c1
a1.sources.r2.type = avro
a1.sources.r2.bind = 127.0.0.1
a1.sources.r2.port = ${port}
a1.sources.r2.channels = c2
a1.channels.c2.type = memory
a1.sinks.k2.type = null
a1.sinks.k2.channel = c2
`

test('at DEBUG the log tells of connections, deliveries, positions, checkpoints and changes', () =>
  withBroker(async ({ bootstrap, directory, kafkajs }) => {
    const producer = kafkajs().producer()
    await producer.connect()
    const messages = [{ key: 'hidden-key', value: 'hidden-body', headers: { h: 'hidden-value' } }]
    await producer.send({ topic: 't', messages })
    await producer.disconnect()

    const port = await freePort()
    const file = join(directory, 'a1.conf')
    writeFileSync(file, configuration(directory, bootstrap, port))
    const level = '-Dflume.root.logger=DEBUG,console'
    await using agent = await startProcess({
      name: 'agent',
      directory,
      command: [join(root, 'bin', 'flume-ng'), 'agent', '-n', 'a1', '-f', file, level],
      ready: /Agent a1 started/,
    })
    const debug = (text: string) => new RegExp(`\\[DEBUG - millrace\\.[\\w.]+\\] ${text}$`)
    const told = (...texts: string[]) => Promise.all(texts.map(text => agent.line(debug(text))))
    await told(
      `connected to Kafka broker ${bootstrap} \\(fetch\\)`,
      `Avro connection from 127\\.0\\.0\\.1:\\d+ accepted`,
      'sink k1 delivered 1 event in \\d+ ms',
      'sink k2 delivered 1 event in \\d+ ms',
      'positions committed: t-0 at 1',
      'checkpoint written at position \\d+ of segment \\d+',
    )
    appendFileSync(file, '#\n')
    agent.kill('SIGHUP')
    await told('the configuration has \\d+ bytes, and had \\d+')
    assert.equal(await agent.stop(), 0)
    for (const text of [
      `connection to Kafka broker ${bootstrap} \\(fetch\\) closed: .+`,
      `connection to 127\\.0\\.0\\.1:${port} closed: .+`,
      'Avro connection from 127\\.0\\.0\\.1:\\d+ closed',
    ])
      assert.match(agent.output, new RegExp(debug(text).source, 'm'))
    assert.doesNotMatch(agent.output, /hidden/)
  }))
