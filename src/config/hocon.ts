// HOCON, the format of Play's application.conf, as far as configurations use it: comments, objects and dotted keys,
// quoted, triple-quoted and bare values, lists, ${path} and ${?path} from the text or the environment, values put
// together of several, `+=`, and include of files. What it gives is flat: the last value of each path, with its place.
//
// Source: HOCON.md of the Typesafe configuration library. Left out, with a warning at the place: include of an
// address or of the class path.
import { messageOf } from '../errors.ts'
import type { Place, Problem } from './problem.ts'

export interface HoconValue {
  /** A list where it was written as one; else text, as it would be printed. */
  readonly value: string | readonly string[]
  readonly place: Place
}

export interface Hocon {
  /** By dotted path. An object without members is not in it. */
  readonly values: ReadonlyMap<string, HoconValue>
  /** With an error the values are of no use. */
  readonly problems: readonly Problem[]
}

export interface HoconOptions {
  /** Of ${NAME} that the text does not set. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Text of an included file, whose name stands as it is written; null where there is none. */
  readonly include: (name: string, from: string) => { readonly file: string; readonly text: string } | null
}

const mostDepth = 50
const mostIncludes = 50
const mostValues = 20_000

type Part = { readonly text: string } | { readonly path: string; readonly isOptional: boolean }
type Member = { readonly parts: readonly Part[] } | { readonly list: readonly Member[] }
interface Written {
  readonly member: Member
  readonly place: Place
  /** What it stood for before: a ${path} to itself means that. */
  readonly before: Written | undefined
}

class Wrong extends Error {
  readonly place: Place
  readonly fix: string

  constructor(place: Place, problem: string, fix: string) {
    super(problem)
    this.place = place
    this.fix = fix
  }
}

export function readHocon(text: string, file: string, options: HoconOptions): Hocon {
  const reading = new Reading(options)
  try {
    reading.file(text, file)
    return { values: reading.values(), problems: reading.problems }
  } catch (error) {
    if (!(error instanceof Wrong)) throw error
    const { place, message, fix } = error
    return {
      values: new Map(),
      problems: [...reading.problems, { severity: 'error', place, problem: message, fix }],
    }
  }
}

class Reading {
  readonly problems: Problem[] = []
  readonly #options: HoconOptions
  /** In the order of the last setting of each path. */
  readonly #written = new Map<string, Written>()
  #includes = 0
  #text = ''
  #file = ''
  #at = 0
  #line = 1
  #depth = 0

  constructor(options: HoconOptions) {
    this.#options = options
  }

