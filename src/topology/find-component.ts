// Finds the definition that a `type =` names: in the catalogue, or in a module the operator wrote and
// named by its path. Nothing else names code to load.
import { registerHooks } from 'node:module'
import { dirname, isAbsolute, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { CatalogueEntry, ComponentKind, Definition, DefinitionOf } from '../component.ts'
import type { Setting } from '../config/agent-config.ts'
import { suggest } from '../config/did-you-mean.ts'
import type { Problem } from '../config/problem.ts'
import { messageOf } from '../errors.ts'

export type Found<K extends ComponentKind> =
  | { readonly definition: DefinitionOf<K> }
  | { readonly problem: Problem }

const kindWords: Record<ComponentKind, string> = {
  source: 'source',
  channel: 'channel',
  sink: 'sink',
  interceptor: 'interceptor',
  selector: 'channel selector',
  'sink-processor': 'sink processor',
}

/** The definition of `kind` that `type` names, or the problem with it. */
export async function findComponent<K extends ComponentKind>(
  catalogue: readonly CatalogueEntry[],
  kind: K,
  type: Setting,
): Promise<Found<K>> {
  const name = type.value.trim()
  const refuse = (problem: string, fix: string): Found<K> => ({
    problem: { severity: 'error', place: type.place, problem, fix },
  })
  if (isPath(name)) return findByPath(kind, type, refuse)
  const wanted = name.toLowerCase()
  const entries = catalogue.filter(entry => entry.kind === kind)
  const entry = entries.find(({ names }) => names.some(one => one.toLowerCase() === wanted))
  const word = kindWords[kind]
  if (entry?.load !== undefined) return { definition: (await entry.load()) as DefinitionOf<K> }
  if (entry !== undefined) {
    const there = entries.filter(one => one.load !== undefined).map(one => one.names[0]!)
    return refuse(`${type.key} = ${name}: ${entry.absent}`, `use one of: ${there.join(', ')}`)
  }
  // `type = kafka` is what many write; Flume has no alias for its Kafka components.
  const bySuffix = entries.find(({ names }) => names.some(one => one.toLowerCase().includes(`.${wanted}.`)))
  const near =
    bySuffix?.names[0] ??
    suggest(
      name,
      entries.flatMap(one => [...one.names]),
    )
  return refuse(
    `${type.key} = ${name}: there is no ${word} of this type`,
    near === undefined
      ? `use one of: ${entries.map(one => one.names[0]).join(', ')}, or the path of a module of your own (./my-${kind}.js)`
      : `did you mean ${near}`,
  )
}

function isPath(name: string): boolean {
  return isAbsolute(name) || name.startsWith('./') || name.startsWith('../')
}

/** The public door, as source or as built. */
const door = new URL(import.meta.url.endsWith('.ts') ? '../index.ts' : '../index.js', import.meta.url).href
let isOffered = false

/** Wherever a component lies, and whatever is installed there, by 'millrace' it means the program that loads it. */
function offerOurselves(): void {
  if (isOffered) return
  isOffered = true
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === 'millrace' ? { url: door, shortCircuit: true } : next(specifier, context),
  })
}

async function findByPath<K extends ComponentKind>(
  kind: K,
  type: Setting,
  refuse: (problem: string, fix: string) => Found<K>,
): Promise<Found<K>> {
  const path = resolve(dirname(type.place.file), type.value.trim())
  let module: Record<string, unknown>
  try {
    offerOurselves()
    module = (await import(pathToFileURL(path).href)) as Record<string, unknown>
  } catch (error) {
    return refuse(
      `${type.key}: ${path} cannot be loaded: ${messageOf(error)}`,
      'correct the path or the module',
    )
  }
  const definition = [module['default'], ...Object.values(module)].find(
    (value): value is Definition =>
      typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind,
  )
  if (definition === undefined)
    return refuse(
      `${type.key}: ${path} exports no ${kindWords[kind]}`,
      'export one made with the define functions',
    )
  return { definition: definition as DefinitionOf<K> }
}
