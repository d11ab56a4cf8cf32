// Health: whether anything is wrong with an agent, what, and what of it runs; the page /health.

/** Components are named as /metrics names them: SOURCE.r1. */
export interface Health {
  readonly ok: boolean
  /** Every condition that is raised; a component may have several. */
  readonly problems: readonly { readonly component: string; readonly problem: string }[]
  readonly running: readonly string[]
  /** Could not be started yet. */
  readonly notRunning: readonly string[]
}

/** Completes "Agent a1 started": what does not run, where there is something. */
export function exceptions({ running, notRunning }: Health): string {
  if (notRunning.length === 0) return ''
  return ` without ${notRunning.join(', ')}, which is tried again until it starts; running: ${running.join(', ')}`
}
