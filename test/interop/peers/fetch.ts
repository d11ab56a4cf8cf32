// Fetches the real peers' jars with Maven, once, into .peers/ of the checkout (or MILLRACE_PEERS_DIR).
// A set is complete or not there: it is built beside its place and renamed into it.
import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { waitFor } from './waiting.ts'

export type PeerSet = 'zookeeper-3.4.10' | 'kafka-0.10.2.1' | 'kafka-4.1.0' | 'flume-1.8.0' | 'flume-1.11.0'

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

/** The directory with the jars of the set; fetched when missing. */
export async function fetchPeer(name: PeerSet): Promise<string> {
  const place = join(cache, name)
  if (existsSync(place)) return place
  mkdirSync(cache, { recursive: true })
  // Test files run at the same time, and Maven's own store bears one writer only.
  using _ = await lock(join(cache, '.lock'))
  if (existsSync(place)) return place
  const making = join(cache, `.${name}-${process.pid}`)
  const pom = new URL(`poms/${name}.xml`, import.meta.url).pathname
  try {
    await promisify(execFile)(
      'mvn',
      ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${making}`],
      {
        timeout: 600_000,
        maxBuffer: 64 * 1024 * 1024,
      },
    )
    renameSync(making, place)
  } catch (error) {
    throw new Error(`Maven cannot fetch ${name}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  } finally {
    rmSync(making, { recursive: true, force: true })
  }
  return place
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
