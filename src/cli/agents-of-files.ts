// Every agent that some files describe, each file by itself, read without a look at this machine: the agents of one
// system usually run on several.
import type { ClassMap } from '../config/class-map.ts'
import { inOrder, type Problem } from '../config/problem.ts'
import { decodeText, parseProperties } from '../config/properties.ts'
import { settingsByAgent } from '../config/settings-by-agent.ts'
import { messageOf } from '../errors.ts'
import { loadTopology, type Loaded } from '../load-topology.ts'
import { homeDirectory } from '../system/environment.ts'
import { readTexts } from './configuration-source.ts'

export interface AgentOfFile extends Loaded {
  readonly agent: string
  readonly file: string
}

export interface AgentsOfFiles {
  readonly members: readonly AgentOfFile[]
  /** Of all of them, and of files that cannot be read. */
  readonly problems: readonly Problem[]
  /** Names of all agents, also of those that are not wanted. */
  readonly known: readonly string[]
  /** Whether a file or an agent is missing from `members`, or has no topology. */
  readonly isWrong: boolean
}

/** `wanted`: names of agents; all where absent. */
export async function agentsOfFiles(
  files: readonly string[],
  systemProperties: ReadonlyMap<string, string>,
  {
    wanted,
    isOfSet = false,
    classes,
  }: {
    readonly wanted?: readonly string[] | undefined
    readonly isOfSet?: boolean
    readonly classes?: ClassMap
  },
): Promise<AgentsOfFiles> {
  const members: AgentOfFile[] = []
  const problems: Problem[] = []
  const known: string[] = []
  let isWrong = false
  for (const file of files) {
    const unread: Problem[] = []
    const texts = await readTexts({ files: [file], uris: [] }).catch((error: unknown) => {
      unread.push({ severity: 'error', problem: messageOf(error), fix: 'correct the path, or the file' })
      return []
    })
    const text = texts[0] && decodeText(texts[0].bytes, file, unread)
    if (text === undefined) {
      problems.push(...unread)
      isWrong = true
      continue
    }
    for (const agent of settingsByAgent(parseProperties(text, file).settings).agents) {
      known.push(agent)
      if (wanted !== undefined && !wanted.includes(agent)) continue
      const loaded = await loadTopology(texts, {
        agent,
        environment: process.env,
        systemProperties,
        home: homeDirectory(),
        isOfSet,
        ...(classes === undefined ? {} : { classes }),
      })
      problems.push(...loaded.problems)
      if (loaded.topology === undefined) isWrong = true
      members.push({ agent, file, ...loaded })
    }
  }
  return { members, problems: inOrder(problems), known, isWrong }
}
