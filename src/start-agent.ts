// Starts an agent inside a program, from the text of a configuration.
import { execFile } from 'node:child_process'
import { userInfo } from 'node:os'
import { promisify } from 'node:util'
import type { CatalogueEntry } from './component.ts'
import { catalogue } from './components.ts'
import { readConfiguration } from './config/configuration.ts'
import type { Problem } from './config/problem.ts'
import { silentLogger, type Logger } from './observe/log.ts'
import { realSystem } from './system/system.ts'
import { Agent, StartFailure } from './topology/agent.ts'
import { buildTopology } from './topology/build-topology.ts'

export interface AgentOptions {
  /** Which agent of the text. */
  readonly name: string
  /** Properties text, as it would stand in a file. */
  readonly configuration: string
  /** Name that places in problems carry; a relative path of a component of your own starts from it. */
  readonly file?: string
  readonly log?: Logger
  /** Components beside those of Millrace. */
  readonly components?: readonly CatalogueEntry[]
  /** What -D would set. */
  readonly properties?: Readonly<Record<string, string>>
}

/** A running agent. Rejects with StartFailure, which holds every problem, when it cannot start. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { name, configuration, file = 'configuration', log = silentLogger, components = [] } = options
  const systemProperties = new Map(Object.entries(options.properties ?? {}))
  const home = userInfo().homedir
  const problems: Problem[] = []
  const read = await readConfiguration([{ file, bytes: Buffer.from(configuration) }], {
    agent: name,
    environment: process.env,
    systemProperties,
    now: realSystem.clock.now(),
    run: async ([program, ...rest]) =>
      (await promisify(execFile)(program!, rest)).stdout.split(/\r?\n/, 1)[0]!,
  })
  problems.push(...read.problems)
  const built =
    read.config === undefined
      ? { problems: [] }
      : await buildTopology(read.config, { catalogue: [...components, ...catalogue], surroundings: { home } })
  problems.push(...built.problems)
  const errors = problems.filter(one => one.severity === 'error')
  if (built.topology === undefined || errors.length > 0) throw new StartFailure(errors)
  const agent = new Agent(built.topology, {
    agent: name,
    system: realSystem,
    log,
    home,
    logRawData: false,
    systemProperties,
  })
  await agent.start()
  return agent
}
