// Requests that no client would send, of every API in every version: fields at random, cut frames, flipped
// bits. Whatever comes, the broker answers or closes that connection, keeps little memory, complains of no
// fault of its own, and serves the next client with what it held before.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import test from 'node:test'
import { apiTable } from '../../src/broker/api-table.ts'
import { createTopics } from '../../src/wire/kafka/messages/create-topics.ts'
import { fetch } from '../../src/wire/kafka/messages/fetch.ts'
import { produce } from '../../src/wire/kafka/messages/produce.ts'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { batchOf, KafkaBodies } from '../hostile/kafka-bodies.ts'
import { startBrokerProcess } from './broker-process.ts'
import { inDirectory } from './running-broker.ts'
import { WireClient } from './wire-client.ts'
import { readRecords } from '../at-once.ts'

const deep = process.env['MILLRACE_DEEP'] === '1'
const seed = Number(process.env['MILLRACE_SEED'] ?? (deep ? Date.now() % 2 ** 31 : 20170821))
const rounds = deep ? 60 : 2

const file = fileURLToPath(new URL('../../config/server.properties', import.meta.url))

/** Records that must be there at the end, in a topic that the requests at random do not know of. */
const kept = ['one', 'two', 'three']

/** Sends the frame on a connection of its own; resolves with whether anything came back before it closed. */
function send(port: number, frame: Buffer, awaitsAnswer: boolean): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let came = false
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true }, () => {
      if (awaitsAnswer) socket.write(frame)
      else socket.end(frame)
    })
    socket.setTimeout(120_000, () => {
      reject(new Error(`no answer within 120 s to ${frame.toString('hex').slice(0, 400)}`))
      socket.destroy()
    })
    socket.on('data', () => {
      came = true
      socket.destroy()
    })
    socket.on('end', () => socket.destroy())
    socket.on('error', () => {}) // reset where the broker did not read all
    socket.on('close', () => resolve(came))
  })
}

test(`no request does the broker harm (seed ${seed})`, context =>
  inDirectory(async directory => {
    const running = await startBrokerProcess(file, {
      listeners: 'PLAINTEXT://127.0.0.1:0',
      'log.dirs': directory,
      'group.min.session.timeout.ms': '10',
    })
    context.after(() => running.end('SIGKILL')) // nothing where it has ended
    const rss = async () =>
      Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${running.pid}/status`, 'utf8'))?.[1]) / 1024
    const client = await WireClient.connect(running.port)
    const topic = { name: 'kept', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
    await client.ask(createTopics, 0, { topics: [topic] })
    await client.ask(produce, 3, {
      acks: -1,
      timeoutMs: 1000,
      topicData: [{ name: 'kept', partitionData: [{ index: 0, records: batchOf(kept) }] }],
    })
    client.close()

    const random = new SeededRandom(seed)
    const requests = new KafkaBodies(random)
    let sent = 0
    let answered = 0
    for (let round = 0; round < rounds; round++)
      for (const { api, first, last } of apiTable)
        for (let version = first; version <= last; version++) {
          const whole: Buffer[] = []
          while (whole.length < 2)
            whole.push(
              api.encodeRequest({
                version,
                correlationId: sent,
                clientId: 'fuzz',
                body: requests.body(api.request, version) as never,
              }),
            )
          const answers = await Promise.all([
            ...whole.map(frame => send(running.port, frame, true)),
            ...whole.map(frame => send(running.port, requests.broken(frame), false)),
          ])
          sent += answers.length
          answered += answers.filter(Boolean).length
        }
    // Most of what can be read is answered, and not by closing the connection.
    assert.ok(answered > sent / 4, `${answered} answers to ${sent} requests`)

    const used = await rss()
    const after = await WireClient.connect(running.port)
    const answer = await after.ask(fetch, 4, {
      maxWaitMs: 0,
      minBytes: 1,
      topics: [{ topic: 'kept', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1e6 }] }],
      forgottenTopicsData: [],
    })
    after.close()
    const { records } = answer.responses[0]!.partitions[0]!
    assert.deepEqual(
      readRecords(records!).records.map(({ value }) => String(value)),
      kept,
    )
    assert.equal(await running.end('SIGTERM'), 0)
    const faults = running.lines.filter(line => / failed: |\bat .*\.ts:\d+/.test(line))
    assert.deepEqual(faults, [])
    assert.ok(used < 300, `${used} MiB`)
  }))
