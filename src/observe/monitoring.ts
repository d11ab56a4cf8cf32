// The monitoring that flume.monitoring.* ask for, of an agent that runs.
import { messageOf } from '../errors.ts'
import type { Logger } from './log.ts'
import { startMetricsHttp, type MetricsHttp, type MetricsState } from './metrics-http.ts'
import { readMonitoring } from './metrics-settings.ts'

/** Null where it is not asked for, or cannot be had: then the log has said why. */
export async function startMonitoring(
  systemProperties: ReadonlyMap<string, string>,
  state: MetricsState,
  log: Logger,
): Promise<MetricsHttp | null> {
  const monitoring = readMonitoring(systemProperties)
  if (monitoring.type !== 'http') return null
  const { port, host } = monitoring
  try {
    return await startMetricsHttp({ port, ...(host === undefined ? {} : { host }), state, log })
  } catch (error) {
    log.error(`the agent runs without monitoring: ${messageOf(error)}`)
    return null
  }
}
