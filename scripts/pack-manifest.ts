// The manifest of the published package is the checkout's without what only the checkout needs (the Node
// binaries, the development tools and the scripts), and its public door is what was built, behind a question: is this
// Node new enough? An old one cannot read what was built, and would not say why. Run by npm before (`strip`) and after
// (`restore`) it packs.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'

const manifest = new URL('../package.json', import.meta.url)
const kept = new URL('../package.json.kept', import.meta.url)

const [step] = process.argv.slice(2)
if (step === 'strip') {
  const whole = readFileSync(manifest, 'utf8')
  const { optionalDependencies, devDependencies, scripts, ...published } = JSON.parse(whole) as Record<
    string,
    unknown
  >
  void [optionalDependencies, devDependencies, scripts]
  if (!existsSync(kept)) writeFileSync(kept, whole)
  const names = Object.keys(await import(new URL('../dist/index.js', import.meta.url).href))
  const ask = `if (complaint !== null) throw new Error(complaint + '; install one')\n`
  writeFileSync(
    new URL('../dist/door.js', import.meta.url),
    `import { complaint } from '../bin/node-version.cjs'\n${ask}export const { ${names.join(', ')} } = await import('./index.js')\n`,
  )
  writeFileSync(
    new URL('../dist/door.cjs', import.meta.url),
    `const { complaint } = require('../bin/node-version.cjs')\n${ask}module.exports = require('./index.js')\n`,
  )
  // Of require() the same names, from TypeScript 5.3 on; types alone come by `import type`.
  writeFileSync(
    new URL('../dist/door.d.cts', import.meta.url),
    "declare const all: typeof import('./index.js', { with: { 'resolution-mode': 'import' } })\nexport = all\n",
  )
  const types = './dist/index.d.ts'
  const exports = {
    '.': {
      require: { types: './dist/door.d.cts', default: './dist/door.cjs' },
      default: { types, default: './dist/door.js' },
    },
  }
  // `main` and `types` are for what knows no exports, such as TypeScript's moduleResolution "node10".
  const doors = { main: './dist/door.cjs', types, exports }
  writeFileSync(manifest, `${JSON.stringify({ ...published, ...doors }, null, 2)}\n`)
} else if (step === 'restore') {
  if (existsSync(kept)) renameSync(kept, manifest)
} else {
  console.error('usage: pack-manifest.ts strip|restore')
  process.exitCode = 1
}
