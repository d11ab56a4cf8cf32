// Who sends a byte now and then, or takes no answer, does not hold a place for good: in the time of a clock that is moved by
// hand.
import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import test from 'node:test'
import { KnownClients } from '../../src/avro-rpc/known-clients.ts'
import { AvroDialect } from '../../src/avro-rpc/server.ts'
import { ClientConnection } from '../../src/broker/client-connection.ts'
import { RpcConnection } from '../../src/rpc-server/rpc-connection.ts'
import { MemoryBudget } from '../../src/system/memory-budget.ts'
import { encodeFrame } from '../../src/wire/avro-rpc/frame.ts'
import { VirtualClock } from '../virtual-clock.ts'

/** One end of a connection: `push` is what comes; what goes out is never taken where `isTaken` is false. */
class End extends Duplex {
  readonly #isTaken: boolean

  constructor(isTaken = true) {
    super({ writableHighWaterMark: 1 })
    this.#isTaken = isTaken
  }

  override _read(): void {}

  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    if (this.#isTaken) done()
  }
}

const turn = () => new Promise(resolve => setImmediate(resolve))
const idleMs = 600_000

interface Door {
  readonly end: End
  readonly clock: VirtualClock
  readonly memory: MemoryBudget
  readonly complaints: string[]
  /** As the server does every so often. */
  check(): void
}

function kafka(isTaken = true): Door {
  const end = new End(isTaken)
  const [clock, memory] = [new VirtualClock(), new MemoryBudget(10_000)]
  const complaints: string[] = []
  const connection = new ClientConnection(end, {
    clock,
    memory,
    maxRequestBytes: 1_000_000,
    answer: async () => [Buffer.alloc(100)],
    complain: reason => void complaints.push(reason),
    closed: () => {},
  })
  return { end, clock, memory, complaints, check: () => connection.checkIdle(idleMs) }
}

function avro(isTaken = true): Door {
  const end = new End(isTaken)
  const [clock, memory] = [new VirtualClock(), new MemoryBudget(10_000)]
  const complaints: string[] = []
  const spoken = {
    maxRequestBytes: 1_000_000,
    maxRequestEvents: 10,
    window: 1,
    handle: async () => true,
    clock,
  }
  const connection = new RpcConnection(end, {
    dialect: new AvroDialect(spoken, new KnownClients(), 'a:1'),
    clock,
    memory,
    stallMs: 10_000,
    complain: reason => void complaints.push(reason),
    closed: () => {},
  })
  return { end, clock, memory, complaints, check: () => connection.checkStall(clock.monotonic()) }
}

/** A request of so many bytes. */
const kafkaRequest = (bytes: number): Buffer => {
  const request = Buffer.alloc(4 + bytes)
  request.writeInt32BE(bytes)
  return request
}
const avroRequest = (bytes: number): Buffer => encodeFrame(1, [Buffer.alloc(bytes)])

/** A byte each `everyMs`; gives how long the connection lasted, ms, `mostMs` at most. */
async function drip(
  { end, clock, check }: Door,
  bytes: Buffer,
  everyMs: number,
  mostMs: number,
): Promise<number> {
  for (let at = 0; at * everyMs < mostMs; at++) {
    end.push(bytes.subarray(at, at + 1))
    await turn()
    await clock.advance(everyMs)
    check()
    if (end.destroyed) return clock.monotonic()
  }
  return mostMs
}

for (const [name, door, request, mostMs] of [
  ['broker', kafka, kafkaRequest(100_000), idleMs],
  ['Avro source', avro, avroRequest(100_000), 300_000],
] as const) {
  test(`${name}: a request of which a byte comes each second ends its connection, with a reason`, async () => {
    const made = door()
    const tookMs = await drip(made, request, 1000, 2_000_000)
    assert.ok(tookMs > mostMs && tookMs < mostMs + 5000, `${tookMs} ms`)
    assert.equal(made.complaints.length, 1)
    assert.match(made.complaints[0]!, new RegExp(`a request was still arriving after ${mostMs / 1000} s`))
  })

  test(`${name}: time without room for the request does not count`, async () => {
    const made = door()
    made.end.push(request.subarray(0, 3000))
    await turn()
    const other = made.memory.share()
    other.add(20_000)
    assert.equal(other.mayRead(true), true) // it goes on before others
    made.end.push(request.subarray(3000, 6000))
    await turn()
    assert.equal(made.end.isPaused(), true)
    await made.clock.advance(mostMs * 2)
    made.check()
    assert.equal(made.end.destroyed, false)
    other.add(-20_000)
    other.close()
    await turn()
    assert.equal(made.end.isPaused(), false)
    const tookMs = await drip(made, request.subarray(6000), 5000, mostMs * 5)
    assert.ok(tookMs > mostMs * 3 && tookMs < mostMs * 3 + 20_000, `${tookMs} ms`)
  })

  test(`${name}: requests that arrive whole, one after another, may come for ever`, async () => {
    const made = door()
    const small = name === 'broker' ? kafkaRequest(20) : encodeFrame(1, [])
    for (let at = 0; at < 50; at++) {
      // The rest of one, and the beginning of the next.
      made.end.push(
        at === 0 ? small.subarray(0, 6) : Buffer.concat([small.subarray(6), small.subarray(0, 6)]),
      )
      await turn()
      await made.clock.advance(9_000)
      await made.clock.advance(0)
      made.check()
      if (name === 'broker') await made.clock.advance(200_000)
    }
    if (name === 'broker') assert.deepEqual(made.complaints, [])
    assert.ok(
      made.complaints.every(one => !one.includes('arriving')),
      made.complaints.join(),
    )
  })
}

test('broker: an answer that is not taken ends its connection, with a reason', async () => {
  const made = kafka(false)
  made.end.push(kafkaRequest(20))
  await turn()
  await made.clock.advance(idleMs - 1000)
  made.check()
  assert.equal(made.end.destroyed, false)
  await made.clock.advance(2000)
  made.check()
  assert.equal(made.end.destroyed, true)
  assert.match(made.complaints.join(), /it has not taken an answer for 600 s \(connections\.max\.idle\.ms\)/)
})
