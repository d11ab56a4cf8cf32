// Which monitoring the command line asks for: the properties flume.monitoring.* given with -D.

/** Flume's default port. */
const metricsPort = 41414

export type Monitoring =
  | { readonly type: 'none' }
  | { readonly type: 'http'; readonly port: number; readonly host?: string; readonly showsEvents: boolean }
  /** The agent runs without monitoring, as Flume's does. */
  | { readonly type: 'problem'; readonly problem: string; readonly fix: string }

/** Reads flume.monitoring.type and its keys. `host` is ours; without it all addresses are served. So is
 * millrace.monitoring.events: whether the pages show events. */
export function readMonitoring(systemProperties: ReadonlyMap<string, string>): Monitoring {
  const type = systemProperties.get('flume.monitoring.type')?.trim()
  const problem = (what: string, fix = 'write -Dflume.monitoring.type=http'): Monitoring => ({
    type: 'problem',
    problem: what,
    fix,
  })
  if (type === undefined || type === '') {
    const alone = ['port', 'host'].find(name => systemProperties.has(`flume.monitoring.${name}`))
    return alone === undefined
      ? { type: 'none' }
      : problem(`-Dflume.monitoring.${alone} has no effect without -Dflume.monitoring.type`)
  }
  switch (type.toLowerCase()) {
    case 'http':
    case 'org.apache.flume.instrumentation.http.httpmetricsserver': {
      const written = systemProperties.get('flume.monitoring.port')?.trim()
      const port = written === undefined ? metricsPort : Number(written)
      if (!Number.isInteger(port) || port < 0 || port > 65_535 || written === '')
        return problem(`flume.monitoring.port = ${written} is not a port`, 'write a number from 0 to 65535')
      const host = systemProperties.get('flume.monitoring.host')?.trim()
      const showsEvents = systemProperties.get('millrace.monitoring.events')?.trim().toLowerCase() === 'true'
      return { type: 'http', port, ...(host === undefined || host === '' ? {} : { host }), showsEvents }
    }
    case 'ganglia':
    case 'org.apache.flume.instrumentation.gangliaserver':
      return problem(
        'Millrace does not report to Ganglia yet',
        'write -Dflume.monitoring.type=http and read /metrics or /metrics/prometheus',
      )
    case 'prometheus':
      return problem(
        'flume.monitoring.type = prometheus is not known',
        'write -Dflume.monitoring.type=http: the Prometheus page is /metrics/prometheus there',
      )
    default:
      return problem(`the monitoring type ${type} does not exist`)
  }
}
