// Fetches the real peers' jars with Maven, once, into .peers/ of the checkout (or MILLRACE_PEERS_DIR).
// A set is complete or not there: it is built beside its place and renamed into it.
import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

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
  // Two test files may fetch the same set at once: each into a directory of its own, one rename wins.
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
    try {
      renameSync(making, place)
    } catch (error) {
      if (!existsSync(place)) throw error
    }
  } catch (error) {
    throw new Error(`Maven cannot fetch ${name}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  } finally {
    rmSync(making, { recursive: true, force: true })
  }
  return place
}
