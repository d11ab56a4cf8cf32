// kcat, the command line client on librdkafka, for the tests: taken from Debian's packages into .peers/ of
// the checkout (or MILLRACE_PEERS_DIR) once and unpacked there, not installed.
import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const root = new URL('../../..', import.meta.url).pathname
const cache = process.env['MILLRACE_PEERS_DIR'] ?? join(root, '.peers')
const place = join(cache, 'kcat')
// With the libraries a small machine may be without.
const packages = ['kcat', 'librdkafka1', 'libyajl2', 'libsasl2-2', 'liblz4-1', 'libzstd1', 'libssl3']

/** What to pass as `skip` to tests of kcat: false where it can be run, else the reason. */
export async function skipWithoutKcat(): Promise<false | string> {
  try {
    if (!existsSync(place)) {
      const making = join(cache, `.kcat-${process.pid}`)
      mkdirSync(making, { recursive: true })
      try {
        await promisify(execFile)('apt-get', ['download', ...packages], { cwd: making, timeout: 60_000 })
        for (const name of readdirSync(making))
          await promisify(execFile)('dpkg', ['-x', join(making, name), join(making, 'unpacked')])
        renameSync(join(making, 'unpacked'), place)
      } finally {
        rmSync(making, { recursive: true, force: true })
      }
    }
    await runKcat(['-V'])
    return false
  } catch (error) {
    if (process.env['REQUIRE_PEERS'] === '1') throw error
    return `kcat cannot be fetched with apt-get, or not run: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** Gives what it prints to its standard output; rejects with its errors where it exits with another code than 0. */
export function runKcat(words: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
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
