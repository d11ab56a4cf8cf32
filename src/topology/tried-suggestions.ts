// A suggestion is tried before it is printed: where following it would lead to another refusal, or to a
// directory that another component has, both are said.
import type { Outside } from '../component.ts'
import type { AgentConfig, Setting } from '../config/agent-config.ts'
import { readAgent } from '../config/grammar.ts'
import { sentence, type Edit, type Problem } from '../config/problem.ts'
import { settingsByAgent } from '../config/settings-by-agent.ts'
import { buildTopology, type BuildParts, type Built } from './build-topology.ts'
import { examineTopology, rehearseChannels } from './examine.ts'
import type { Topology } from './topology.ts'

/** Trying one reads and builds everything once more: a few are enough, and large files are left out. */
const mostTried = 20
const mostSettings = 5000

export interface Tried {
  readonly agent: string
  readonly settings: readonly Setting[]
  /** What they make now. */
  readonly built: Built
  /** The other agents of the same files, by name. */
  readonly neighbours: ReadonlyMap<string, Built>
  /** Where it may be looked at who has a directory now. */
  readonly outside?: Outside | undefined
}

/** The problems, their suggestions completed by what would come of them. */
export async function trySuggestions(
  problems: readonly Problem[],
  base: Tried,
  parts: BuildParts,
): Promise<Problem[]> {
  if (base.settings.length > mostSettings) return [...problems]
  const known = new Set(problems.map(one => one.problem))
  let left = mostTried
  const out: Problem[] = []
  for (const problem of problems) {
    const { edit, fix } = problem
    if (edit === undefined || left-- <= 0) {
      out.push(problem)
      continue
    }
    const more = await comesOf(edit, known, base, parts)
    out.push(more === '' ? problem : { ...problem, fix: `${sentence(fix)} ${more}` })
  }
  return out
}

async function comesOf(
  edit: Edit,
  known: ReadonlySet<string>,
  { agent, settings, built, neighbours, outside }: Tried,
  parts: BuildParts,
): Promise<string> {
  const { config, problems } = readAgent(settingsByAgent(edited(settings, edit)), agent, '')
  const then = config === undefined ? undefined : await buildTopology(config, parts)
  const fresh = [...problems, ...(then?.problems ?? [])].find(
    one => one.severity === 'error' && !known.has(one.problem),
  )
  if (fresh !== undefined) return `Then this must be corrected as well: ${fresh.problem} (${fresh.fix})`
  // A directory or port takes the place of another; what a whole component claims goes without saying.
  const claims = then?.claims.size === built.claims.size ? then.claims : new Map<string, string>()
  for (const [claim, owner] of claims) {
    if (built.claims.has(claim)) continue
    for (const [name, { claims }] of neighbours) {
      const other = claims.get(claim)
      if (other !== undefined)
        return `But ${other} of agent ${name} uses ${claim}: where both run on one machine, the later one does not start. Give ${owner} one of its own`
    }
    const taken =
      outside === undefined || config === undefined || then?.topology === undefined
        ? undefined
        : await troubleWith(claim, config, then.topology, outside)
    if (taken !== undefined) return `But ${taken}. Give ${owner} one of its own`
    return `Then no other component on this machine may use ${claim}, in this agent or another`
  }
  return ''
}

/** What a start would meet there: somebody who has it, or what another one has left in it. */
async function troubleWith(
  claim: string,
  config: AgentConfig,
  topology: Topology,
  outside: Outside,
): Promise<string | undefined> {
  const [, path = claim] = /^directory (.+)$/.exec(claim) ?? []
  const found = [
    ...(await examineTopology(config, topology, outside)),
    ...(await rehearseChannels(topology, outside)),
  ]
  return found
    .find(({ problem }) => problem.includes(path))
    ?.problem.replace(/^(\S+|channel \S+ cannot start): /, '')
}

/** The settings as the suggestion would have them. */
export function edited(settings: readonly Setting[], { key, newKey = key, value }: Edit): Setting[] {
  const before = settings.find(one => one.key === key)
  const made = {
    key: newKey,
    value: value ?? before?.value ?? '',
    place: before?.place ?? { file: '', line: 0 },
  }
  return before === undefined
    ? [...settings, made]
    : settings.map(one => (one === before ? { ...one, ...made } : one))
}
