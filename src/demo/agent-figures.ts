// What an agent says of itself in its snapshot: how full its channel is, and what is wrong.
import { healthOf } from '../observe/health.ts'
import type { Snapshot } from '../observe/snapshot.ts'
import { sendHttp } from '../system/https-request.ts'

export interface ChannelFill {
  readonly size: number
  readonly capacity: number
}

export interface AgentFigures {
  /** Of its first channel; null where the agent cannot be asked (yet). */
  readonly channel: ChannelFill | null
  /** What it complains of at the moment, component by component; null while all is well. */
  readonly problem: string | null
}

const timeoutMs = 2000

/** Never rejects. */
export async function agentFigures(port: number): Promise<AgentFigures> {
  try {
    const url = `http://127.0.0.1:${port}/snapshot`
    const { body } = await sendHttp({ url, method: 'GET', headers: {}, timeoutMs })
    const snapshot = JSON.parse(body) as Snapshot
    const { size, capacity } = snapshot.channels[0] ?? { size: null, capacity: null }
    // A channel before the sources and sinks that complain of it.
    const isOfChannel = (component: string) => Number(component.startsWith('CHANNEL.'))
    const problems = healthOf(snapshot).problems.toSorted(
      (one, other) => isOfChannel(other.component) - isOfChannel(one.component),
    )
    return {
      channel: size === null || capacity === null ? null : { size, capacity },
      problem: problems.map(({ component, problem }) => `${component}: ${problem}`).join('; ') || null,
    }
  } catch {
    return { channel: null, problem: null }
  }
}
