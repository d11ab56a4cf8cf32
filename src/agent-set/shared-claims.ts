// What several agents use that only one may have: a port or a directory, where they run on one machine, and a consumer
// group, wherever they run. Files rarely say which agent runs where; the hosts that sinks name show some of it.
import { parseAddress } from '../address.ts'
import type { Surroundings } from '../component.ts'
import { isWildcard, normalHost, type AgentJoin, type ReadTopics, type Taker } from './agent-join.ts'
import { patternText } from './known-headers.ts'
import {
  claimsOf,
  keyOf,
  nameOf,
  partOf,
  placeOf,
  type Finding,
  type SetAgent,
  type SetPart,
} from './set-agent.ts'

export function findSharedClaims(
  agents: readonly SetAgent[],
  join: AgentJoin,
  surroundings: Surroundings,
): Finding[] {
  const machines = new Machines(agents, join)
  const claims = claimsOf(agents, surroundings)
  const findings: Finding[] = []
  for (const [index, one] of claims.entries())
    for (const other of claims.slice(0, index)) {
      if (one.part.owner === other.part.owner) continue
      const found = portClaim.test(one.claim)
        ? sharedPort(one, other, machines)
        : sharedDirectory(one, other, machines)
      if (found !== null) findings.push(found)
    }
  return [...findings, ...sharedGroups(agents, join)]
}

/** UDP has ports of its own. */
const portClaim = /^(UDP )?port /

interface Claim {
  readonly part: SetPart
  readonly claim: string
}

type Nearness = 'together' | 'apart' | 'unknown'

class Machines {
  /** By agent: names and addresses under which others find it. */
  readonly #hosts = new Map<SetAgent, Set<string>>()
  /** Agents that run on one machine, as far as that is known. */
  readonly #groups = new Map<SetAgent, Set<SetAgent>>()
  /** Hosts that sinks name, by port. */
  readonly #targets = new Map<number, Set<string>>()

