// Finds the definition that a `type =` names: in the catalogue, or in a module the operator wrote and named by its path,
// or mapped to the Java class of this name. Nothing else names code to load.
import { isAbsolute } from 'node:path'
import type { CatalogueEntry, ComponentKind, Definition, DefinitionOf } from '../component.ts'
import type { Setting } from '../config/agent-config.ts'
import { mappedClass, modulePath, type ClassMap, type MappedClass } from '../config/class-map.ts'
import type { Edit, Problem } from '../config/problem.ts'
import { bareWord, editDistance, suggest } from '../did-you-mean.ts'
import { messageOf } from '../errors.ts'
import { adviceFor, moduleNameOf } from '../java/known-classes.ts'
import { loadModule } from '../system/modules.ts'

export type Found<K extends ComponentKind> =
  | { readonly definition: DefinitionOf<K>; /** Of a module. */ readonly version?: string }
  | { readonly problem: Problem }

const kindWords: Record<ComponentKind, string> = {
  source: 'source',
  channel: 'channel',
  sink: 'sink',
  interceptor: 'interceptor',
  selector: 'channel selector',
  'sink-processor': 'sink processor',
}

type Refuse = (problem: string, fix: string, value?: string) => { readonly problem: Problem }

/** The definition of `kind` that `type` names, or the problem with it. */
export async function findComponent<K extends ComponentKind>(
  { catalogue, classes }: { catalogue: readonly CatalogueEntry[]; classes?: ClassMap | undefined },
  kind: K,
  type: Setting,
): Promise<Found<K>> {
  const name = type.value.trim()
  const refuse: Refuse = (problem, fix, value) => {
    const edit: { edit?: Edit } = value === undefined ? {} : { edit: { key: type.key, value } }
    return { problem: { severity: 'error', place: type.place, problem, fix, ...edit } }
  }
  const mapped = classes && mappedClass(classes, name)
  if (mapped !== undefined) return findByPath(kind, mapped)
  if (isPath(name))
    return findByPath(kind, { path: modulePath(name, type.place), written: type.key, place: type.place })
  const entry = named(catalogue, kind, name)
  if (entry?.load !== undefined) return { definition: (await entry.load()) as DefinitionOf<K> }
  return explain(catalogue, kind, type, refuse)
}

const named = (catalogue: readonly CatalogueEntry[], kind: ComponentKind, name: string) =>
  catalogue.find(
    one => one.kind === kind && one.names.some(known => known.toLowerCase() === name.toLowerCase()),
  )

/** Why there is no such component, and what would work instead: nothing else is suggested. */
function explain(catalogue: readonly CatalogueEntry[], kind: ComponentKind, type: Setting, refuse: Refuse) {
  const name = type.value.trim()
  const word = kindWords[kind]
  // What was looked up may be a secret.
  const what = `${type.key} = ${type.looked === true ? '(looked up, not shown)' : name}`
  const entries = catalogue.filter(one => one.kind === kind)
  const there = entries.filter(one => one.load !== undefined).map(one => one.names[0]!)
  const use = `use one of: ${there.join(', ')}, or the path of a module of your own (./my-${kind}.js)`
  const none = `${what}: there is no ${word} of this type`
  const notHere = (near: string, { absent }: CatalogueEntry) =>
    refuse(`${none}. Flume's ${near} is near, but not here: ${absent}`, use)

  const before = type.key.replace(/type$/, '')
  const advice = type.looked === true ? undefined : adviceFor(kind, name, before)
  const known = named(entries, kind, name)
  if (known !== undefined)
    return refuse(`${what}: ${known.absent}`, advice?.isKnown === true ? advice.use : use)
  if (/\.[mc]?[jt]s$/.test(name))
    return refuse(
      `${none}; it looks like a file`,
      `write ./${name} for a module beside this file`,
      `./${name}`,
    )
  if (isJavaClass(name)) {
    const like = flumeClass(entries, name)
    if (like === undefined)
      return refuse(
        `${what}: Java classes cannot be loaded${advice === undefined ? '' : `; ${advice.does}`}`,
        `${advice === undefined ? '' : `${advice.use}; or `}${howToMap(kind, type)}`,
      )
    const value = like.names.find(one => one.includes('.'))!
    if (like.load === undefined) return notHere(value, like)
    return refuse(
      `${what}: Flume has no class of this name, and Java classes of your own cannot be loaded`,
      `did you mean ${value}`,
      value,
    )
  }
  const elsewhere = catalogue.find(one => one.kind !== kind && named([one], one.kind, name) !== undefined)
  const near = nearEntry(entries, name)
  if (near === undefined)
    return advice?.isKnown === true
      ? refuse(`${none}; ${advice.does}`, advice.use)
      : refuse(elsewhere === undefined ? none : `${none}; it is a ${kindWords[elsewhere.kind]}`, use)
  const value = near.names[0]!
  if (near.load === undefined) return notHere(value, near)
  return refuse(none, `did you mean ${value}`, value)
}

