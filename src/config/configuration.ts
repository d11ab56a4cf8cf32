// Files -> AgentConfig: decodes, parses and merges the files, fills in lookups and config filters, and
// orders the agent's settings. Every problem is collected.
import type { AgentConfig, Setting } from './agent-config.ts'
import { applyConfigFilters, type RunCommand } from './config-filters.ts'
import { readAgent } from './grammar.ts'
import { resolveLookups } from './lookups.ts'
import type { Problem } from './problem.ts'
import { parseProperties } from './properties.ts'

export interface ConfigurationText {
  /** Name that places carry: the path as the user wrote it. */
  readonly file: string
  readonly bytes: Uint8Array
}

export interface ReadOptionsOfConfiguration {
  readonly agent: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly systemProperties: ReadonlyMap<string, string>
  readonly now: number
  readonly run: RunCommand
}

export interface ReadConfiguration {
  /** Absent when the agent is not in the files; it must not run when there is an error among the problems. */
  readonly config?: AgentConfig
  readonly problems: readonly Problem[]
  /** All settings after lookups and filters, other agents' too. */
  readonly settings: readonly Setting[]
}

const environmentMode = 'org.apache.flume.node.EnvVarResolverProperties'

/** Reads the agent from the files; of a key in several files the last one counts. */
export async function readConfiguration(
  texts: readonly ConfigurationText[],
  { agent, environment, systemProperties, now, run }: ReadOptionsOfConfiguration,
): Promise<ReadConfiguration> {
  const problems: Problem[] = []
  const merged = new Map<string, Setting>()
  for (const { file, bytes } of texts) {
    const parsed = parseProperties(decode(bytes, file, problems), file)
    for (const problem of parsed.problems) problems.push(problem)
    for (const setting of parsed.settings)
      merged.set(setting.key.trim(), { ...setting, key: setting.key.trim(), value: setting.value.trim() })
  }
  const looked = resolveLookups([...merged.values()], {
    environment,
    systemProperties,
    now,
    environmentByName: systemProperties.get('propertiesImplementation') === environmentMode,
  })
  for (const problem of looked.problems) problems.push(problem)
  const filtered = await applyConfigFilters(looked.settings, agent, { environment, run })
  for (const problem of filtered.problems) problems.push(problem)
  const { config, problems: more } = readAgent(
    filtered.settings,
    agent,
    texts.map(text => text.file).join(', '),
  )
  for (const problem of more) problems.push(problem)
  return { ...(config === undefined ? {} : { config }), problems, settings: filtered.settings }
}

/** UTF-8; where the bytes are not, ISO-8859-1 as Flume 1.10 and later read every file, with a warning. */
function decode(bytes: Uint8Array, file: string, problems: Problem[]): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    const text = Buffer.from(bytes).toString('latin1')
    const line = text.slice(0, firstBadByte(bytes)).split(/\r\n|\r|\n/).length
    problems.push({
      severity: 'warning',
      place: { file, line },
      problem: 'the file is not UTF-8 and is read as ISO-8859-1',
      fix: 'save it as UTF-8, or write other characters as \\uXXXX',
    })
    return text
  }
}

function firstBadByte(bytes: Uint8Array): number {
  let low = 0
  let high = bytes.length
  while (low < high) {
    const middle = (low + high) >> 1
    try {
      // A cut character at the end is not an error in stream mode.
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, middle + 1), { stream: true })
      low = middle + 1
    } catch {
      high = middle
    }
  }
  return low
}
