// Run by npm after an install in a checkout (`prepare`): loads every file of the program once, so that the
// first start finds it compiled. Where that fails the first start takes longer, and nothing else is lost.
import { readdirSync } from 'node:fs'
import { keepCompiledCode, storeCompiledCode } from '../bin/compile-cache.mjs'

const source = new URL('../src/', import.meta.url)
keepCompiledCode()
try {
  const files = readdirSync(source, { recursive: true }).filter(
    path => path.endsWith('.ts') && !path.endsWith('.test.ts') && path !== 'cli/main.ts',
  )
  for (const file of ['errors.ts', ...files]) await import(new URL(file, source))
  storeCompiledCode()
} catch {
  // a Node that is too old (the launchers say so), or dependencies left out
}
process.exit(0)
