// Starts an agent inside a program, from the text of a configuration.
import type { CatalogueEntry } from './component.ts'
import { formatProblem } from './config/problem.ts'
import { loadTopology } from './load-topology.ts'
import { silentLogger, type Logger } from './observe/log.ts'
import { homeDirectory, environment } from './system/environment.ts'
import { realSystem } from './system/system.ts'
import { Agent, StartFailure } from './topology/agent.ts'

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
  const home = homeDirectory()
  const { topology, problems } = await loadTopology([{ file, bytes: Buffer.from(configuration) }], {
    agent: name,
    environment: environment(),
    systemProperties,
    home,
    components,
  })
  if (topology === undefined) throw new StartFailure(problems.filter(one => one.severity === 'error'))
  for (const problem of problems) log.warn(formatProblem(problem))
  const agent = new Agent(topology, {
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
