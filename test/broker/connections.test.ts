// How many connections there may be, from where, and for how long they may be silent.
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import test from 'node:test'
import { metadata } from '../../src/wire/kafka/messages/metadata.ts'
import { createAuthority } from '../certificates.ts'
import { inDirectory, startBroker, withBroker } from './running-broker.ts'
import { WireClient } from './wire-client.ts'

const ask = (client: WireClient) => client.ask(metadata, 1, { topics: [] })

test('beyond max.connections a client waits until another is gone', () =>
  withBroker(
    async ({ broker }) => {
      const first = await WireClient.connect(broker.port)
      await ask(first)
      const second = await WireClient.connect(broker.port)
      let isAnswered = false
      const answered = ask(second).then(() => (isAnswered = true))
      await ask(first)
      assert.equal(isAnswered, false)
      first.close()
      await answered
      second.close()
    },
    { 'max.connections': '1' },
  ))

test('beyond max.connections.per.ip a client is closed, and told in the log', () =>
  withBroker(
    async ({ broker, lines }) => {
      const clients = [await WireClient.connect(broker.port), await WireClient.connect(broker.port)]
      for (const client of clients) await ask(client)
      const third = await WireClient.connect(broker.port)
      await assert.rejects(ask(third), /closed the connection/)
      assert.match(
        lines.join('\n'),
        /connection from 127.0.0.1:\d+ closed: there are 2 from there, as many as allowed/,
      )
      for (const client of clients) client.close()
    },
    { 'max.connections.per.ip': '7', 'max.connections.per.ip.overrides': '127.0.0.1:2' },
  ))

test('a connection on which nothing comes is closed', () =>
  withBroker(
    async ({ broker }) => {
      const client = await WireClient.connect(broker.port)
      await ask(client)
      await client.closed
    },
    { 'connections.max.idle.ms': '60' },
  ))

test('a connection whose request never ends is closed, with a reason', () =>
  withBroker(
    async ({ broker, lines }) => {
      const socket = connect(broker.port, '127.0.0.1')
      socket.on('error', () => {}) // a reset, or an end: either will do
      const closed = new Promise(resolve => socket.once('close', resolve))
      socket.write(Buffer.from([0, 1, 0, 0]))
      const drip = setInterval(() => socket.write('a'), 10)
      await closed
      clearInterval(drip)
      assert.match(
        lines.join(),
        /closed: a request was still arriving after 0\.06 s \(connections\.max\.idle/,
      )
    },
    { 'connections.max.idle.ms': '60' },
  ))

test('a client that begins TLS and goes silent does not hold the stop', () =>
  inDirectory(async directory => {
    const store = join(directory, 'broker.pem')
    await writeFile(store, createAuthority().sign({ host: 'localhost' }).pem)
    const { broker, stop } = await startBroker(directory, {
      port: '',
      listeners: 'SSL://127.0.0.1:0',
      'ssl.keystore.location': store,
      'ssl.keystore.type': 'PEM',
    })
    const silent = connect(broker.port, '127.0.0.1')
    await new Promise(resolve => silent.once('connect', resolve))
    silent.on('error', () => {}) // a reset, or an end: either will do
    const closed = new Promise(resolve => silent.once('close', resolve))
    silent.write(Buffer.from([0x16, 3, 1]))
    const began = performance.now()
    await stop()
    await closed
    assert.ok(performance.now() - began < 2000)
  }))
