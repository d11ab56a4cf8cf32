// Builds the console's browser program into web/dist: run by npm after an install in a checkout (`prepare`), and before
// the package is packed. Names hold a part of a hash, so that browsers may keep the files for good.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const web = fileURLToPath(new URL('../web/', import.meta.url))
const { rolldown } = await import('rolldown').catch(() => {
  // Installed without the packages for development: a package that was packed brings what is built.
  process.exit(0)
})

const bundle = await rolldown({
  input: `${web}src/main.tsx`,
  platform: 'browser',
  tsconfig: false,
  transform: { jsx: { runtime: 'automatic', importSource: 'preact' }, target: 'es2022' },
})
const { output } = await bundle.generate({
  format: 'es',
  minify: true,
  comments: false,
  entryFileNames: 'console-[hash:8].js',
  chunkFileNames: '[name]-[hash:8].js',
})
await bundle.close()
const css = ['tokens', 'base', 'controls', 'component', 'parts', 'forms', 'flow', 'login', 'messages']
  .map(name => readFileSync(`${web}${name}.css`, 'utf8'))
  .join('\n')

const licences = ['preact', '@preact/signals', '@preact/signals-core'].map(name => {
  const directory = fileURLToPath(new URL(`../node_modules/${name}/`, import.meta.url))
  const { version } = JSON.parse(readFileSync(`${directory}package.json`, 'utf8'))
  return `${name} ${version}\n\n${readFileSync(`${directory}LICENSE`, 'utf8')}`
})

const squeezed = css
  .replaceAll(/\/\*[\s\S]*?\*\//g, '')
  .replaceAll(/\s+/g, ' ')
  .replaceAll(/ ?([{};,]) ?/g, '$1')
const files = new Map([
  ['licences.txt', licences.join('\n----\n\n')],
  [named('console.css', squeezed), squeezed],
])
let page = readFileSync(`${web}index.html`, 'utf8').replace(
  '/console.css',
  `/${named('console.css', squeezed)}`,
)
for (const chunk of output) {
  if (chunk.type !== 'chunk') continue
  files.set(chunk.fileName, chunk.code)
  if (chunk.isEntry) page = page.replace('/console.js', `/${chunk.fileName}`)
}
files.set('index.html', page)

rmSync(`${web}dist`, { recursive: true, force: true })
mkdirSync(`${web}dist`)
for (const [name, text] of files) writeFileSync(`${web}dist/${name}`, text)

function named(name, text) {
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 8)
  return name.replace('.', `-${hash}.`)
}
