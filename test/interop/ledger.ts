// What was produced and what arrived, by number. "Complete": every number produced is there, without a
// gap, in its order for each partition it came from; repeats are counted. A record's value begins with
// the partition it was written to and its number there ("0/17 ....."), and its key is "p<partition>", so
// that the records of one partition go to one partition of the target.
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { clientOf } from './peers/topics.ts'

export interface Load {
  /** Acknowledged so far, by partition. */
  readonly sent: ReadonlyMap<number, number>
  /** Writes no more; gives what was acknowledged, by partition. */
  stop(): Promise<ReadonlyMap<number, number>>
}

export interface LoadOptions {
  readonly topic: string
  readonly partitions?: number
  /** The first partition written to; 0 where absent. */
  readonly firstPartition?: number
  /** Records of one request. */
  readonly batch?: number
  /** Roughly; as fast as it goes where absent. */
  readonly perSecond?: number
  /** Length of a value. */
  readonly bytes?: number
}

export const valueOf = (partition: number, number: number, bytes = 200): string =>
  `${partition}/${number} `.padEnd(bytes, '.')

/**
 * Writes numbered records without end, to each partition in turn, and tries again what was refused: a
 * number may be written twice, none is left out and none is behind a later one's first appearance.
 */
export function startLoad(bootstrap: string, options: LoadOptions): Load {
  const {
    topic,
    partitions = 1,
    firstPartition = 0,
    batch = 100,
    perSecond = Infinity,
    bytes = 200,
  } = options
  const sent = new Map<number, number>()
  for (let index = 0; index < partitions; index++) sent.set(firstPartition + index, 0)
  const over = new AbortController()
  const writing = (async () => {
    const producer = clientOf(bootstrap).producer({ allowAutoTopicCreation: false })
    await producer.connect()
    try {
      for (let turn = 0; !over.signal.aborted; turn++) {
        const partition = firstPartition + (turn % partitions)
        const first = sent.get(partition)!
        const messages = Array.from({ length: batch }, (_, index) => ({
          key: `p${partition}`,
          value: valueOf(partition, first + index, bytes),
          partition,
        }))
        for (;;)
          try {
            await producer.send({ topic, acks: -1, messages })
            break
          } catch (error) {
            if (over.signal.aborted) return
            if (!/retr|broker|leader|connect|time|replica|request/i.test(String(error))) throw error
          }
        sent.set(partition, first + batch)
        if (perSecond !== Infinity) await delay((batch / perSecond) * 1000)
      }
    } finally {
      await producer.disconnect()
    }
  })()
  // Told by stop; a rejection before that must not end the test program.
  writing.catch(() => {})
  return {
    sent,
    async stop() {
      over.abort()
      await writing
      return sent
    },
  }
}

export interface Arrival {
  readonly events: number
  readonly repeats: number
  /** When each of the repeats was sent, ms since 1970. */
  readonly repeatTimes: readonly number[]
  /** One line for each fault found: missing numbers, wrong order. */
  readonly faults: readonly string[]
}

/**
 * Reads the topic from its beginning until every number of `expected` (how many, by partition of origin)
 * is there, or nothing new has come for `limitMs`; then `extraMs` more, for repeats. Numbers beyond the
 * expected ones may be there too (written, not acknowledged). `first` is the first number expected, by
 * partition, where that is not 0.
 */
export async function readArrivals(
  bootstrap: string,
  topic: string,
  expected: ReadonlyMap<number, number>,
  {
    limitMs = 60_000,
    extraMs = 500,
    first = new Map<number, number>(),
  }: { limitMs?: number; extraMs?: number; first?: ReadonlyMap<number, number> } = {},
): Promise<Arrival> {
  const firstOf = (partition: number) => first.get(partition) ?? 0
  const seen = new Map([...expected.keys()].map(partition => [partition, new Set<number>()]))
  const highest = new Map<number, number>()
  const faults: string[] = []
  const readUpTo = new Map<number, number>()
  let events = 0
  const repeatTimes: number[] = []
  let missing = [...expected].reduce((sum, [origin, count]) => sum + count - firstOf(origin), 0)
  const consumer = clientOf(bootstrap).consumer({
    groupId: `ledger-${Math.random().toString(36).slice(2)}`,
    maxWaitTimeInMs: 200,
  })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await new Promise<void>((resolve, reject) => {
    let lastNew = performance.now()
    const look = () => {
      const leftMs = lastNew + limitMs - performance.now()
      if (leftMs <= 0) resolve()
      else timer = setTimeout(look, leftMs)
    }
    let timer = setTimeout(look, limitMs)
    const finishSoon = () => {
      clearTimeout(timer)
      timer = setTimeout(resolve, extraMs)
    }
    if (missing === 0) finishSoon()
    consumer
      .run({
        autoCommit: false,
        eachMessage: async ({ partition, message }) => {
          // The reading client begins again where its own group or connection was disturbed.
          const offset = Number(message.offset)
          if (offset <= (readUpTo.get(partition) ?? -1)) return
          readUpTo.set(partition, offset)
          events++
          const value = message.value?.toString() ?? ''
          const [, origin, number] = (/^(\d+)\/(\d+) /.exec(value) ?? []).map(Number)
          if (origin === undefined || number === undefined || !seen.has(origin))
            return void faults.push(`a record that nobody produced: ${value.slice(0, 40)}`)
          const numbers = seen.get(origin)!
          if (numbers.has(number)) return void repeatTimes.push(Number(message.timestamp))
          numbers.add(number)
          lastNew = performance.now()
          const before = highest.get(origin) ?? -1
          if (number < before) faults.push(`partition ${origin}: ${number} arrived behind ${before}`)
          highest.set(origin, Math.max(before, number))
          if (number >= firstOf(origin) && number < expected.get(origin)! && --missing === 0) finishSoon()
        },
      })
      .catch(reject)
  })
  await consumer.disconnect()
  for (const [partition, count] of expected) {
    const numbers = seen.get(partition)!
    const absent = Array.from({ length: count }, (_, number) => number).filter(
      number => number >= firstOf(partition) && !numbers.has(number),
    )
    if (absent.length > 0)
      faults.push(
        `partition ${partition}: ${absent.length} of ${count} are missing, ${absent[0]} to ${absent.at(-1)}`,
      )
  }
  return { events, repeats: repeatTimes.length, repeatTimes, faults }
}

/** Complete, and at most `mostRepeats` repeats; `logs` are shown where not. Gives the repeats. */
export function assertComplete(
  arrival: Arrival,
  { mostRepeats, logs = [] }: { mostRepeats: number; logs?: readonly string[] },
): number {
  const faults = arrival.faults.slice(0, 10)
  assert.equal(faults.length, 0, [...faults, ...logs].join('\n'))
  assert.ok(
    arrival.repeats <= mostRepeats,
    `${arrival.repeats} repeats among ${arrival.events} events; at most ${mostRepeats} were in flight`,
  )
  return arrival.repeats
}
