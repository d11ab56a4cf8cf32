// kcat, the command line client on librdkafka, for the tests.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { unpacked } from './debian.ts'
import { skipWithout } from './fetch.ts'

// With the libraries a small machine may be without.
const packages = ['kcat', 'librdkafka1', 'libyajl2', 'libsasl2-2', 'liblz4-1', 'libzstd1', 'libssl3']

const getKcat = (): Promise<string> => unpacked('kcat', packages)

/** What to pass as `skip` to tests of kcat: false where it can be run, else the reason. */
export const skipWithoutKcat = (): Promise<false | string> => skipWithout('kcat', () => runKcat(['-V']))

/** Gives what it prints to its standard output; rejects with its errors where it exits with another code than 0. */
export async function runKcat(words: readonly string[], input = ''): Promise<string> {
  const place = await getKcat()
  return await new Promise((resolve, reject) => {
    const libraries = ['usr/lib', 'lib'].map(name => join(place, name, 'x86_64-linux-gnu')).join(':')
    const child = spawn(join(place, 'usr/bin/kcat'), words, {
      env: { ...process.env, LD_LIBRARY_PATH: libraries },
      timeout: 20_000,
    })
    let output = ''
    let errors = ''
    child.stdout.on('data', chunk => (output += String(chunk)))
    child.stderr.on('data', chunk => (errors += String(chunk)))
    child.on('error', reject)
    child.on('close', (code, signal) =>
      code === 0
        ? resolve(output)
        : reject(new Error(`kcat ${words.join(' ')} ends with ${code ?? signal}: ${errors}`)),
    )
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })
}
