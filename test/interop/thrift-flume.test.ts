// Our Thrift source and sink beside real Flume 1.11, both directions: compact, binary, and TLS. One Flume agent carries all
// six paths.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { SourceDefinition } from '../../src/component.ts'
import { Event } from '../../src/event.ts'
import { type ThriftSink, thriftSink } from '../../src/sinks/thrift.ts'
import { type ThriftSource, thriftSource } from '../../src/sources/thrift.ts'
import { createAuthority } from '../certificates.ts'
import { contextFor, optionsFor } from '../context.ts'
import { deliveriesOf } from '../sink-sessions.ts'
import { freePort, skipWithoutPeers, startFlume } from './peers/peers.ts'
import { waitFor } from './peers/waiting.ts'

const count = 3000
const password = 'changeit'
const expected = Array.from({ length: count }, (_, index) => String(index))

test('Flume 1.11.0, both directions', { skip: skipWithoutPeers }, async t => {
  const directory = await mkdtemp(join(tmpdir(), 'thrift-flume-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  const authority = createAuthority()
  const keystore = join(directory, 'keys.p12')
  writeFileSync(keystore, authority.sign({ host: 'localhost', ip: '127.0.0.1' }).pkcs12(password))
  const truststore = join(directory, 'trust.pem')
  writeFileSync(truststore, authority.certificate)
  const binary = { protocol: 'binary' }
  const server = { ssl: true, keystore, 'keystore-password': password }
  const variants = [
    { name: 'compact', source: {}, sink: {}, flumeSource: {}, flumeSink: {} },
    { name: 'binary', source: binary, sink: binary, flumeSource: binary, flumeSink: binary },
    {
      name: 'tls',
      source: server,
      sink: { ssl: true, truststore },
      flumeSource: { ...server, 'keystore-type': 'PKCS12' },
      // Flume's Thrift client does not obey trust-all-certs; Java trusts the certificate of a key entry too.
      flumeSink: {
        ssl: true,
        truststore: keystore,
        'truststore-password': password,
        'truststore-type': 'PKCS12',
      },
    },
  ]
  const lines = ['channels', 'sources', 'sinks'].map(
    part => `a.${part} = ${variants.flatMap(({ name }) => [`${name}1`, `${name}2`]).join(' ')}`,
  )
  const write = (prefix: string, values: Record<string, unknown>) => {
    for (const [key, value] of Object.entries(values)) lines.push(`a.${prefix}.${key} = ${String(value)}`)
  }
  const received = new Map<string, Event[]>()
  const ports = new Map<string, number>()
  const rolled = (name: string) => join(directory, `rolled-${name}`)
  for (const { name, source, flumeSource, flumeSink } of variants) {
    const events: Event[] = []
    received.set(name, events)
    const ours = (thriftSource as SourceDefinition).create(
      optionsFor(thriftSource, { bind: '127.0.0.1', port: 0, ...source }),
      {
        ...contextFor('SOURCE', name, thriftSource.counters),
        processor: {
          process: async some => void events.push(...some),
          processUntilAccepted: () => Promise.reject(new Error('a Thrift source does not repeat')),
        },
      },
    ) as ThriftSource
    await ours.start()
    t.after(() => ours.stop())
    const port = await freePort()
    ports.set(name, port)
    mkdirSync(rolled(name))
    for (const end of ['1', '2'])
      write(`channels.${name}${end}`, { type: 'memory', capacity: 10_000, transactionCapacity: 1000 })
    write(`sources.${name}1`, {
      type: 'seq',
      totalEvents: count,
      batchSize: 100,
      channels: `${name}1`,
      interceptors: 'i',
      'interceptors.i.type': 'static',
      'interceptors.i.key': 'from',
      'interceptors.i.value': 'Flume',
    })
    write(`sinks.${name}1`, {
      type: 'thrift',
      hostname: '127.0.0.1',
      port: ours.port,
      ...flumeSink,
      channel: `${name}1`,
    })
    write(`sources.${name}2`, {
      type: 'thrift',
      bind: '127.0.0.1',
      port,
      ...flumeSource,
      channels: `${name}2`,
    })
    write(`sinks.${name}2`, {
      type: 'file_roll',
      'sink.directory': rolled(name),
      'sink.rollInterval': 0,
      'sink.serializer': 'header_and_text',
      channel: `${name}2`,
    })
  }
  await using flume = await startFlume('1.11.0', directory, { agent: 'a', conf: lines.join('\n') })

  for (const { name, sink } of variants) {
    const events = received.get(name)!
    await waitFor(() => events.length >= count, `${name}: Flume to us`)
    assert.deepEqual(
      events.slice(0, count).map(event => [event.body.toString(), ...event.headers]),
      expected.map(body => [body, ['from', 'Flume']]),
      `${name}: Flume to us`,
    )
    const ours = thriftSink.create(
      optionsFor(thriftSink, { hostname: '127.0.0.1', port: ports.get(name), ...sink }),
      contextFor('SINK', name, thriftSink.counters),
    ) as ThriftSink
    t.after(() => ours.stop())
    await flume.line(new RegExp(`SOURCE, name: ${name}2 started`), 60_000)
    const deliver = deliveriesOf(ours)
    for (let at = 0; at < count; at += 100)
      await deliver(expected.slice(at, at + 100).map(text => Event.of({ topic: 'tést3' }, text)))
    // More than one copy of a large body, and no headers: in a request of its own.
    await deliver([Event.of({}, Buffer.alloc(2_000_000, 'x'))])
    const inFiles = () =>
      readdirSync(rolled(name))
        .map(file => readFileSync(join(rolled(name), file), 'utf8'))
        .join('')
    const whole = `${expected.map(text => `{topic=tést3} ${text}\n`).join('')}{} ${'x'.repeat(2_000_000)}\n`
    await waitFor(() => inFiles().length >= whole.length, `${name}: we to Flume`)
    assert.ok(inFiles() === whole, `${name}: we to Flume`)
  }
})
