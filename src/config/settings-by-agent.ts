// Settings by the agent whose name they begin with, and a warning for those that belong to no agent: a
// misspelt agent name makes a line of a file count for nothing, as a misspelt key does.
import { suggest } from '../did-you-mean.ts'
import type { Setting } from './agent-config.ts'
import type { Problem } from './problem.ts'

export const kinds = ['configfilters', 'sources', 'channels', 'sinks', 'sinkgroups'] as const
export type Kind = (typeof kinds)[number]
export const isKind = (word: string | undefined): word is Kind => kinds.some(one => one === word)

export interface SettingsByAgent {
  /** By what stands before the first dot, in the order written. */
  readonly owners: ReadonlyMap<string, readonly Setting[]>
  /** Keys without a dot: texts for `${…}`, or mistakes. */
  readonly plain: readonly Setting[]
  /** Names of the agents that the settings describe. */
  readonly agents: readonly string[]
}

export function settingsByAgent(settings: readonly Setting[]): SettingsByAgent {
  const owners = new Map<string, Setting[]>()
  const plain: Setting[] = []
  const agents = new Set<string>()
  for (const setting of settings) {
    const { key } = setting
    const dot = key.indexOf('.')
    if (dot < 0) {
      plain.push(setting)
      continue
    }
    const owner = key.slice(0, dot)
    const own = owners.get(owner)
    if (own === undefined) owners.set(owner, [setting])
    else own.push(setting)
    // A list is what makes an agent; one misspelt line does not.
    if (isKind(key.slice(dot + 1))) agents.add(owner)
  }
  return { owners, plain, agents: [...agents] }
}

/** Names for a sentence; a file may have thousands. */
export function namesIn(names: readonly string[]): string {
  const shown = names.slice(0, 10).join(', ')
  return names.length > 10 ? `${shown} and ${names.length - 10} others` : shown
}

/** A warning for each owner that is no agent, where the agent `name` is the one that is wanted. */
export function strangers({ owners, plain, agents }: SettingsByAgent, name: string): Problem[] {
  const problems: Problem[] = []
  const known = [...new Set([name, ...agents])]
  for (const [owner, settings] of owners) {
    if (known.includes(owner)) continue
    const own = settings.filter(one => one.referred !== true)
    const [first] = own
    if (first === undefined) continue
    const { key, place } = first
    const more = own.length === 1 ? '' : ` (and ${own.length - 1} more)`
    const near = problems.length < 100 ? suggest(owner, known) : undefined
    const newKey = isKind(owner) ? `${name}.${key}` : near && `${near}${key.slice(owner.length)}`
    problems.push({
      severity: 'warning',
      place,
      problem: `${key}${more} counts for nothing: the files describe no agent ${owner}`,
      fix: newKey === undefined ? `begin it with ${namesIn(known)}, or remove it` : `did you mean ${newKey}`,
      ...(newKey === undefined ? {} : { edit: { key, newKey } }),
    })
  }
  for (const { key, place, referred } of plain)
    if (referred !== true)
      problems.push({
        severity: 'warning',
        place,
        problem: `${key} counts for nothing: it is no setting, because there is no dot in it, and no \${…} names it`,
        fix: isKind(key) ? `did you mean ${name}.${key}` : 'write agent.kind.name.key = value, or remove it',
        ...(isKind(key) ? { edit: { key, newKey: `${name}.${key}` } } : {}),
      })
  return problems
}
