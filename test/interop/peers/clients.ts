// Client libraries of other languages, for the tests: confluent-kafka for Python by pip, and a program on
// franz-go and sarama built by Go, each into the cache of peers once.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached, runProgram } from './fetch.ts'

const confluentKafka = '2.16.1'
/** Longest run of a client, ms; its test ends at this time too. */
const runMs = 60_000
const here = new URL('.', import.meta.url).pathname

/** Where Python finds confluent-kafka, and in it librdkafka, compiled for the Python there is. */
export async function getConfluentKafka(): Promise<string> {
  const python = (
    await runProgram('python3', ['-c', 'import sys; print(sys.implementation.cache_tag)'])
  ).trim()
  const words = ['-m', 'pip', 'install', '-q', '--only-binary', ':all:', '--no-deps', '--target']
  const place = await cached(`confluent-kafka-${confluentKafka}-${python}`, making =>
    runProgram('python3', [...words, making, `confluent-kafka==${confluentKafka}`]),
  )
  await runProgram('python3', ['-c', 'import confluent_kafka'], {
    env: { ...process.env, PYTHONPATH: place },
  })
  return place
}

/** Runs a program of this directory on it, what it prints a line each; rejects with its errors. */
export async function runConfluentKafka(broker: string, program = 'confluent.py'): Promise<string[]> {
  const env = { ...process.env, PYTHONPATH: await getConfluentKafka() }
  return linesOf(await runProgram('python3', [join(here, program), broker], { env, timeout: runMs }))
}

/** The program that go/ is the source of. */
export async function getGoClients(): Promise<string> {
  const source = join(here, 'go')
  const hash = createHash('sha256')
  for (const name of readdirSync(source).toSorted())
    hash.update(name).update(readFileSync(join(source, name)))
  const place = await cached(`go-clients-${hash.digest('hex').slice(0, 12)}`, making =>
    runProgram('go', ['build', '-o', join(making, 'clients'), '.'], {
      cwd: source,
      env: { ...process.env, GOTOOLCHAIN: 'local' },
    }),
  )
  return join(place, 'clients')
}

export async function runGoClient(library: string, broker: string): Promise<string[]> {
  return linesOf(await runProgram(await getGoClients(), [library, broker], { timeout: runMs }))
}

const linesOf = (printed: string): string[] => printed.split('\n').filter(line => line !== '')
