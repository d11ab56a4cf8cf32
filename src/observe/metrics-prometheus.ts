// The Prometheus page: the counters of every component, and the process's own. Names are made from
// Flume's attributes by one rule:
//
//   millrace_<kind>_<attribute in snake case>   label `component`; the attribute's own "Channel", "Count"
//                                               and "Timer" left out, `_total` for what only grows
//
// EventPutSuccessCount of a channel is millrace_channel_event_put_success_total, ChannelSize is
// millrace_channel_size, KafkaEventSendTimer is millrace_sink_kafka_event_send_milliseconds_total.
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client'
import { healthOf } from './health.ts'
import { fillPercentage } from './metrics-json.ts'
import { componentsOf, type Snapshot } from './snapshot.ts'

/** Attributes that go up and down. */
const gauges = new Set([
  'ChannelSize',
  'ChannelCapacity',
  'OpenConnectionCount',
  'Open',
  'Closed',
  'Unhealthy',
])

export class PrometheusPage {
  readonly #process = new Registry()

  constructor() {
    collectDefaultMetrics({ register: this.#process })
  }

  readonly contentType: string = Registry.PROMETHEUS_CONTENT_TYPE

  /** The page's text. */
  async render(snapshot: Snapshot): Promise<string> {
    const components = registryOf(snapshot)
    return `${await components.metrics()}\n${await this.#process.metrics()}`
  }
}

function registryOf(snapshot: Snapshot): Registry {
  const registry = new Registry()
  const registers = [registry]
  const known = new Map<string, Counter | Gauge>()
  const report = (name: string, help: string, grows: boolean, component: string, value: number) => {
    let metric = known.get(name)
    if (metric === undefined) {
      const shape = { name, help, labelNames: ['component'], registers }
      metric = grows ? new Counter(shape) : new Gauge(shape)
      known.set(name, metric)
    }
    metric.inc({ component }, value)
  }
  for (const [label, { name: component, counters, ownCounters, startedAt }] of componentsOf(snapshot)) {
    if (counters === null) continue
    const kind = label.toLowerCase()
    for (const [attribute, value] of Object.entries(counters)) {
      const grows = !gauges.has(attribute)
      report(prometheusName(kind, attribute), `Flume's ${attribute}`, grows, component, Number(value))
    }
    for (const [name, value] of Object.entries(ownCounters))
      report(`millrace_${kind}_${name}_total`, name.replaceAll('_', ' '), true, component, value)
    if (Number(counters['ChannelCapacity'] ?? 0) > 0)
      report(
        'millrace_channel_fill_ratio',
        'Share of the capacity in use, 0 to 1',
        false,
        component,
        fillPercentage(counters) / 100,
      )
    report(
      `millrace_${kind}_start_time_seconds`,
      'When the component was started, since 1970; 0 while it is not',
      false,
      component,
      (startedAt ?? 0) / 1000,
    )
  }
  const { process } = snapshot
  for (const [name, help, value] of [
    ['millrace_memory_budget_bytes', 'Limit of what is received, unpacked and decoded', process.memoryBudget],
    ['millrace_memory_used_bytes', 'What counts in that budget', process.memoryUsed],
    ['millrace_memory_most_used_bytes', 'The most so far', process.memoryMostUsed],
    ['millrace_memory_waiting', 'Connections and partitions that wait for room in it', process.memoryWaiting],
    [
      'millrace_event_loop_delay_seconds',
      'How long the event loop was held up at most in the last 30 s',
      process.loopDelayMs / 1000,
    ],
  ] as const)
    new Gauge({ name, help, registers }).set(value)
  const health = healthOf(snapshot)
  new Gauge({ name: 'millrace_healthy', help: '1 while nothing is wrong', registers }).set(health.ok ? 1 : 0)
  const problems = new Gauge({
    name: 'millrace_component_problem',
    help: '1 while something is wrong with the component; /health says what',
    labelNames: ['component'],
    registers,
  })
  for (const { component } of health.problems) problems.set({ component }, 1)
  return registry
}

/** The metric name of Flume's `attribute` of a component of `kind` (source, channel, sink). */
export function prometheusName(kind: string, attribute: string): string {
  const timed = attribute.endsWith('Timer')
  const words = attribute
    .replace(/^Channel(?=Size|Capacity)/, '')
    .replace(/(Count|Timer)$/, '')
    .replaceAll(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase()
  const name = `millrace_${kind}_${words}${timed ? '_milliseconds' : ''}`
  return gauges.has(attribute) ? name : `${name}_total`
}
