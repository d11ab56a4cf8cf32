// Modules that the operator wrote: loaded by path, and loaded again where a file of theirs has changed. The files of a
// module are those that it imports by a relative path, and those that these import; packages stay as they are. Node keeps
// every module that it has loaded, so each version has a number in its address, and the old one is never unloaded.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire, registerHooks } from 'node:module'
import { dirname, sep } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'

export interface LoadedModule {
  readonly exports: Readonly<Record<string, unknown>>
  /** Equal for two exactly when their files are equal. */
  readonly version: string
}

/** What a module file's content is, in a few letters; another text where there is no such file. */
type Digest = string

interface Entry {
  readonly loaded: LoadedModule | null
  /** Its files as they were loaded, or as they were when that failed. */
  readonly files: ReadonlyMap<string, Digest>
  /** The same as `changedModules` saw them last. */
  readonly noticed: Map<string, Digest>
}

/** The public door, as source or as built; what lies beside it is the program's own. */
const door = new URL(import.meta.url.endsWith('.ts') ? '../index.ts' : '../index.js', import.meta.url).href
const ownDirectory = dirname(fileURLToPath(door)) + sep

/** How long a module may take, which may wait for others at its top level. */
const loadingLimitMs = 20_000

const entries = new Map<string, Entry>()
/** Which files each file imports. */
const imports = new Map<string, Set<string>>()
/** The files of this generation, as they were before they were loaded. */
let digests = new Map<string, Digest>()
/** Modules of one generation share the files that they import. */
let generation = 0
let isHooked = false

/** The module at the absolute path. Rejects as its import does, with the place in the message where that is known. */
export async function loadModule(path: string, limitMs = loadingLimitMs): Promise<LoadedModule> {
  hook()
  const known = entries.get(path)
  if (known !== undefined && known.loaded !== null && !hasChanged(known.files)) return known.loaded
  if (known !== undefined || hasChanged(digests)) {
    generation++
    digests = new Map()
    for (const file of filesOf(path)) delete requireCache[file]
  }
  note(path)
  const address = `${pathToFileURL(path).href}${generation === 0 ? '' : `?${generationKey}=${generation}`}`
  let exports: Readonly<Record<string, unknown>>
  const limit = new AbortController()
  try {
    const late = setTimeout(limitMs, undefined, { signal: limit.signal }).then(() => {
      throw new Error(`it did not finish loading within ${limitMs / 1000} s`)
    })
    exports = await Promise.race([import(address) as Promise<Record<string, unknown>>, late])
  } catch (error) {
    remember(path, null)
    throw withPlace(error, path)
  } finally {
    limit.abort()
  }
  const version = createHash('sha256')
  for (const [file, digest] of [...currentFiles(path)].sort()) version.update(`${file} ${digest}\n`)
  const loaded = { exports, version: version.digest('hex') }
  remember(path, loaded)
  return loaded
}

/** Files of loaded modules that have changed since they were loaded, or since the call before; each is told once. */
export function changedModules(): string[] {
  const changed = new Set<string>()
  for (const { noticed } of entries.values())
    for (const [file, before] of noticed) {
      const now = digestOf(file)
      if (now === before) continue
      noticed.set(file, now)
      changed.add(file)
    }
  return [...changed]
}

const generationKey = 'millrace'
const requireCache = createRequire(import.meta.url).cache

function remember(path: string, loaded: LoadedModule | null): void {
  const files = currentFiles(path)
  entries.set(path, { loaded, files, noticed: new Map(files) })
}

function currentFiles(path: string): Map<string, Digest> {
  return new Map([...filesOf(path)].map(file => [file, digests.get(file) ?? digestOf(file)]))
}

/** The file and all that it imports, directly or not. */
function filesOf(path: string): Set<string> {
  const found = new Set([path])
  for (const file of found) for (const next of imports.get(file) ?? []) found.add(next)
  return found
}

const hasChanged = (files: ReadonlyMap<string, Digest>): boolean =>
  [...files].some(([file, digest]) => digestOf(file) !== digest)

function digestOf(file: string): Digest {
  try {
    return createHash('sha256').update(readFileSync(file)).digest('hex')
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unreadable'
  }
}

/** Takes note of a file before it is loaded. */
function note(file: string): void {
  if (!imports.has(file)) imports.set(file, new Set())
  if (!digests.has(file)) digests.set(file, digestOf(file))
}

/** The file that an address names, without its number; null where it is none of the operator's. */
function fileAt(url: string | undefined): string | null {
  if (url?.startsWith('file:') !== true) return null
  const file = fileURLToPath(url.replace(/[?#].*$/s, ''))
  return file.startsWith(ownDirectory) || file.includes(`${sep}node_modules${sep}`) ? null : file
}

/** Wherever a module lies, and whatever is installed there, by 'millrace' it means the program that loads it. */
function hook(): void {
  if (isHooked) return
  isHooked = true
  registerHooks({
    resolve(specifier, context, next) {
      if (specifier === 'millrace') return { url: door, shortCircuit: true }
      const parent = fileAt(context.parentURL)
      const own = parent === null ? undefined : imports.get(parent)
      if (own === undefined) return next(specifier, context)
      let found: ReturnType<typeof next>
      try {
        found = next(specifier, context)
      } catch (error) {
        // It may be written later.
        const missing = /^\.{0,2}\//.test(specifier)
          ? fileAt(new URL(specifier, context.parentURL).href)
          : null
        if (missing !== null) {
          own.add(missing)
          note(missing)
        }
        throw error
      }
      const file = fileAt(found.url)
      if (file === null) return found
      own.add(file)
      note(file)
      const number = /[?&]millrace=\d+/.exec(context.parentURL ?? '')
      const isRequired = context.conditions?.includes('require') === true
      return number === null || isRequired || found.url.includes('?')
        ? found
        : { ...found, url: `${found.url}?${number[0].slice(1)}` }
    },
  })
}

/** With the line of the operator's files that the error names first. */
function withPlace(error: unknown, path: string): unknown {
  if (!(error instanceof Error)) return error
  const files = filesOf(path)
  for (const [, name = '', line] of (error.stack ?? '').matchAll(
    /(?:file:\/\/)?(\/[^\s?:()]+)(?:\?[^\s:]*)?:(\d+)/g,
  ))
    if (files.has(decodeURI(name)) && !error.message.includes(name)) {
      error.message = `${decodeURI(name)}:${line}: ${error.message}`
      break
    }
  return error
}