  file(text: string, file: string, prefix = ''): void {
    const outer = [this.#text, this.#file, this.#at, this.#line] as const
    ;[this.#text, this.#file, this.#at, this.#line] = [text.replace(/^\ufeff/, ''), file, 0, 1]
    this.#skip(true)
    const isBraced = this.#take('{')
    this.#members(prefix, isBraced ? '}' : '')
    this.#skip(true)
    if (this.#at < this.#text.length)
      throw this.#wrong(`"${this.#text[this.#at]}" follows the end`, 'remove it, or add its partner')
    ;[this.#text, this.#file, this.#at, this.#line] = outer
  }

  /** What is left when ${…} is filled in. */
  values(): Map<string, HoconValue> {
    const values = new Map<string, HoconValue>()
    for (const [path, written] of this.#written) {
      const value = this.#valueOf(path, written, new Set())
      if (value !== null) values.set(path, { value, place: written.place })
    }
    return values
  }

  // ------------------------------------------------------------------------------------------- text

  get #place(): Place {
    return { file: this.#file, line: this.#line }
  }

  #wrong(problem: string, fix: string): Wrong {
    return new Wrong(this.#place, problem, fix)
  }

  /** White space and comments; line ends where `lines`. Gives whether a line ended. */
  #skip(lines: boolean): boolean {
    let ended = false
    for (;;) {
      const char = this.#text[this.#at]
      if (char === '\n') {
        if (!lines) return ended
        ended = true
        this.#line++
      } else if (char === '#' || (char === '/' && this.#text[this.#at + 1] === '/')) {
        const end = this.#text.indexOf('\n', this.#at)
        this.#at = (end < 0 ? this.#text.length : end) - 1
      } else if (char === undefined || !/\s/.test(char)) return ended
      this.#at++
    }
  }

  #take(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }

  // ---------------------------------------------------------------------------------------- members

  #members(prefix: string, end: '' | '}'): void {
    if (++this.#depth > mostDepth) throw this.#wrong(`braces are more than ${mostDepth} deep`, 'write less')
    for (;;) {
      this.#skip(true)
      if (this.#at >= this.#text.length) {
        if (end !== '') throw this.#wrong('a { is not closed', 'write the } that belongs to it')
        break
      }
      if (this.#text[this.#at] === '}') {
        if (end === '') break
        this.#at++
        break
      }
      if (!this.#include(prefix)) this.#member(prefix)
      const ended = this.#skip(true)
      if (!this.#take(',') && !ended && this.#at < this.#text.length && this.#text[this.#at] !== '}')
        throw this.#wrong('two settings are in one line', 'write a comma or a new line between them')
    }
    this.#depth--
  }

  #member(prefix: string): void {
    const place = this.#place
    const path = prefix + this.#path()
    this.#skip(false)
    const adds = this.#take('+=')
    if (!adds && this.#text[this.#at] === '{') {
      this.#at++
      this.#members(`${path}.`, '}')
      return
    }
    if (!adds && !this.#take('=') && !this.#take(':'))
      throw this.#wrong(`${path} has no value`, 'write key = value, or key { … }')
    this.#skip(true)
    // An object that ${…} stands before or behind is put together with that one.
    const parts: Part[] = []
    for (;;) {
      if (this.#text[this.#at] === '{') {
        this.#at++
        this.#members(`${path}.`, '}')
      } else if (this.#text[this.#at] === '[') {
        const list = this.#list(place)
        const before = adds ? this.#written.get(path)?.member : undefined
        this.#set(
          path,
          before !== undefined && 'list' in before ? { list: [...before.list, ...list.list] } : list,
          place,
        )
        parts.length = 0
      } else {
        const more = this.#parts()
        if (more.length === 0) break
        parts.push(...more)
      }
      this.#skip(false)
    }
    if (parts.length === 0) {
      if (
        this.#written.get(path)?.place !== place &&
        ![...this.#written.keys()].some(key => key.startsWith(`${path}.`))
      )
        throw this.#wrong(`${path} has no value`, 'write one, or "" for an empty one')
      return
    }
    if (!adds) return this.#set(path, { parts }, place)
    const before = this.#written.get(path)?.member
    const list = before === undefined ? [] : 'list' in before ? before.list : [before]
    this.#set(path, { list: [...list, { parts }] }, place)
  }

  #set(path: string, member: Member, place: Place): void {
    if (this.#written.size >= mostValues)
      throw new Wrong(place, `more than ${mostValues} settings`, 'write less')
    const before = this.#written.get(path)
    this.#written.delete(path)
    this.#written.set(path, { member, place, before })
  }

  /** Quoted elements keep their dots; how paths are written back is nobody's business here. */
  #path(): string {
    const elements: string[] = []
    let isOpen = true
    for (;;) {
      const char = this.#text[this.#at]
      if (char === '"') {
        elements.push(this.#quoted())
        isOpen = false
      } else if (char === '.') {
        this.#at++
        isOpen = true
      } else {
        const [bare = ''] =
          /^[^\s"$:={}[\],+#`^?!@*&\\./]+/.exec(this.#text.slice(this.#at, this.#at + 1000)) ?? []
        if (bare === '') break
        this.#at += bare.length
        if (isOpen) elements.push(bare)
        else elements.push(elements.pop()! + bare)
        isOpen = false
      }
    }
    if (elements.length === 0)
      throw this.#wrong(
        `a key is expected instead of "${this.#text[this.#at] ?? 'the end'}"`,
        'write key = value',
      )
    return elements.join('.')
  }

  #list(place: Place): { readonly list: readonly Member[] } {
    if (++this.#depth > mostDepth) throw this.#wrong(`lists are more than ${mostDepth} deep`, 'write less')
    this.#at++
    const list: Member[] = []
    for (;;) {
      this.#skip(true)
      if (this.#at >= this.#text.length)
        throw new Wrong(place, 'a [ is not closed', 'write the ] that belongs to it')
      if (this.#take(']')) break
      if (this.#take(',')) continue
      if (this.#text[this.#at] === '[') list.push(this.#list(place))
      else if (this.#text[this.#at] === '{')
        throw this.#wrong('an object in a list is not read here', 'write text')
      else {
        const parts = this.#parts()
        if (parts.length === 0)
          throw this.#wrong(`"${this.#text[this.#at]}" is not allowed here`, 'write it in quotes')
        list.push({ parts })
      }
      if (list.length > mostValues) throw new Wrong(place, `a list of more than ${mostValues}`, 'write less')
    }
    this.#depth--
    return { list }
  }

  /** Text and ${…} up to what ends a value; white space between them counts, around them not. */
  #parts(): Part[] {
    const parts: Part[] = []
    for (;;) {
      const space = /^[^\S\n]*/.exec(this.#text.slice(this.#at, this.#at + 1000))![0]
      const next = this.#text[this.#at + space.length]
      const isComment = next === '#' || (next === '/' && this.#text[this.#at + space.length + 1] === '/')
      if (next === undefined || isComment || /[\n,{}[\]]/.test(next)) break
      if (parts.length > 0 && space !== '') parts.push({ text: space })
      this.#at += space.length
      if (next === '"') parts.push({ text: this.#quoted() })
      else if (next === '$') parts.push(this.#substitution())
      else {
        const [bare = ''] =
          /^(?:[^\s"$:={}[\],+#`^?!@*&\\/]|\/(?!\/))+/.exec(this.#text.slice(this.#at)) ?? []
        if (bare === '')
          throw this.#wrong(
            `the character ${next} is not allowed in a value without quotes`,
            'write the value in quotes',
          )
        parts.push({ text: bare })
        this.#at += bare.length
      }
    }
    return parts
  }

  #quoted(): string {
    const place = this.#place
    if (this.#take('"""')) {
      const end = /"""+/g
      end.lastIndex = this.#at
      const found = end.exec(this.#text)
      if (found === null) throw new Wrong(place, 'a """ is not closed', 'write """ at its end')
      // Quotes before the last three belong to the text.
      const text = this.#text.slice(this.#at, found.index + found[0].length - 3)
      this.#at = found.index + found[0].length
      this.#line += text.split('\n').length - 1
      return text
    }
    const found = /"(?:[^"\\\n]|\\[^\n])*"/y
    found.lastIndex = this.#at
    const [literal] = found.exec(this.#text) ?? []
    if (literal === undefined)
      throw new Wrong(place, 'a quote is not closed in its line', 'write " at its end')
    this.#at += literal.length
    try {
      return JSON.parse(literal.replaceAll('\t', '\\t')) as string
    } catch {
      throw new Wrong(place, 'a \\ in quotes is none of JSON’s escapes', 'write \\\\ for a backslash')
    }
  }

  #substitution(): Part {
    const found = /\$\{(\??)\s*([^}\n]*?)\s*\}/y
    found.lastIndex = this.#at
    const [all, mark, path] = found.exec(this.#text) ?? []
    if (all === undefined || path === '' || path === undefined)
      throw this.#wrong('a value holds a $ that begins no ${…}', 'write the value in quotes')
    this.#at += all.length
    return { path: path.replaceAll('"', ''), isOptional: mark === '?' }
  }

  // ---------------------------------------------------------------------------------------- include

  #include(prefix: string): boolean {
    const found =
      /include\s+(?:(required)\s*\(\s*)?(?:(file|url|classpath)\s*\(\s*)?"([^"\n]*)"[\s)]*?(?=[\n,}#]|\/\/|$)/y
    found.lastIndex = this.#at
    const [all, required, kind, name = ''] = found.exec(this.#text) ?? []
    if (all === undefined) return false
    const place = this.#place
    this.#at += all.length
    if (++this.#includes > mostIncludes)
      throw new Wrong(
        place,
        `more than ${mostIncludes} includes, or one that includes itself`,
        'remove some of them',
      )
    let problem = kind === 'file' || kind === undefined ? null : `include of ${kind} is not read here`
    if (problem === null)
      try {
        const included = this.#options.include(name, this.#file)
        if (included === null) problem = required === undefined ? null : `there is no file ${name} to include`
        else {
          const depth = this.#depth
          this.#depth = 0
          this.file(included.text, included.file, prefix)
          this.#depth = depth
          return true
        }
      } catch (error) {
        if (error instanceof Wrong) throw error
        problem = `${name} cannot be included: ${messageOf(error)}`
      }
    if (problem === null) return true
    if (required !== undefined) throw new Wrong(place, problem, 'correct its name, or leave out required')
    this.problems.push({ severity: 'warning', place, problem, fix: 'write its settings into this file' })
    return true
  }

  // ----------------------------------------------------------------------------------- substitution

  #valueOf(
    path: string,
    written: Written | undefined,
    above: ReadonlySet<Written>,
  ): string | string[] | null {
    if (written === undefined) return this.#options.environment[path] ?? null
    const { member, place, before } = written
    if (above.has(written) || above.size > mostDepth)
      throw new Wrong(place, `${path} refers to itself`, 'write its value')
    const inside = new Set(above).add(written)
    const valueOf = (one: Member): string | string[] | null => {
      if ('list' in one) return one.list.flatMap(item => valueOf(item) ?? [])
      const pieces: (string | string[])[] = []
      for (const part of one.parts) {
        if ('text' in part) {
          pieces.push(part.text)
          continue
        }
        const target = part.path === path ? before : this.#written.get(part.path)
        const value = this.#valueOf(part.path, target, inside)
        if (value !== null) pieces.push(value)
        else if (!part.isOptional)
          throw new Wrong(
            place,
            `\${${part.path}} is set neither here nor in the environment`,
            `write \${?${part.path}} where it may be missing`,
          )
      }
      if (pieces.length === 0) return null
      return pieces.length === 1 ? pieces[0]! : pieces.flat().join('')
    }
    // A value of ${?…} alone that stands for nothing leaves what was there.
    return valueOf(member) ?? (before === undefined ? null : this.#valueOf(path, before, inside))
  }
}
