// Runs every decoder of the table (decoders.ts) with inputs made by seed, in worker threads. A seed says which decoder
// and which input: MILLRACE_SEED=n repeats one. An input fails where the decoder throws anything else than the table allows,
// says something in the engine's words, takes too long, or never ends; all of them together where memory grows.
import { availableParallelism } from 'node:os'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { hangMs } from '../interop/peers/waiting.ts'
import { decoders, type Decoder } from './decoders.ts'
import { mutated } from './mutations.ts'

/** Longest that one input may take, ms. */
export const mostDecodeMs = 50
/** What took longer is retried; below, the clock is believed. */
const suspectMs = mostDecodeMs / 10
/** Seeds that a thread takes at once. */
const seedsAtOnce = 500
/** Heap and external memory, bytes, that a thread may hold at the end beyond what it held after the warm-up. */
export const mostGrowthBytes = 16 * 1024 * 1024

export interface Tally {
  inputs: number
  refused: number
  longestMs: number
}

export interface FuzzingDone {
  readonly tallies: Readonly<Record<string, Tally>>
  /** Of the thread that grew most. */
  readonly growthBytes: number
  readonly peakBytes: number
}

/** In lines: what all of them took, and each decoder's inputs, how many were refused, and the longest, ms. */
export function summaryOf({ tallies, growthBytes, peakBytes }: FuzzingDone): string[] {
  const megabytes = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(1)} MB`
  const all = Object.entries(tallies).sort(([, one], [, other]) => other.longestMs - one.longestMs)
  const inputs = all.reduce((sum, [, one]) => sum + one.inputs, 0)
  const each = all.map(
    ([name, one]) => `${name} ${one.inputs}, ${one.refused} refused, ${one.longestMs.toFixed(1)} ms`,
  )
  return [
    `${inputs} inputs, ${all.length} decoders; a thread held ${megabytes(peakBytes)} at most, and at the end ${megabytes(growthBytes)} more than after the warm-up`,
    each.join('; '),
  ]
}

// ------------------------------------------------------------------------------------ one input

const corpora = new Map<Decoder, readonly Buffer[]>()
const shares: number[] = []
let shareSum = 0
for (const { share = 1 } of decoders) shares.push((shareSum += share))

function corpusOf(decoder: Decoder): readonly Buffer[] {
  let corpus = corpora.get(decoder)
  if (corpus === undefined) {
    const words = (decoder.words ?? []).map(word => Buffer.from(word))
    corpora.set(decoder, (corpus = [...decoder.seeds(), ...words]))
  }
  return corpus
}

export function inputOf(seed: number): { decoder: Decoder; input: Buffer } {
  const random = new SeededRandom(seed)
  const at = random.next() * shareSum
  const decoder = decoders[shares.findIndex(end => at < end)]!
  const input = mutated(random, corpusOf(decoder))
  return { decoder, input: random.chance(0.8) ? (decoder.change?.(input) ?? input) : input }
}

/** The engine's words, which tell nobody what is wrong with an input. */
const engineWords =
  /Cannot read prop|is not a function|is not iterable|is not defined|out of range|Invalid (array|string|typed array) length|call stack|Cannot (convert|create|set|mix|perform|access)|ERR_[A-Z]|argument must be|\bundefined\b|\bNaN\b|\[object |Unexpected (token|end of JSON)|in JSON at|is not valid JSON/

/** Null where it is one that the table allows, and speaks of the input. */
function complaintOf(decoder: Decoder, error: unknown): string | null {
  if (!(error instanceof Error)) return `threw ${String(error)}`
  if (!decoder.allowed.some(one => error instanceof one)) return `threw ${error.stack}`
  return engineWords.test(error.message) && decoder.saysWhatItReads !== true ? `says: ${error.message}` : null
}

/** Rejects where the input fails. */
export async function run(decoder: Decoder, input: Buffer, tally: Tally): Promise<void> {
  let complaint: string | null = null
  const begin = performance.now()
  try {
    const done = decoder.decode(input)
    const said: unknown = done instanceof Promise ? await done : done
    if (typeof said === 'string' && decoder.saysWhatItReads !== true && engineWords.test(said))
      complaint = `says: ${said}`
  } catch (error) {
    tally.refused++
    complaint = complaintOf(decoder, error)
  }
  const tookMs = performance.now() - begin
  tally.inputs++
  if (complaint !== null) throw new Error(complaint)
  if (tookMs > tally.longestMs)
    tally.longestMs = Math.max(
      tally.longestMs,
      tookMs > suspectMs ? await shortestMs(decoder, input, tookMs) : tookMs,
    )
  if (tally.longestMs > (decoder.mostMs ?? mostDecodeMs)) throw new Error(`took ${tally.longestMs} ms`)
}

const cpuMs = (): number => {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

/** Of several tries, on the processor: what it takes without garbage, and without what else the machine did. */
async function shortestMs(decoder: Decoder, input: Buffer, first: number): Promise<number> {
  let shortest = first
  for (let tries = 0; tries < 5 && shortest > 1; tries++) {
    const begin = cpuMs()
    try {
      await decoder.decode(input)
    } catch {
      // As before.
    }
    shortest = Math.min(shortest, cpuMs() - begin)
  }
  return shortest
}

/** Repeats one seed. Rejects as `fuzz` does. */
export async function repeat(seed: number): Promise<void> {
  const { decoder, input } = inputOf(seed)
  await run(decoder, input, { inputs: 0, refused: 0, longestMs: 0 }).catch((error: unknown) => {
    throw new Error(described(seed, error))
  })
}

function described(seed: number, error: unknown): string {
  const { decoder, input } = inputOf(seed)
  const hex = input.toString('hex')
  const shown = hex.length > 400 ? `${hex.slice(0, 400)}… (${input.length} bytes)` : hex
  return `${decoder.name}, MILLRACE_SEED=${seed}, input ${shown}: ${(error as Error).message}`
}

// --------------------------------------------------------------------------------------- threads

interface Work {
  /** The next seed that nobody has taken; the end, where one has failed. */
  readonly next: Int32Array
  readonly end: number
  readonly warmUp: number
  /** The seed that each thread is at. */
  readonly at: Int32Array
  readonly thread: number
}

interface Share {
  readonly tallies: Readonly<Record<string, Tally>>
  readonly growthBytes: number
  readonly peakBytes: number
  readonly failure: { readonly seed: number; readonly message: string } | null
}

/** `count` inputs from seed `from` on. Rejects with the first that failed. */
export async function fuzz(count: number, from = 0): Promise<FuzzingDone> {
  const threads = availableParallelism()
  const next = new Int32Array(new SharedArrayBuffer(4)).fill(from)
  const at = new Int32Array(new SharedArrayBuffer(4 * threads)).fill(-1)
  const work = { next, end: from + count, warmUp: from + Math.floor(count / 5), at }
  const parts = await Promise.all(
    Array.from({ length: threads }, (_, thread) => runInThread({ ...work, thread })),
  )
  const failures = parts.flatMap(({ failure }) => failure ?? []).sort((one, other) => one.seed - other.seed)
  if (failures[0] !== undefined) throw new Error(failures[0].message)
  const tallies: Record<string, Tally> = {}
  for (const part of parts)
    for (const [name, { inputs, refused, longestMs }] of Object.entries(part.tallies)) {
      const sum = (tallies[name] ??= { inputs: 0, refused: 0, longestMs: 0 })
      sum.inputs += inputs
      sum.refused += refused
      sum.longestMs = Math.max(sum.longestMs, longestMs)
    }
  return {
    tallies,
    growthBytes: Math.max(...parts.map(one => one.growthBytes)),
    peakBytes: Math.max(...parts.map(one => one.peakBytes)),
  }
}

function runInThread(work: Work): Promise<Share> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), {
      workerData: work,
      resourceLimits: { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 64 },
    })
    let seen = -1
    const watch = setInterval(() => {
      const seed = Atomics.load(work.at, work.thread)
      if (seed === seen && seed !== -1) {
        void worker.terminate()
        reject(new Error(described(seed, new Error(`did not end within ${hangMs} ms`))))
      }
      seen = seed
    }, hangMs)
    const failed = (error: Error) =>
      reject(new Error(described(Math.max(0, Atomics.load(work.at, work.thread)), error)))
    worker.once('message', resolve)
    worker.once('error', failed)
    worker.once('exit', code => {
      clearInterval(watch)
      failed(new Error(`the thread ended with ${code}`))
    })
  })
}

if (!isMainThread && parentPort !== null && (workerData as Work | null)?.next !== undefined) {
  const { next, end, warmUp, at, thread } = workerData as Work
  Error.stackTraceLimit = 0 // errors are the normal run
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const held = (): number => {
    collect()
    const { used_heap_size: used, external_memory: external } = getHeapStatistics()
    return used + external
  }
  const tallies: Record<string, Tally> = {}
  let failure: Share['failure'] = null
  let warm = 0
  let peakBytes = 0
  for (let from = 0; failure === null && (from = Atomics.add(next, 0, seedsAtOnce)) < end;) {
    if (warm === 0 && from >= warmUp) warm = held()
    for (let seed = from; seed < Math.min(end, from + seedsAtOnce); seed++) {
      Atomics.store(at, thread, seed)
      const { decoder, input } = inputOf(seed)
      const tally = (tallies[decoder.name] ??= { inputs: 0, refused: 0, longestMs: 0 })
      try {
        await run(decoder, input, tally)
      } catch (error) {
        Error.stackTraceLimit = 10
        const again = await run(decoder, input, { ...tally }).catch((traced: unknown) => traced)
        failure = { seed, message: described(seed, again ?? error) }
        Atomics.store(next, 0, end)
        break
      }
    }
    const { used_heap_size: used, external_memory: external } = getHeapStatistics()
    peakBytes = Math.max(peakBytes, used + external)
  }
  Atomics.store(at, thread, -1)
  const growthBytes = warm === 0 ? 0 : held() - warm
  parentPort.postMessage({ tallies, growthBytes, peakBytes, failure } satisfies Share, [])
}
