// What was produced and what arrived, by number. "Complete": every number produced is there, without a
// gap, in its order for each partition it came from; repeats are counted. A record's value begins with
// the partition it was written to and its number there ("0/17 ....."), and its key is "p<partition>", so
// that the records of one partition go to one partition of the target.
import assert from 'node:assert/strict'
import { clientOf } from '../interop/peers/topics.ts'

export interface Arrival {
  readonly events: number
  readonly repeats: number
  /** When each of the repeats was sent, ms since 1970. */
  readonly repeatTimes: readonly number[]
  /** The longest time between two numbers of a partition that had not come before, as their records say, ms. */
  readonly pausesMs: ReadonlyMap<number, number>
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
  const lastTimes = new Map<number, number>()
  const pausesMs = new Map<number, number>()
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
          const time = Number(message.timestamp)
          const pause = time - (lastTimes.get(origin) ?? time)
          pausesMs.set(origin, Math.max(pause, pausesMs.get(origin) ?? 0))
          lastTimes.set(origin, time)
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
  return { events, repeats: repeatTimes.length, repeatTimes, pausesMs, faults }
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
