// The two-agent chain of the tests that break things: configurations of agent A (Kafka source, file
// channel, Avro sink) and agent B (Avro source, file channel, Kafka sink), in the proportions of the
// seed's files and with what a test needs to be different.

export interface ChainOptions {
  readonly bootstrap: string
  /** Directory of both agents' channels. */
  readonly directory: string
  readonly from: string
  readonly to: string
  readonly group: string
  /** Where B listens, and where A sends (a proxy's port, say); the same where the second is absent. */
  readonly port: number
  readonly sendTo?: number
  /** More lines, by agent: written behind the others, so that they win. */
  readonly moreA?: readonly string[]
  readonly moreB?: readonly string[]
}

/** Agent A, named A: source `s`, channel `c`, sink `k`. */
export function confOfA(chain: ChainOptions): string {
  return `
A.sources = s
A.channels = c
A.sinks = k
A.sources.s.type = org.apache.flume.source.kafka.KafkaSource
A.sources.s.kafka.bootstrap.servers = ${chain.bootstrap}
A.sources.s.kafka.topics = ${chain.from}
A.sources.s.kafka.consumer.group.id = ${chain.group}
A.sources.s.kafka.consumer.session.timeout.ms = 6000
A.sources.s.kafka.consumer.heartbeat.interval.ms = 1000
A.sources.s.batchSize = 100
A.sources.s.interceptors = i
A.sources.s.interceptors.i.type = static
A.sources.s.interceptors.i.key = topic
A.sources.s.interceptors.i.preserveExisting = false
A.sources.s.interceptors.i.value = ${chain.to}
A.sources.s.channels = c
A.channels.c.type = file
A.channels.c.checkpointDir = ${chain.directory}/a/checkpoint
A.channels.c.dataDirs = ${chain.directory}/a/data
A.sinks.k.type = avro
A.sinks.k.hostname = 127.0.0.1
A.sinks.k.port = ${chain.sendTo ?? chain.port}
A.sinks.k.channel = c
${(chain.moreA ?? []).join('\n')}
`
}

/** Agent B, named B: source `s`, channel `c`, sink `k`. */
export function confOfB(chain: ChainOptions): string {
  return `
B.sources = s
B.channels = c
B.sinks = k
B.sources.s.type = avro
B.sources.s.bind = 127.0.0.1
B.sources.s.port = ${chain.port}
B.sources.s.channels = c
B.channels.c.type = file
B.channels.c.checkpointDir = ${chain.directory}/b/checkpoint
B.channels.c.dataDirs = ${chain.directory}/b/data
B.sinks.k.type = org.apache.flume.sink.kafka.KafkaSink
B.sinks.k.kafka.bootstrap.servers = ${chain.bootstrap}
B.sinks.k.kafka.topic = ${chain.to}
B.sinks.k.flumeBatchSize = 100
B.sinks.k.channel = c
${(chain.moreB ?? []).join('\n')}
`
}
