// /metrics beside real Flume's: the same entries, the same attributes in each, every value a text.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { freePort, skipWithoutPeers, startFlume, startMillrace } from './peers/peers.ts'

type Metrics = Record<string, Record<string, unknown>>

const components = 8

/** The page once every component is on it: Flume's components appear one after the other. */
async function metricsOf(port: number): Promise<Metrics> {
  const limit = AbortSignal.timeout(20_000)
  for (;;)
    try {
      const page = (await (
        await fetch(`http://127.0.0.1:${port}/metrics`, { signal: limit })
      ).json()) as Metrics
      if (Object.keys(page).length >= components) return page
    } catch (error) {
      if (limit.aborted) throw error
    }
}

test('/metrics has what Flume 1.11.0 has, key for key', { skip: skipWithoutPeers }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-metrics-'))
  try {
    const pages: Metrics[] = []
    for (const make of [
      (home: string, options: Parameters<typeof startFlume>[2]) => startFlume('1.11.0', home, options),
      startMillrace,
    ]) {
      const home = join(directory, String(pages.length))
      mkdirSync(join(home, 'out'), { recursive: true })
      const [port, monitoring, nobody] = [await freePort(), await freePort(), await freePort()]
      const conf = `
A.sources = s v k
A.channels = c m
A.sinks = k n o
A.sources.s.type = seq
A.sources.s.totalEvents = 10
A.sources.s.channels = m
A.sources.v.type = avro
A.sources.v.bind = 127.0.0.1
A.sources.v.port = ${port}
A.sources.v.channels = c
A.sources.k.type = org.apache.flume.source.kafka.KafkaSource
A.sources.k.batchSize = 50
A.sources.k.kafka.bootstrap.servers = 127.0.0.1:${nobody}
A.sources.k.kafka.topics = t
A.sources.k.channels = m
A.channels.c.type = file
A.channels.c.checkpointDir = ${home}/checkpoint
A.channels.c.dataDirs = ${home}/data
A.channels.m.type = memory
A.sinks.k.type = avro
A.sinks.k.hostname = 127.0.0.1
A.sinks.k.port = ${port}
A.sinks.k.channel = m
A.sinks.n.type = file_roll
A.sinks.n.sink.directory = ${home}/out
A.sinks.n.channel = c
A.sinks.o.type = org.apache.flume.sink.kafka.KafkaSink
A.sinks.o.kafka.bootstrap.servers = 127.0.0.1:${nobody}
A.sinks.o.channel = c
`
      const properties = { 'flume.monitoring.type': 'http', 'flume.monitoring.port': monitoring }
      await using agent = await make(home, { agent: 'A', conf, properties })
      void agent
      pages.push(await metricsOf(monitoring))
    }
    const [flume, ours] = pages as [Metrics, Metrics]
    const shapeOf = (page: Metrics) =>
      Object.fromEntries(
        Object.keys(page)
          .sort()
          .map(name => [name, Object.keys(page[name]!).sort()]),
      )
    assert.deepEqual(shapeOf(ours), shapeOf(flume))
    for (const values of Object.values(ours))
      for (const value of Object.values(values)) assert.equal(typeof value, 'string')
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
