// What the launchers run: asks whether this Node is new enough, turns the compile cache on, and starts the
// program. JavaScript, so that an old Node can say what is wrong, and so that it needs no compiler itself.
import { existsSync } from 'node:fs'
import { keepCompiledCode, storeCompiledCode } from './compile-cache.mjs'

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 22)) {
  process.stderr.write(
    `${process.argv[2]}: Millrace needs Node 22.22 or newer, and ${process.execPath} is ${process.version}; install one, or run npm ci in a checkout, which brings its own\n`,
  )
  process.exit(1)
}

keepCompiledCode()
// A broker may run for months, and be killed.
setTimeout(storeCompiledCode, 3000).unref()
const source = new URL('../src/cli/main.ts', import.meta.url)
await import(existsSync(source) ? source : new URL('../dist/cli/main.js', import.meta.url))
