// What an agent says of itself on its monitoring pages: how full its channel is, and what is wrong.
import { sendHttp } from '../system/https-request.ts'

export interface ChannelFill {
  readonly size: number
  readonly capacity: number
}

export interface AgentFigures {
  /** Null where the agent cannot be asked (yet). */
  readonly channel: ChannelFill | null
  /** What it complains of at the moment, component by component; null while all is well. */
  readonly problem: string | null
}

const timeoutMs = 2000
const unknown: AgentFigures = { channel: null, problem: null }

/** Never rejects. */
export async function agentFigures(port: number): Promise<AgentFigures> {
  if (port === 0) return unknown
  const page = async (path: string) => {
    const url = `http://127.0.0.1:${port}${path}`
    return (await sendHttp({ url, method: 'GET', headers: {}, timeoutMs })).body
  }
  try {
    const [metrics, health] = await Promise.all([page('/metrics'), page('/health')])
    return { channel: fillOf(metrics), problem: problemOf(health) }
  } catch {
    return unknown
  }
}

/** Of the first channel on the page. */
export function fillOf(page: string): ChannelFill | null {
  const entries = JSON.parse(page) as Record<string, Record<string, string>>
  const channel = Object.entries(entries).find(([key]) => key.startsWith('CHANNEL.'))?.[1]
  if (channel === undefined) return null
  return { size: Number(channel['ChannelSize']), capacity: Number(channel['ChannelCapacity']) }
}

export function problemOf(page: string): string | null {
  const { problems } = JSON.parse(page) as { problems: { component: string; problem: string }[] }
  return problems.length === 0
    ? null
    : problems.map(({ component, problem }) => `${component}: ${problem}`).join('; ')
}
