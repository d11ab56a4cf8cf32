// Requests that no client would send, of every API in every version: fields at random, cut frames, flipped
// bits. Whatever comes, the broker answers or closes that connection, keeps little memory, complains of no
// fault of its own, and serves the next client with what it held before.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import test from 'node:test'
import { apiTable } from '../../src/broker/api-table.ts'
import { isIn, zeroUuid, type Field, type FieldSet } from '../../src/wire/kafka/fields.ts'
import { createTopics } from '../../src/wire/kafka/messages/create-topics.ts'
import { fetch } from '../../src/wire/kafka/messages/fetch.ts'
import { produce } from '../../src/wire/kafka/messages/produce.ts'
import { readRecords, writeRecords } from '../../src/wire/kafka/record-set.ts'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { startBrokerProcess } from './broker-process.ts'
import { inDirectory } from './running-broker.ts'
import { WireClient } from './wire-client.ts'

const deep = process.env['MILLRACE_DEEP'] === '1'
const seed = Number(process.env['MILLRACE_SEED'] ?? (deep ? Date.now() % 2 ** 31 : 20170821))
const rounds = deep ? 60 : 2

const file = fileURLToPath(new URL('../../config/server.properties', import.meta.url))

/** Records that must be there at the end, in a topic that the requests at random do not know of. */
const kept = ['one', 'two', 'three']

const batch = (values: readonly string[]) =>
  writeRecords(values.map(value => ({ timestamp: 1000, key: null, value: Buffer.from(value) })))

/** Waits are short, so that every answer comes soon; what would not be answered is asked otherwise. */
const fixed: Readonly<Record<string, readonly unknown[]>> = {
  acks: [-1, 1, 7],
  maxWaitMs: [-1, 0, 3],
  timeoutMs: [0, 10],
  sessionTimeoutMs: [-1, 0, 20, 100],
  rebalanceTimeoutMs: [-1, 0, 20],
}

class Requests {
  readonly #random: SeededRandom

  constructor(random: SeededRandom) {
    this.#random = random
  }

  body(fields: FieldSet, version: number, depth = 0): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries(fields)
        .filter(([, field]) => isIn(version, field.options.versions ?? '0+'))
        .map(([name, field]) => [
          name,
          name in fixed ? this.#of(fixed[name]!) : this.#value(field, version, depth),
        ]),
    )
  }

  /** The frame with some of its bytes changed, or its end missing. */
  broken(frame: Buffer): Buffer {
    const bytes = Buffer.from(frame)
    if (this.#random.chance(0.3)) {
      const cut = bytes.subarray(0, 12 + this.#random.below(Math.max(1, bytes.length - 12)))
      cut.writeInt32BE(cut.length - 4, 0)
      return cut
    }
    for (let flips = 1 + this.#random.below(6); flips > 0; flips--)
      bytes[8 + this.#random.below(bytes.length - 8)]! ^= 1 << this.#random.below(8)
    return bytes
  }

  #of<T>(choices: readonly T[]): T {
    return choices[this.#random.below(choices.length)]!
  }

  #value(field: Field, version: number, depth: number): unknown {
    const { options } = field
    if (isIn(version, options.nullable) && this.#random.chance(0.2)) return null
    switch (field.kind) {
      case 'int8':
        return this.#of([-128, -1, 0, 1, 2, 127])
      case 'int16':
        return this.#of([-32768, -1, 0, 1, 3, 32767])
      case 'uint16':
        return this.#of([0, 1, 65535])
      case 'int32':
        return this.#of([-2147483648, -1, 0, 0, 1, 2, 100_000, 2147483647])
      case 'uint32':
        return this.#of([0, 1, 4294967295])
      case 'int64':
        return this.#of([-Number.MAX_SAFE_INTEGER, -2, -1, 0, 0, 1, 5, 1e12, Number.MAX_SAFE_INTEGER])
      case 'float64':
        return this.#of([0, -1, Number.NaN, Infinity])
      case 'bool':
        return this.#random.chance(0.5)
      case 'uuid':
        return this.#of([zeroUuid, this.#random.bytes(16).toString('base64url')])
      case 'string':
        return this.#of(['', 't', 'g', 'retention.ms', '..', '../x', '\u0000', 'ü', 'x'.repeat(300), '0'])
      case 'bytes':
        return this.#of([
          Buffer.alloc(0),
          this.#random.bytes(80),
          batch(['x']),
          this.broken(batch(['y', 'z'])),
        ])
      case 'array':
        return Array.from({ length: this.#of(depth === 0 ? [0, 1, 1, 2, 5] : [0, 1, 2]) }, () =>
          this.#value(field.element!, version, depth + 1),
        )
      case 'struct':
        return this.body(field.fields!, version, depth + 1)
    }
  }
}

/** Sends the frame on a connection of its own; resolves with whether anything came back before it closed. */
function send(port: number, frame: Buffer, awaitsAnswer: boolean): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let came = false
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true }, () => {
      if (awaitsAnswer) socket.write(frame)
      else socket.end(frame)
    })
    socket.setTimeout(20_000, () => {
      reject(new Error(`no answer within 20 s to ${frame.toString('hex').slice(0, 400)}`))
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
      topicData: [{ name: 'kept', partitionData: [{ index: 0, records: batch(kept) }] }],
    })
    client.close()

    const random = new SeededRandom(seed)
    const requests = new Requests(random)
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
