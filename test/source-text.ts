// Reads source files for the checks of the tree: their code without comments and texts, and what they import.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Never part of the project: what is installed, built or of version control. */
const outside = new Set(['node_modules', 'dist', '.git', '.peers', 'coverage'])

/** Every file below `folder`, as paths from the root with slashes. */
export function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter(entry => entry.isFile())
    .map(entry => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter(path => !path.split('/').some(part => outside.has(part)))
    .sort()
}

export const read = (path: string): string => readFileSync(join(root, path), 'utf8')

export interface Import {
  /** As written: './event.ts', 'node:fs'. */
  readonly from: string
  /** Only types are taken: nothing is loaded. */
  readonly typesOnly: boolean
  readonly names: readonly string[]
}

/** Static and dynamic imports and re-exports of a source text. */
export function importsOf(text: string): Import[] {
  const found: Import[] = []
  const statement =
    /^(?:import|export)\s+(type\s+)?((?:[\w*$]+\s*,?\s*)?(?:\{[^}]*\}|\*\s*(?:as\s+\w+)?)?)\s*from\s+['"]([^'"]+)['"]/gm
  for (const [, type, clause = '', from] of text.matchAll(statement)) {
    const names = (/\{([^}]*)\}/.exec(clause)?.[1] ?? clause)
      .split(',')
      .map(name => name.trim())
      .filter(Boolean)
    const typesOnly =
      type !== undefined || (names.length > 0 && names.every(name => name.startsWith('type ')))
    const values = typesOnly ? [] : names.filter(name => !name.startsWith('type '))
    found.push({ from: from!, typesOnly, names: values.map(name => name.split(/\s+as\s+/)[0]!.trim()) })
  }
  for (const [, from] of text.matchAll(/^import\s+['"]([^'"]+)['"]/gm))
    found.push({ from: from!, typesOnly: false, names: [] })
  for (const [, from] of text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)(?!\.\w+\s*[;,)\]>|])/g))
    found.push({ from: from!, typesOnly: false, names: [] })
  return found
}

/** The path from the root that a relative import of `path` means. */
export const resolveImport = (path: string, from: string): string => posix.join(posix.dirname(path), from)

/** The text with comments, quoted texts and regular expressions blanked out; code inside templates stays. */
export function codeOf(text: string): string {
  let code = ''
  let at = 0
  const templates: number[] = []
  let depth = 0
  const blankUntil = (end: number) => {
    code += text.slice(at, end).replaceAll(/[^\n]/g, ' ')
    at = end
  }
  const templateText = () => {
    let end = at
    while (end < text.length && text[end] !== '`' && !text.startsWith('${', end))
      end += text[end] === '\\' ? 2 : 1
    blankUntil(end)
    if (text[at] === '`') blankUntil(at + 1)
    else {
      templates.push(depth)
      depth++
      blankUntil(at + 2)
    }
  }
  while (at < text.length) {
    const character = text[at]!
    if (text.startsWith('//', at)) blankUntil(endOr(text.indexOf('\n', at), text))
    else if (text.startsWith('/*', at)) blankUntil(endOr(text.indexOf('*/', at), text, 2))
    else if (character === "'" || character === '"') {
      let end = at + 1
      while (end < text.length && text[end] !== character) end += text[end] === '\\' ? 2 : 1
      blankUntil(end + 1)
    } else if (character === '/' && startsRegex(code)) {
      let end = at + 1
      for (let inClass = false; end < text.length && (inClass || text[end] !== '/'); end++) {
        if (text[end] === '\\') end++
        else if (text[end] === '[') inClass = true
        else if (text[end] === ']') inClass = false
      }
      blankUntil(end + 1)
    } else if (character === '`') {
      blankUntil(at + 1)
      templateText()
    } else {
      if (character === '{') depth++
      if (character === '}') depth--
      if (character === '}' && templates.at(-1) === depth) {
        templates.pop()
        blankUntil(at + 1)
        templateText()
        continue
      }
      code += character
      at++
    }
  }
  return code
}

function endOr(index: number, text: string, more = 0): number {
  return index < 0 ? text.length : index + more
}

/** Whether a slash after `code` begins a regular expression and does not divide. */
function startsRegex(code: string): boolean {
  const before = code.trimEnd()
  return (
    before === '' ||
    /[(,=:[!&|?{};+\-*%<>~^]$/.test(before) ||
    /\b(return|typeof|case|in|of|do|else)$/.test(before)
  )
}
