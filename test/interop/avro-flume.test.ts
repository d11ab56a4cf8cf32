// Our Avro source and sink beside real Flume, both directions: plain, deflate, TLS, and both together in
// the layering of the Flume at hand. One Flume agent carries all eight paths of a version.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'node:test'
import { Event } from '../../src/event.ts'
import { type AvroSink, avroSink } from '../../src/sinks/avro.ts'
import { type AvroSource, avroSource } from '../../src/sources/avro.ts'
import { createAuthority } from '../certificates.ts'
import { contextFor, optionsFor } from '../context.ts'
import { deliveriesOf } from '../sink-sessions.ts'
import { freePort, skipWithoutPeers, startFlume } from './peers/peers.ts'

const count = 5000
const password = 'changeit'

/** A bounded look at something another process makes; there is nothing to wait on. */
async function eventually(what: () => boolean): Promise<void> {
  for (let tries = 0; tries < 600 && !what(); tries++) await pause(50)
}

for (const version of ['1.8.0', '1.11.0'] as const)
  test(`Flume ${version}, both directions`, { skip: skipWithoutPeers }, async t => {
    const directory = await mkdtemp(join(tmpdir(), 'avro-flume-'))
    t.after(() => rm(directory, { recursive: true, force: true }))
    const authority = createAuthority()
    const keystore = join(directory, 'keys.p12')
    writeFileSync(keystore, authority.sign({ host: 'localhost', ip: '127.0.0.1' }).pkcs12(password))
    const truststore = join(directory, 'trust.pem')
    writeFileSync(truststore, authority.certificate)

    const deflate = { 'compression-type': 'deflate' }
    const server = { ssl: true, keystore, 'keystore-password': password }
    const flumeServer = { ...server, 'keystore-type': 'PKCS12' }
    // What Flume trusts is another matter: its own store formats are tested with the key stores.
    const flumeClient = { ssl: true, 'trust-all-certs': true }
    const client = { ssl: true, truststore }
    const variants = [
      { name: 'plain', source: {}, sink: {}, flumeSource: {}, flumeSink: {} },
      { name: 'deflate', source: deflate, sink: deflate, flumeSource: deflate, flumeSink: deflate },
      { name: 'tls', source: server, sink: client, flumeSource: flumeServer, flumeSink: flumeClient },
      {
        name: 'both',
        source: { ...server, ...deflate },
        sink: {
          ...client,
          ...deflate,
          'compression-layering': version === '1.8.0' ? 'tls-outside' : 'zlib-outside',
        },
        flumeSource: { ...flumeServer, ...deflate },
        flumeSink: { ...flumeClient, ...deflate },
      },
    ]

    const lines = ['channels', 'sources', 'sinks'].map(
      part => `a.${part} = ${variants.flatMap(({ name }) => [`${name}1`, `${name}2`]).join(' ')}`,
    )
    const write = (prefix: string, values: Record<string, unknown>) => {
      for (const [key, value] of Object.entries(values)) lines.push(`a.${prefix}.${key} = ${String(value)}`)
    }
    const received = new Map<string, string[]>()
    const ports = new Map<string, number>()
    const rolled = (name: string) => join(directory, `rolled-${name}`)
    for (const { name, source, flumeSource, flumeSink } of variants) {
      const bodies: string[] = []
      received.set(name, bodies)
      const processor = {
        process: (events: readonly Event[]) => {
          for (const event of events) bodies.push(event.body.toString())
          return Promise.resolve()
        },
        processUntilAccepted: () => Promise.reject(new Error('an Avro source does not repeat')),
      }
      const ours = avroSource.create(optionsFor(avroSource, { bind: '127.0.0.1', port: 0, ...source }), {
        ...contextFor('SOURCE', name, avroSource.counters),
        processor,
      }) as AvroSource
      await ours.start()
      t.after(() => ours.stop())
      const port = await freePort()
      ports.set(name, port)
      mkdirSync(rolled(name))
      for (const end of ['1', '2'])
        write(`channels.${name}${end}`, { type: 'memory', capacity: 10_000, transactionCapacity: 1000 })
      write(`sources.${name}1`, { type: 'seq', totalEvents: count, batchSize: 100, channels: `${name}1` })
      write(`sinks.${name}1`, {
        type: 'avro',
        hostname: '127.0.0.1',
        port: ours.port,
        ...flumeSink,
        channel: `${name}1`,
      })
      write(`sources.${name}2`, {
        type: 'avro',
        bind: '127.0.0.1',
        port,
        ...flumeSource,
        channels: `${name}2`,
      })
      write(`sinks.${name}2`, {
        type: 'file_roll',
        'sink.directory': rolled(name),
        'sink.rollInterval': 0,
        channel: `${name}2`,
      })
    }
    await using flume = await startFlume(version, directory, { agent: 'a', conf: lines.join('\n') })
    assert.ok(existsSync(flume.logFile))

    const expected = Array.from({ length: count }, (_, index) => String(index))
    for (const { name, sink } of variants) {
      const bodies = received.get(name)!
      await eventually(() => bodies.length >= count)
      assert.deepEqual(bodies.slice(0, count), expected, `${name}: Flume to us`)

      const ours = avroSink.create(
        optionsFor(avroSink, { hostname: '127.0.0.1', port: ports.get(name), ...sink }),
        contextFor('SINK', name, avroSink.counters),
      ) as AvroSink
      t.after(() => ours.stop())
      await flume.line(new RegExp(`SOURCE, name: ${name}2 started`), 60_000)
      const batches = Array.from({ length: count / 100 }, (_, batch) =>
        expected.slice(batch * 100, batch * 100 + 100).map(text => Event.of({ topic: 'test3' }, text)),
      )
      const deliver = deliveriesOf(ours)
      await Promise.all(batches.map(batch => deliver(batch)))
      const inFiles = () =>
        readdirSync(rolled(name))
          .map(file => readFileSync(join(rolled(name), file), 'utf8'))
          .join('')
      const whole = `${expected.join('\n')}\n`
      await eventually(() => inFiles().length >= whole.length)
      assert.equal(inFiles(), whole, `${name}: we to Flume`)
    }
  })
