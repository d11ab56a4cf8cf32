// How full an agent's channel is, from its monitoring page.
import { sendHttp } from '../system/https-request.ts'

export interface ChannelFill {
  readonly size: number
  readonly capacity: number
}

const timeoutMs = 2000

/** Null where the agent cannot be asked (yet). */
export async function channelFill(port: number): Promise<ChannelFill | null> {
  if (port === 0) return null
  try {
    const url = `http://127.0.0.1:${port}/metrics`
    const { status, body } = await sendHttp({ url, method: 'GET', headers: {}, timeoutMs })
    return status === 200 ? fillOf(body) : null
  } catch {
    return null
  }
}

/** Of the first channel on the page. */
export function fillOf(page: string): ChannelFill | null {
  const entries = JSON.parse(page) as Record<string, Record<string, string>>
  const channel = Object.entries(entries).find(([key]) => key.startsWith('CHANNEL.'))?.[1]
  if (channel === undefined) return null
  return { size: Number(channel['ChannelSize']), capacity: Number(channel['ChannelCapacity']) }
}
