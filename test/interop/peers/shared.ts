// One running Kafka of each version for all test files of a run that need nothing of their own from it: topics
// and groups have names of their own there. `npm run test:peers` has the test runner start them (globalSetup); a
// file that is run alone starts its own.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { skipWithoutPeers, startKafka010, startKafka41, startZooKeeper, type Kafka } from './peers.ts'

const stack = new AsyncDisposableStack()
const variableOf = (version: Kafka['version']): string => `MILLRACE_KAFKA_${version.replaceAll('.', '_')}`

/** The one of this run, else one of the caller's. */
export async function someKafka(
  version: Kafka['version'],
  directory: string,
): Promise<Pick<Kafka, 'bootstrap' | 'version'> & AsyncDisposable> {
  const bootstrap = process.env[variableOf(version)]
  if (bootstrap !== undefined) return { version, bootstrap, [Symbol.asyncDispose]: async () => {} }
  if (version === '4.1.0') return startKafka41(directory)
  const own = new AsyncDisposableStack()
  const kafka = own.use(await startKafka010(directory, own.use(await startZooKeeper(directory))))
  return { version, bootstrap: kafka.bootstrap, [Symbol.asyncDispose]: () => own.disposeAsync() }
}

export async function globalSetup(): Promise<void> {
  if (skipWithoutPeers !== false) return
  const directory = mkdtempSync(join(tmpdir(), 'millrace-shared-'))
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const started = (['0.10.2.1', '4.1.0'] as const).map(version =>
    someKafka(version, join(directory, version)),
  )
  for (const kafka of started)
    process.env[variableOf((await kafka).version)] = stack.use(await kafka).bootstrap
}

export async function globalTeardown(): Promise<void> {
  await stack.disposeAsync()
}