  constructor(agents: readonly SetAgent[], join: AgentJoin) {
    for (const agent of agents) {
      this.#hosts.set(agent, new Set())
      this.#groups.set(agent, new Set([agent]))
    }
    const ownerOf = (flow: unknown) => agents.find(one => one.flow === flow)!
    for (const { agent, flow } of join.receivers)
      if (!isWildcard(flow.host) && normalHost(flow.host) !== 'localhost')
        this.#hosts.get(ownerOf(agent))!.add(normalHost(flow.host))
    for (const sender of agents)
      for (const send of sender.flow.sinks.flatMap(({ flows }) => flows)) {
        if (send.does !== 'send') continue
        const host = normalHost(send.host)
        const hosts = this.#targets.get(send.port) ?? new Set()
        this.#targets.set(send.port, hosts.add(host))
        const [taker, ...more] = join.receiversOf(send)
        if (taker === undefined || more.length > 0) continue
        if (host === 'localhost') this.#unite(sender, ownerOf(taker.agent))
        else this.#hosts.get(ownerOf(taker.agent))!.add(host)
      }
    for (const one of agents)
      for (const other of agents)
        if ([...this.#hosts.get(one)!].some(host => this.#hosts.get(other)!.has(host)))
          this.#unite(one, other)
  }

  #unite(one: SetAgent, other: SetAgent): void {
    const all = new Set([...this.#groups.get(one)!, ...this.#groups.get(other)!])
    for (const agent of all) this.#groups.set(agent, all)
  }

  nearnessOf(one: SetAgent, other: SetAgent): Nearness {
    if (this.#groups.get(one)!.has(other)) return 'together'
    const hosts = (agent: SetAgent) =>
      [...this.#groups.get(agent)!].flatMap(near => [...this.#hosts.get(near)!])
    return hosts(one).length > 0 && hosts(other).length > 0 ? 'apart' : 'unknown'
  }

  /** How many machines sinks of the set address by this port. */
  targetsOf(port: number): number {
    return this.#targets.get(port)?.size ?? 0
  }
}

function sharedPort(one: Claim, other: Claim, machines: Machines): Finding | null {
  const [what = ''] = portClaim.exec(one.claim) ?? []
  const addressOf = ({ claim }: Claim) => parseAddress(claim.slice(what.length))
  if (!other.claim.startsWith(what)) return null
  const [at, there] = [addressOf(one), addressOf(other)]
  if (at === null || there === null || at.port !== there.port) return null
  const [host, otherHost] = [normalHost(at.host), normalHost(there.host)]
  if (host !== otherHost && !isWildcard(at.host) && !isWildcard(there.host)) return null
  const isOneAddress = host === otherHost && host !== 'localhost' && !isWildcard(at.host)
  const nearness = isOneAddress ? 'together' : machines.nearnessOf(one.part.owner, other.part.owner)
  const targets = machines.targetsOf(at.port)
  if (nearness === 'apart' || (nearness === 'unknown' && targets > 1)) return null
  // One address for two that listen: one of them gets nothing, or they run on one machine.
  const isSure = nearness === 'together' || targets === 1
  const key = one.part.written.settings.has('ports') ? 'ports' : 'port'
  return {
    rule: 'shared-port',
    severity: isSure ? 'error' : 'warning',
    place: placeOf(one.part, key),
    problem: `${nameOf(one.part)} and ${nameOf(other.part)} both listen on ${what}${at.port}${isSure ? '' : ', which fails if they run on one machine'}`,
    fix: `give ${keyOf(one.part, key)} another port${isSure ? '' : ', unless they run on different machines'}`,
  }
}

function sharedDirectory(one: Claim, other: Claim, machines: Machines): Finding | null {
  if (one.claim !== other.claim) return null
  const nearness = machines.nearnessOf(one.part.owner, other.part.owner)
  if (nearness === 'apart') return null
  const keys = ['checkpointDir', 'dataDirs', 'sink.directory', 'deadLetter.file']
  const isOf = (path: string) =>
    [...one.part.written.settings].find(([, { value }]) => value.includes(path))?.[0]
  const path = one.claim.replace(/^\w+ /, '')
  const key = isOf(path) ?? keys.find(name => one.part.written.settings.has(name))
  const isWritten = isOf(path) !== undefined
  const isSure = nearness === 'together'
  return {
    rule: 'shared-directory',
    // Defaults are the same everywhere, and right where each agent has a machine.
    severity: isSure ? 'error' : isWritten ? 'warning' : 'note',
    place: placeOf(one.part, ...(key === undefined ? [] : [key])),
    problem: `${nameOf(one.part)} and ${nameOf(other.part)} both use ${one.claim}${isWritten ? '' : ' (the default)'}${isSure ? '' : ', which fails if they run on one machine'}`,
    fix: `give ${nameOf(one.part)} one of its own${isSure ? '' : ', unless they run on different machines'}`,
  }
}

const topicsOf = ({ topics, pattern }: ReadTopics): string =>
  pattern === undefined ? [...topics].sort().join(', ') : patternText(pattern)

function sharedGroups(agents: readonly SetAgent[], join: AgentJoin): Finding[] {
  const findings: Finding[] = []
  const seen: Taker<ReadTopics>[] = []
  for (const one of join.readers) {
    const { group, servers } = one.flow
    const other = seen.find(
      ({ agent, flow }) =>
        agent !== one.agent &&
        flow.group === group &&
        join.clusterOf(flow.servers) === join.clusterOf(servers) &&
        topicsOf(flow) !== topicsOf(one.flow),
    )
    seen.push(one)
    if (group === undefined || other === undefined) continue
    const part = partOf(
      agents.find(({ flow }) => flow === one.agent)!,
      'source',
      one.source.name,
    )
    const before = partOf(
      agents.find(({ flow }) => flow === other.agent)!,
      'source',
      other.source.name,
    )
    const key = 'kafka.consumer.group.id'
    findings.push({
      rule: 'shared-group',
      severity: 'warning',
      place: placeOf(part, key, 'groupId'),
      problem: `${nameOf(part)} reads ${topicsOf(one.flow)} as group ${group}${part.written.settings.has(key) ? '' : ' (the default)'}, as which ${nameOf(before)} reads ${topicsOf(other.flow)}: whenever one of them starts or stops, both stop for a rebalance`,
      fix: `write another name as ${keyOf(part, key)}`,
    })
  }
  return findings
}
