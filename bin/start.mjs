// What the launchers run: asks whether this Node is new enough, turns the compile cache on, and starts the
// program. JavaScript, so that an old Node can say what is wrong, and so that it needs no compiler itself.
import { existsSync } from 'node:fs'
import { keepCompiledCode, storeCompiledCode } from './compile-cache.mjs'
import { complaint } from './node-version.cjs'

if (complaint !== null) {
  process.stderr.write(
    `${process.argv[2]}: ${complaint}; install one, or run npm ci in a checkout, which brings its own\n`,
  )
  process.exit(1)
}

keepCompiledCode()
// A broker may run for months, and be killed.
setTimeout(storeCompiledCode, 3000).unref()
const source = new URL('../src/cli/main.ts', import.meta.url)
await import(existsSync(source) ? source : new URL('../dist/cli/main.js', import.meta.url))
