// The chains of two agents that benches measure: Kafka, agent A, Avro, agent B, Kafka, with file channels that sync every
// transaction.
import { readFileSync } from 'node:fs'

/** A configuration, and the agent of it that is run. */
export interface Agent {
  readonly agent: string
  readonly conf: string
}

/** The agents of a chain: A reads a topic, B writes another. */
export interface Chain {
  readonly a: Agent
  readonly b: Agent
}

/** Where a chain runs. */
export interface Place {
  readonly bootstrap: string
  readonly from: string
  readonly to: string
  readonly group: string
  readonly port: number
  readonly home: string
}

/**
 * The two files of conf/ with this run's addresses, topics and directories. One line more: with
 * auto.offset.reset at latest, as the files leave it, what is sent before the first assignment is skipped.
 */
export function seedFiles(place: Place): Chain {
  const read = (agent: string, directory: string) => ({
    agent,
    conf: readFileSync(new URL(`../conf/${agent}.conf`, import.meta.url), 'utf8')
      .replaceAll('192.168.79.129:9092', place.bootstrap)
      .replaceAll('192.168.79.129', '127.0.0.1')
      .replaceAll('44444', String(place.port))
      .replaceAll('test-consumer-group', place.group)
      .replaceAll('test3', place.from)
      .replaceAll('test2', place.to)
      .replaceAll('checkpontDir', 'checkpointDir')
      .replaceAll('/home/mywork/tmp', `${place.home}/${directory}`),
  })
  const a = read('kafka-memory-avro', 'a')
  const earliest = 'kafka-memory-avro.sources.s1.kafka.consumer.auto.offset.reset = earliest'
  return { a: { ...a, conf: `${a.conf}\n${earliest}\n` }, b: read('avro-memory-kafka', 'b') }
}

/** 200 bytes. */
export const body = (index: number) => `${index} `.padEnd(200, 'x')

/** Batches of 1000 at every step. */
export function largeBatches(place: Place): Chain {
  const { bootstrap, from, to, group, port, home } = place
  return {
    a: {
      agent: 'A',
      conf: `
A.sources = s
A.channels = c
A.sinks = k
A.sources.s.type = org.apache.flume.source.kafka.KafkaSource
A.sources.s.batchSize = 1000
A.sources.s.kafka.bootstrap.servers = ${bootstrap}
A.sources.s.kafka.topics = ${from}
A.sources.s.kafka.consumer.group.id = ${group}
A.sources.s.kafka.consumer.auto.offset.reset = earliest
A.sources.s.interceptors = i
A.sources.s.interceptors.i.type = static
A.sources.s.interceptors.i.key = topic
A.sources.s.interceptors.i.preserveExisting = false
A.sources.s.interceptors.i.value = ${to}
A.sources.s.channels = c
A.channels.c.type = file
A.channels.c.checkpointDir = ${home}/a/checkpoint
A.channels.c.dataDirs = ${home}/a/data
A.sinks.k.type = avro
A.sinks.k.batch-size = 1000
A.sinks.k.hostname = 127.0.0.1
A.sinks.k.port = ${port}
A.sinks.k.channel = c
`,
    },
    b: {
      agent: 'B',
      conf: `
B.sources = s
B.channels = c
B.sinks = k
B.sources.s.type = avro
B.sources.s.bind = 127.0.0.1
B.sources.s.port = ${port}
B.sources.s.channels = c
B.channels.c.type = file
B.channels.c.checkpointDir = ${home}/b/checkpoint
B.channels.c.dataDirs = ${home}/b/data
B.sinks.k.type = org.apache.flume.sink.kafka.KafkaSink
B.sinks.k.kafka.bootstrap.servers = ${bootstrap}
B.sinks.k.flumeBatchSize = 1000
B.sinks.k.channel = c
`,
    },
  }
}
