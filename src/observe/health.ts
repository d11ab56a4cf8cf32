// Health: whether anything is wrong with an agent, what, and what of it runs; the page /health. Readiness: whether all
// of it runs, no reload under way; the page /ready.
import { type AgentState, componentsOf, type Snapshot } from './snapshot.ts'

interface HealthProblem {
  readonly component: string
  readonly problem: string
}

/** Components are named as /metrics names them: SOURCE.r1. */
export interface Health {
  readonly ok: boolean
  /** Every red condition that is raised; a component may have several. */
  readonly problems: readonly HealthProblem[]
  /** Every other condition that is raised. */
  readonly warnings: readonly HealthProblem[]
  readonly running: readonly string[]
  /** Could not be started yet. */
  readonly notRunning: readonly string[]
}

export function healthOf(snapshot: Snapshot): Health {
  const conditions = (areRed: boolean) =>
    snapshot.conditions
      .filter(({ isRed }) => isRed === areRed)
      .map(({ component, problem }) => ({ component, problem }))
  const problems = conditions(true)
  const names = (isRunning: boolean) =>
    [...componentsOf(snapshot)].flatMap(([kind, { name, state }]) =>
      (state === 'running') === isRunning ? [`${kind}.${name}`] : [],
    )
  return {
    ok: problems.length === 0,
    problems,
    warnings: conditions(false),
    running: names(true),
    notRunning: names(false),
  }
}

/** What a rolling restart waits for. An agent whose peers are away is ready: it keeps the events. */
export interface Readiness {
  readonly ready: boolean
  readonly state: AgentState
  readonly notRunning: readonly string[]
}

export function readinessOf({ state }: Snapshot, { notRunning }: Health): Readiness {
  return { ready: state === 'running' && notRunning.length === 0, state, notRunning }
}

/** Completes "Agent a1 started": what does not run, where there is something. */
export function exceptions({ running, notRunning }: Health): string {
  if (notRunning.length === 0) return ''
  return ` without ${notRunning.join(', ')}, which the agent retries; running: ${running.join(', ')}`
}
