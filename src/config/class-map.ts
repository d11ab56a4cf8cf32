// Which file of the operator's is meant by a Java class that a configuration names: `millrace.classes.<class> = <file>` in
// the configuration, or --map <class>=<file> on the command line, which goes before it.
import { dirname, isAbsolute, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Setting } from './agent-config.ts'
import type { Place, Problem } from './problem.ts'

export interface MappedClass {
  /** Absolute; or what is wrong with the path. */
  readonly path: string | { readonly problem: string; readonly fix: string }
  /** How it is written, for messages. */
  readonly written: string
  /** Absent where it stands on the command line. */
  readonly place?: Place
}

/** By the name of the class, as `classKey` has it. */
export type ClassMap = ReadonlyMap<string, MappedClass>

const beginning = 'millrace.classes.'

/** Without regard to case, as all names of types. */
const classKey = (name: string): string => name.trim().toLowerCase()

/** A Builder, or another class inside, is what a configuration names, and the class around it what people know. */
const aroundKey = (name: string): string => classKey(name).replace(/\$[^.]*$/, '')

/** What is mapped for the class: that very name, or the class around it. */
export const mappedClass = (classes: ClassMap, name: string): MappedClass | undefined =>
  classes.get(classKey(name)) ?? classes.get(aroundKey(name))

/** Adds a class; a Builder that is mapped maps the class around it as well, where that has no file of its own. */
export function addClass(classes: Map<string, MappedClass>, name: string, mapped: MappedClass): void {
  classes.set(classKey(name), mapped)
  const around = classKey(name).replace(/\$builder$/, '')
  if (!classes.has(around)) classes.set(around, mapped)
}

/** The path of a module that is written in a configuration; relative ones begin at the directory of its file. */
export function modulePath(written: string, { file }: Place): MappedClass['path'] {
  const path = written.trim()
  if (isAbsolute(path)) return path
  if (/^https?:/i.test(file))
    return {
      problem: `${path} is relative, and the configuration is no file of this machine`,
      fix: 'write the absolute path of a file of this machine',
    }
  return resolve(dirname(/^file:/i.test(file) ? fileURLToPath(file) : file), path)
}

/** Takes the mappings out of all settings. One that no setting names is a warning. */
export function takeClasses(settings: readonly Setting[]): {
  readonly classes: ClassMap
  readonly settings: readonly Setting[]
  readonly problems: readonly Problem[]
} {
  const isMapping = ({ key }: Setting) => key.startsWith(beginning)
  const mappings = settings.filter(isMapping)
  if (mappings.length === 0) return { classes: new Map(), settings, problems: [] }
  const others = settings.filter(one => !isMapping(one))
  const named = new Set(others.flatMap(({ value }) => [classKey(value), aroundKey(value)]))
  const classes = new Map<string, MappedClass>()
  const problems: Problem[] = []
  for (const { key, value, place } of mappings) {
    const name = key.slice(beginning.length)
    if (name.trim() === '' || value.trim() === '') {
      const problem = `${key}: ${name.trim() === '' ? 'no class is named' : 'no file is named'}`
      problems.push({
        severity: 'error',
        place,
        problem,
        fix: `write ${beginning}com.example.MyClass = ./my-class.ts`,
      })
      continue
    }
    if (!named.has(classKey(name)) && !named.has(aroundKey(name)))
      problems.push({
        severity: 'warning',
        place,
        problem: `${key} has no effect: no type names this class`,
        fix: 'correct the name of the class, or remove the line',
      })
    const mapped: MappedClass = { path: modulePath(value, place), written: key, place }
    addClass(classes, name, mapped)
  }
  return { classes, settings: others, problems }
}
