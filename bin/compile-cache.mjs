// Keeps what V8 makes of the program from one start to the next (Node's module compile cache): a start then
// neither strips types nor compiles. JavaScript, and nothing but Node's own modules: whatever is loaded
// before the cache is on is compiled anew at each start. docs/decisions/0017 says where it may lie, and why.
import { existsSync, lstatSync, mkdirSync } from 'node:fs'
import * as modules from 'node:module'
import { homedir } from 'node:os'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Who may write there, besides its owner: permission bits; undefined where it is no directory of this user's. */
function writersOf(path, uid) {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  return stat !== undefined && stat.isDirectory() && stat.uid === uid ? stat.mode & 0o022 : undefined
}

/** Where the user's caches are (XDG base directories: a relative path counts as none). */
function userCaches() {
  const { XDG_CACHE_HOME } = process.env
  if (XDG_CACHE_HOME !== undefined && isAbsolute(XDG_CACHE_HOME)) return XDG_CACHE_HOME
  try {
    return join(homedir(), '.cache')
  } catch {
    return '/nowhere/.cache' // a user without a name and a home, as in some containers
  }
}

/**
 * In the checkout or package where that is this user's, else in the user's directory for caches; undefined
 * where neither can be trusted: who can write there can make us run what they like. Who can write to the
 * checkout itself can do that anyway.
 */
function cacheDirectory() {
  const uid = process.getuid?.()
  if (uid === undefined) return undefined
  const caches = userCaches()
  const places = [
    { start: root, names: ['node_modules', '.cache', 'millrace'], mayWrite: 0o022 },
    { start: dirname(caches), names: [basename(caches), 'millrace'], mayWrite: 0 },
  ]
  for (const { start, names, mayWrite } of places)
    try {
      let path = start
      const allowed = writersOf(path, uid)
      if (allowed === undefined || (allowed & ~mayWrite) !== 0) continue
      const isTrusted = names.every(name => {
        path = join(path, name)
        if (!existsSync(path)) mkdirSync(path, { mode: 0o700 })
        const writers = writersOf(path, uid)
        return writers !== undefined && (writers & ~allowed) === 0
      })
      if (isTrusted) return path
    } catch {
      // read-only, full, or not there: the next place, or none
    }
  return undefined
}

/** Turns it on, where there is a place for it. */
export function keepCompiledCode() {
  // NODE_COMPILE_CACHE has been obeyed by Node already.
  const { NODE_COMPILE_CACHE, NODE_DISABLE_COMPILE_CACHE } = process.env
  if (NODE_COMPILE_CACHE !== undefined || NODE_DISABLE_COMPILE_CACHE !== undefined) return
  const directory = cacheDirectory()
  if (directory !== undefined) modules.enableCompileCache?.(directory)
}

/** Writes out what the cache lacks; at its end a process does so by itself, unless it is killed. */
export function storeCompiledCode() {
  modules.flushCompileCache?.()
}
