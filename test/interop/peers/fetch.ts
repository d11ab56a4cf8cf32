// What real peers are made of, once, in .peers/ of the checkout (or MILLRACE_PEERS_DIR): the jars of Kafka,
// ZooKeeper and Flume by Maven, and whatever else tests fetch or build. Each is complete or not there: it is
// made beside its place and renamed into it.
import { execFile, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { waitFor } from './waiting.ts'

export type PeerSet =
  | 'zookeeper-3.4.10'
  | 'kafka-0.10.2.1'
  | 'kafka-4.1.0'
  | 'kafka-applications-4.1.0'
  | 'flume-1.8.0'
  | 'flume-1.11.0'
  | 'hadoop-3.3.6'

const root = new URL('../../..', import.meta.url).pathname
const cache = process.env['MILLRACE_PEERS_DIR'] ?? join(root, '.peers')
const runs = (program: string) => spawnSync(program, ['-version'], { stdio: 'ignore' }).status === 0

/**
 * What to pass as `skip` to tests that need real peers: false where they can be had, else the reason.
 * With REQUIRE_PEERS=1 tests are never skipped, and fail where a peer is missing.
 */
export const skipWithoutPeers: false | string =
  process.env['REQUIRE_PEERS'] === '1' || (runs('java') && runs('mvn'))
    ? false
    : 'real Kafka and Flume need Java and Maven, which this machine has not'

/** The same for a peer that is there once `get` resolves. */
export async function skipWithout(what: string, get: () => Promise<unknown>): Promise<false | string> {
  try {
    await get()
    return false
  } catch (error) {
    if (process.env['REQUIRE_PEERS'] === '1') throw error
    return `${what} cannot be had: ${error instanceof Error ? error.message.trim() : String(error)}`
  }
}

/** Runs a program to its end, which fetches or builds where no `timeout` (ms) is given; rejects with what it printed. */
export async function runProgram(
  program: string,
  words: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; timeout?: number } = {},
): Promise<string> {
  const limits = { timeout: 600_000, maxBuffer: 64 * 1024 * 1024 }
  return (await promisify(execFile)(program, words, { ...limits, ...options })).stdout
}

/**
 * The place of this name in the cache; `make` fills the directory it is given where there is none yet. Test files
 * run at the same time: one at a time makes what has the same `maker`.
 */
export async function cached(
  name: string,
  make: (directory: string) => Promise<unknown>,
  maker = name,
): Promise<string> {
  const place = join(cache, name)
  if (existsSync(place)) return place
  mkdirSync(cache, { recursive: true })
  using _ = await lock(join(cache, `.lock-${maker}`))
  if (existsSync(place)) return place
  const making = join(cache, `.${name}-${process.pid}`)
  try {
    mkdirSync(making)
    await make(making)
    renameSync(making, place)
  } catch (error) {
    throw new Error(`${name} cannot be made: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  } finally {
    rmSync(making, { recursive: true, force: true })
  }
  return place
}

/** The directory with the jars of the set; fetched when missing, and again when the set has changed. */
export function fetchPeer(name: PeerSet): Promise<string> {
  const pom = new URL(`poms/${name}.xml`, import.meta.url).pathname
  const version = createHash('sha256').update(readFileSync(pom)).digest('hex').slice(0, 8)
  const copying = ['-q', '-B', '-f', pom, 'dependency:copy-dependencies']
  // Maven's own store bears one writer only.
  return cached(
    `${name}-${version}`,
    making => runProgram('mvn', [...copying, `-DoutputDirectory=${making}`]),
    'maven',
  )
}

/** Waits for the processes before this one; a lock whose process is gone is taken over. */
async function lock(file: string): Promise<Disposable> {
  for (;;) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' })
      return { [Symbol.dispose]: () => rmSync(file, { force: true }) }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    await waitFor(() => !isHeld(file), `another process lets go of ${file}`, 600_000)
    if (existsSync(file) && !isHeld(file)) rmSync(file, { force: true })
  }
}

function isHeld(file: string): boolean {
  try {
    const holder = Number(readFileSync(file, 'utf8'))
    // Empty for the moment between making the file and writing it.
    if (holder > 0) process.kill(holder, 0)
    return true
  } catch {
    return false
  }
}
