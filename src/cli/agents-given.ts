// The agents that `millrace console`, `millrace top` and `millrace tap` look at: those given with --agents, and those of
// this user on this machine.
import { parseAddress, whereOf } from '../address.ts'
import type { AgentsOptions } from '../console/agents.ts'
import { UsageError } from './usage-error.ts'

/** In the usage of each. */
export const agentsUsage = `  --agents HOST:PORT,...            monitoring pages of agents (-Dflume.monitoring.type=http), of real Flume too, beside
                                    the agents of this user on this machine, which are found`

/** Throws UsageError. */
export const agentsGiven = (addresses: readonly string[]): AgentsOptions => ({
  given: addresses.map(agentAddress),
  announced: true,
})

function agentAddress(text: string): string {
  const address = parseAddress(text)
  if (address === null || address.host === '')
    throw new UsageError(
      `--agents ${text}: write host:port of the agent's monitoring page, such as localhost:41414`,
    )
  return whereOf(address)
}
