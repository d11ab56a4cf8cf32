// Files -> AgentConfig: decodes, parses and merges the files, fills in lookups and config filters, and
// orders the agent's settings. Every problem is collected.
import type { AgentConfig, Setting } from './agent-config.ts'
import { applyConfigFilters, type RunCommand } from './config-filters.ts'
import { takeClasses, type ClassMap } from './class-map.ts'
import { readAgent } from './grammar.ts'
import { settingsByAgent } from './settings-by-agent.ts'
import { environmentMode, resolveLookups } from './lookups.ts'
import type { Problem } from './problem.ts'
import { decodeText, parseProperties } from './properties.ts'

/** A configuration as it was read, with the name of its file. */
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
  readonly classes: ClassMap
}

/** Reads the agent from the files; of a key in several files the last one counts. */
export async function readConfiguration(
  texts: readonly ConfigurationText[],
  { agent, environment, systemProperties, now, run }: ReadOptionsOfConfiguration,
): Promise<ReadConfiguration> {
  const problems: Problem[] = []
  const merged = new Map<string, Setting>()
  let isWhole = true
  for (const { file, bytes } of texts) {
    const text = decodeText(bytes, file, problems)
    isWhole &&= text !== undefined
    if (text === undefined) continue
    const parsed = parseProperties(text, file)
    for (const problem of parsed.problems) problems.push(problem)
    for (const setting of parsed.settings) {
      const key = setting.key.trim()
      merged.set(key, { key, value: setting.value.trim(), place: setting.place })
    }
  }
  // What is in a file that cannot be read is not known: nothing can be said of what is missing.
  if (!isWhole) return { problems, settings: [], classes: new Map() }
  const looked = resolveLookups([...merged.values()], {
    environment,
    systemProperties,
    now,
    environmentByName: systemProperties.get('propertiesImplementation') === environmentMode,
  })
  for (const problem of looked.problems) problems.push(problem)
  const filtered = await applyConfigFilters(looked.settings, agent, { environment, run })
  for (const problem of filtered.problems) problems.push(problem)
  const { classes, settings, problems: ofClasses } = takeClasses(filtered.settings)
  for (const problem of ofClasses) problems.push(problem)
  const { config, problems: more } = readAgent(
    settingsByAgent(settings),
    agent,
    texts.map(text => text.file).join(', '),
  )
  for (const problem of more) problems.push(problem)
  return { ...(config === undefined ? {} : { config }), problems, settings, classes }
}
