// Everything that shows only when all agents are seen together.
import type { Surroundings } from '../component.ts'
import { AgentJoin } from './agent-join.ts'
import { findDoubledEvents } from './doubled-events.ts'
import { findOnceProblems } from './exactly-once.ts'
import { findLinkProblems } from './links.ts'
import { findLoops } from './loops.ts'
import type { Finding, SetAgent } from './set-agent.ts'
import { findSharedClaims } from './shared-claims.ts'

export interface SetCheck {
  readonly findings: readonly Finding[]
  /** Whether some events surely return, may return, or surely do not. */
  readonly loops: 'found' | 'possible' | 'none'
}

export function checkSet(agents: readonly SetAgent[], surroundings: Surroundings): SetCheck {
  const join = new AgentJoin(
    agents.map(({ flow }) => flow),
    true,
  )
  const { proven, possible } = findLoops(join)
  const findings: Finding[] = [
    ...proven.map((one): Finding => ({ ...one, rule: 'loop', severity: 'error' })),
    ...possible.map((one): Finding => ({ ...one, rule: 'possible-loop', severity: 'note' })),
    ...(proven.length > 0 ? [] : findDoubledEvents(join)),
    ...findLinkProblems(agents, join),
    ...findOnceProblems(agents, join),
    ...findSharedClaims(agents, join, surroundings),
  ]
  return { findings, loops: proven.length > 0 ? 'found' : possible.length > 0 ? 'possible' : 'none' }
}