/** Kinds of which `millrace init` writes a template. */
const templates: ReadonlySet<ComponentKind> = new Set(['source', 'sink', 'interceptor'])

/** How a module of the operator's takes the place of the class. */
function howToMap(kind: ComponentKind, { value, looked }: Setting): string {
  const name = looked === true ? 'com.example.MyClass' : value.trim().replace(/\$.*$/, '')
  const simple = name.replace(/^.*\./, '')
  const how = templates.has(kind)
    ? `millrace init ${kind} ${simple} writes a template`
    : 'examples/04-own-component shows how'
  return `write it in TypeScript (${how}) and add millrace.classes.${name} = ./${moduleNameOf(name)}.ts (docs/guides/java-classes.md)`
}

/** A name with a package, or of a nested class. */
const isJavaClass = (name: string) => /^[\w$]+(\.[\w$]+)+$|^\w+\$\w+$/.test(name)
const simpleName = (name: string) =>
  name
    .toLowerCase()
    .split('.')
    .at(-1)!
    .replace(/\$builder$/, '')

/**
 * The class of Flume's that is meant: one in Flume's package of nearly this name, or of this name in another.
 * Somebody's own class is compared with none: the other one would do something else to the events.
 */
function flumeClass(entries: readonly CatalogueEntry[], name: string): CatalogueEntry | undefined {
  const lower = name.toLowerCase()
  const isFlume = lower.startsWith('org.apache.flume.')
  if (!isFlume && lower.includes('.')) return undefined
  const own = simpleName(name)
  const isMeant = (one: string) => {
    const theirs = simpleName(one)
    if (own === theirs) return true
    // MyHostInterceptor is no slip of the pen.
    return isFlume && !own.includes(theirs) && editDistance(lower, one.toLowerCase()) <= 2
  }
  return entries.find(({ names }) => names.some(one => one.includes('.') && isMeant(one)))
}

/** By alias, by the class without its package, or by a part of the package, as `kafka`. */
function nearEntry(entries: readonly CatalogueEntry[], name: string): CatalogueEntry | undefined {
  const wanted = bareWord(name).toLowerCase()
  const byClass = entries.find(({ names }) =>
    names.some(one => one.toLowerCase().includes(`.${wanted}.`) || simpleName(one) === wanted),
  )
  if (byClass !== undefined) return byClass
  const alias = suggest(
    wanted,
    entries.flatMap(({ names }) => names.filter(one => !one.includes('.'))),
  )
  return entries.find(({ names }) => alias !== undefined && names.includes(alias))
}

function isPath(name: string): boolean {
  return isAbsolute(name) || name.startsWith('./') || name.startsWith('../')
}

async function findByPath<K extends ComponentKind>(
  kind: K,
  { path, written, place }: MappedClass,
): Promise<Found<K>> {
  const refuse = (problem: string, fix: string): Found<K> => ({
    problem: { severity: 'error', place, problem: `${written}: ${problem}`, fix },
  })
  if (typeof path !== 'string') return refuse(path.problem, path.fix)
  let module: Awaited<ReturnType<typeof loadModule>>
  try {
    module = await loadModule(path)
  } catch (error) {
    const isMissing =
      error instanceof Error &&
      'code' in error &&
      error.code === 'ERR_MODULE_NOT_FOUND' &&
      error.message.includes(`'${path}'`)
    const where = place === undefined ? 'the working directory' : 'the directory of the file it is written in'
    return refuse(
      `${path} cannot be loaded: ${isMissing ? 'there is no such file' : messageOf(error)}`,
      isMissing ? `correct the path, which begins at ${where}` : 'correct the module',
    )
  }
  const { exports, version } = module
  const definition = [exports['default'], ...Object.values(exports)].find(
    (value): value is Definition =>
      typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind,
  )
  if (definition === undefined)
    return refuse(`${path} exports no ${kindWords[kind]}`, 'export one made with the define functions')
  const parts: Record<string, unknown> = { ...definition }
  const missing = Object.entries(definitionParts).filter(
    ([key, is]) => typeof parts[key] !== is || parts[key] === null,
  )
  if (missing.length > 0)
    return refuse(
      `the ${kindWords[kind]} that ${path} exports has no ${missing.map(([key]) => key).join(', no ')}`,
      'export one made with the define functions',
    )
  return { definition: definition as DefinitionOf<K>, version }
}

/** What no definition can do without. Programs in JavaScript are checked by nobody else. */
const definitionParts = { type: 'string', options: 'object', create: 'function' }
