// The monitoring that flume.monitoring.* ask for, of an agent that runs. A port that is taken is retried
// until it is free, as a source's is.
import type { Clock, Timer } from '../system/clock.ts'
import type { ConditionMaker } from './conditions.ts'
import type { Logger } from './log.ts'
import type { HttpDoor, Observed } from './http-door.ts'
import { readMonitoring } from './metrics-settings.ts'

/** As a source that cannot start. */
const restartMs = 3000
const doing = 'Serving the monitoring pages'

export interface MonitoringParts {
  readonly agent: Observed
  readonly clock: Clock
  readonly log: Logger
  readonly condition: ConditionMaker
}

/** Resolves after the first try, with what ends it; null where no monitoring is asked for. */
export async function startMonitoring(
  systemProperties: ReadonlyMap<string, string>,
  { agent, clock, log, condition }: MonitoringParts,
): Promise<{ close(): Promise<void> } | null> {
  const monitoring = readMonitoring(systemProperties)
  if (monitoring.type !== 'http') return null
  const { port, host, showsEvents } = monitoring
  const failing = condition('start')
  let served: HttpDoor | null = null
  let timer: Timer | null = null
  let trying: Promise<void> = Promise.resolve()
  let isClosed = false
  const serve = async () => {
    try {
      const { openHttpDoor } = await import('./http-door.ts')
      served = await openHttpDoor({
        port,
        ...(host === undefined ? {} : { host }),
        agent,
        clock,
        log,
        showsEvents,
      })
      failing.clear(`${doing} succeeds`)
    } catch (error) {
      failing.fail(doing, error)
      const again = () => void (isClosed || (trying = serve()))
      timer = clock.after(restartMs, again, { background: true })
    }
  }
  await (trying = serve())
  return {
    async close() {
      isClosed = true
      timer?.cancel()
      await trying
      await served?.close()
    },
  }
}
