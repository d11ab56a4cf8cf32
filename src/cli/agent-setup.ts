// What comes before an agent starts, and all that `millrace check` does: the configuration is read and looked at as a
// whole. What refuses a start is found here, so that both find it.
import { join } from 'node:path'
import type { ConfigurationText } from '../config/configuration.ts'
import { inOrder, type Problem } from '../config/problem.ts'
import { messageOf } from '../errors.ts'
import { loadTopology, type LoadOptions } from '../load-topology.ts'
import { homeOf } from '../start-agent.ts'
import type { Topology } from '../topology/topology.ts'
import { readTexts, type SourceOptions } from './configuration-source.ts'
import type { Launch } from './launch.ts'
import { readLogSettings } from './log-output.ts'

export interface AgentSetup {
  readonly name: string
  readonly source: SourceOptions
  readonly launch: Launch
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly backupDirectory?: string
}

export interface Prepared {
  /** Absent when there is an error among the problems. */
  readonly topology?: Topology
  readonly texts: readonly ConfigurationText[]
  readonly problems: readonly Problem[]
  readonly load: LoadOptions
}

export async function prepareAgent(setup: AgentSetup): Promise<Prepared> {
  const { name, launch, environment } = setup
  const { properties } = launch
  const load: LoadOptions = {
    agent: name,
    environment,
    systemProperties: properties,
    home: homeOf(properties),
  }
  const problems = [...launch.problems, ...readLogSettings(properties).problems]
  const texts = await readInitial(setup, problems)
  problems.push(...launch.withoutEffect(texts))
  if (texts.length === 0) return { texts, problems, load }
  const loaded = await loadTopology(texts, load)
  const all = inOrder([...problems, ...loaded.problems])
  const { topology } = loaded
  const isRefused = topology === undefined || all.some(({ severity }) => severity === 'error')
  return { ...(isRefused ? {} : { topology }), texts, problems: all, load }
}

/** The configuration, or the backup of the last good one where none can be read; empty, with a problem, where neither. */
async function readInitial(setup: AgentSetup, problems: Problem[]): Promise<readonly ConfigurationText[]> {
  try {
    return await readTexts(setup.source)
  } catch (error) {
    const backup = backupPath(setup)
    const texts = backup === undefined ? [] : await readTexts({ files: [backup], uris: [] }).catch(() => [])
    problems.push(
      texts.length === 0
        ? { severity: 'error', problem: messageOf(error), fix: 'correct the path, or the file' }
        : {
            severity: 'warning',
            problem: `${messageOf(error)}; the backup ${backup} is used`,
            fix: 'correct the path, or the file',
          },
    )
    return texts
  }
}

export function backupPath({ backupDirectory, name }: AgentSetup): string | undefined {
  return backupDirectory === undefined ? undefined : join(backupDirectory, `.${name}.properties`)
}
