// What comes before an agent starts, and all that `millrace check` does: the configuration is read and looked at as a
// whole. What refuses a start is found here, so that both find it.
import { join, resolve } from 'node:path'
import type { ClassMap } from '../config/class-map.ts'
import type { ConfigurationText } from '../config/configuration.ts'
import { inOrder, type Problem } from '../config/problem.ts'
import { messageOf } from '../errors.ts'
import { loadTopology, type LoadOptions } from '../load-topology.ts'
import { homeOf } from '../start-agent.ts'
import { readMonitoring } from '../observe/metrics-settings.ts'
import { obstacleAt } from '../system/disk-access.ts'
import { leastMemoryBudgetBytes, memoryBudgetSetting, readMemoryBudget } from '../system/memory-budget.ts'
import { realSystem } from '../system/system.ts'
import { troubleAt } from '../topology/examine.ts'
import type { Topology } from '../topology/topology.ts'
import { readTexts, type SourceOptions } from './configuration-source.ts'
import type { Launch } from './launch.ts'
import { readLogSettings } from './log-output.ts'

export interface AgentSetup {
  readonly name: string
  readonly source: SourceOptions
  readonly launch: Launch
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Of --map. */
  readonly classes: ClassMap
  readonly backupDirectory?: string
}

export interface Prepared {
  /** Absent when there is an error among the problems. */
  readonly topology?: Topology
  readonly texts: readonly ConfigurationText[]
  readonly problems: readonly Problem[]
  readonly load: LoadOptions
}

/** `isCheck`: no start follows, which would meet by itself what others use at this moment, and what is in channels. */
export async function prepareAgent(setup: AgentSetup, { isCheck = false } = {}): Promise<Prepared> {
  const { name, launch, environment, classes } = setup
  const { properties } = launch
  const load: LoadOptions = {
    agent: name,
    environment,
    classes,
    systemProperties: properties,
    home: homeOf(properties),
    examine: { system: realSystem, isCheck },
  }
  const log = readLogSettings(properties)
  const problems = [...launch.problems, ...log.problems]
  const obstacle = log.file === null ? null : await obstacleAt(resolve(log.file.path), 'written file')
  if (obstacle !== null)
    problems.push({
      severity: 'error',
      problem: `cannot write the log ${log.file!.path}: ${obstacle}`,
      fix: 'correct -Dflume.log.dir and -Dflume.log.file',
    })
  const backup = backupPath(setup)
  const noBackup = backup === undefined ? null : await obstacleAt(resolve(backup), 'written file')
  if (noBackup !== null)
    problems.push({
      severity: 'error',
      problem: `--backup-directory ${setup.backupDirectory}: no backup of the configuration can be kept: ${noBackup}`,
      fix: 'name a directory that the user of the agent may make and write, or leave the option out',
    })
  const budget = properties.get(memoryBudgetSetting)
  if (readMemoryBudget(budget) === null)
    problems.push({
      severity: 'error',
      problem: `-D${memoryBudgetSetting}=${budget} is not a number of bytes of at least ${leastMemoryBudgetBytes}`,
      fix: 'write a whole number, e.g. 134217728, or leave it out',
    })
  const monitoring = readMonitoring(properties)
  if (isCheck && monitoring.type === 'http') {
    const { host = '0.0.0.0', port } = monitoring
    const trouble = await troubleAt(realSystem.network, { host, port })
    if (trouble !== null) {
      const { isPort, problem, fix } = trouble
      const key = isPort ? 'flume.monitoring.port' : 'flume.monitoring.host'
      problems.push({ severity: 'warning', problem: `${key}: ${problem}`, fix })
    }
  }
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
