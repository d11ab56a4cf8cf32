// What a start would meet outside of the configuration, found before anything is started and without changing
// anything: each component looks at what its options name (`examine` of its definition).
import { parseAddress, wantsOtherPort, type Address } from '../address.ts'
import type { Definition, Outside } from '../component.ts'
import type { AgentConfig, ComponentConfig } from '../config/agent-config.ts'
import type { Problem } from '../config/problem.ts'
import { sayOf } from '../config/read-options.ts'
import { Fault, messageOf } from '../errors.ts'
import { Conditions } from '../observe/conditions.ts'
import { silentLogger, type Logger } from '../observe/log.ts'
import { lookingDisk } from '../system/looking-disk.ts'
import type { Network } from '../system/network.ts'
import { problemOf } from './agent.ts'
import { rehearseChannel } from './instances.ts'
import type { Topology } from './topology.ts'

/** A component, with how it was written. */
interface Examined {
  readonly definition: Definition
  readonly options: never
  readonly written: ComponentConfig
}

/** `topology` is what was built of `config`. Parts that run already, in `running`, are left out. */
export async function examineTopology(
  config: AgentConfig,
  topology: Topology,
  outside: Outside,
  running?: Topology,
): Promise<Problem[]> {
  const problems: Problem[] = []
  for (const { definition, options, written } of newParts(config, topology, running))
    await definition.examine?.(options, sayOf(written, problems), outside)
  return problems
}

/** Ports that others have at this moment, as warnings: an agent that starts waits for them. Each is tried, and let go at once. */
export async function findBusyPorts(
  config: AgentConfig,
  topology: Topology,
  outside: Outside,
): Promise<Problem[]> {
  const problems: Problem[] = []
  for (const { definition, options, written } of newParts(config, topology))
    for (const claim of definition.claims?.(options, outside) ?? []) {
      const at = claim.startsWith('port ') ? parseAddress(claim.slice('port '.length)) : null
      const trouble = at === null ? null : await troubleAt(outside.system.network, at)
      if (trouble !== null)
        sayOf(written, problems).warning(keyIn(definition, trouble), trouble.problem, trouble.fix)
    }
  return problems
}

/** The option that names the port or the address; syslog sources have names of their own for them. */
const keyIn = ({ options }: Definition, { isPort }: ListenTrouble): string =>
  (isPort ? ['port', 'ports'] : ['bind', 'host']).find(key => key in options) ?? 'port'

/** What the channels would meet in their directories. Where the agent runs already, that is all that can be said of them. */
export async function rehearseChannels(
  topology: Topology,
  { system, ...outside }: Outside,
): Promise<Problem[]> {
  const problems: Problem[] = []
  const warn = (problem: string, fix: string): void =>
    void problems.push({ severity: 'warning', problem, fix })
  const tell = (line: string): void => warn(line, 'the agent starts anyway')
  const log: Logger = { ...silentLogger, warn: tell, error: tell, child: () => log }
  const { agent } = topology
  const shared = {
    ...outside,
    agent,
    system: { ...system, disk: lookingDisk(system.disk) },
    log,
    logRawData: false,
    conditions: new Conditions(system.clock),
  }
  for (const part of topology.channels) {
    const [claim = ''] = part.definition.claims?.(part.options, outside) ?? []
    const holder = await system.disk.directoryHolder?.(claim.replace(/^directory /, ''))
    if (holder?.endsWith(`, agent ${agent}, channel ${part.name}`) === true)
      warn(
        `${claim} is in use by ${holder}: agent ${agent} runs already`,
        'stop it before you start it again',
      )
    else
      await rehearseChannel(part, shared).catch((error: unknown) =>
        problems.push(problemOf('channel', part, error)),
      )
  }
  return problems
}

interface ListenTrouble {
  /** Another port would do; else the address is at fault. */
  readonly isPort: boolean
  readonly problem: string
  readonly fix: string
}

/** Why nobody could listen there now; null where one could. */
export async function troubleAt(network: Network, address: Address): Promise<ListenTrouble | null> {
  try {
    await (await network.listen(address, ({ stream }) => stream.destroy())).close()
    return null
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    const remedy =
      error.code === 'ADDRESS_IN_USE'
        ? 'free it, unless it is this agent that runs already'
        : error.remedy.replace(/\.$/, '')
    return {
      isPort: wantsOtherPort(error),
      problem: messageOf(error),
      fix: `${remedy}; an agent that starts runs without it and retries`,
    }
  }
}

function newParts(config: AgentConfig, topology: Topology, running?: Topology): Examined[] {
  const named = <C extends { name: string }>(all: readonly C[], name: string): C =>
    all.find(one => one.name === name)!
  const isNew = (part: { name: string; fingerprint: string }, old: readonly (typeof part)[] = []) =>
    old.find(({ name }) => name === part.name)?.fingerprint !== part.fingerprint
  return [
    ...topology.channels
      .filter(part => isNew(part, running?.channels))
      .map(part => ({ ...part, written: named(config.channels, part.name) })),
    ...topology.sources
      .filter(part => isNew(part, running?.sources))
      .flatMap(part => {
        const written = named(config.sources, part.name)
        return [
          { ...part, written },
          { ...part.selector, written: written.selector },
          ...part.interceptors.map(one => ({ ...one, written: named(written.interceptors, one.name) })),
        ]
      }),
    ...sinksOf(topology)
      .filter(part => isNew(part, sinksOf(running)))
      .map(part => ({ ...part, written: named(config.sinks, part.name) })),
  ]
}

const sinksOf = (topology: Topology | undefined) => topology?.sinkGroups.flatMap(({ sinks }) => sinks) ?? []
