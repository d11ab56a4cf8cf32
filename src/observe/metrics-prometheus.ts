// The Prometheus page: the counters of every component, and the process's own. Names are made from
// Flume's attributes by one rule:
//
//   millrace_<kind>_<attribute in snake case>   label `component`; the attribute's own "Channel", "Count"
//                                               and "Timer" left out, `_total` for what only grows
//
// EventPutSuccessCount of a channel is millrace_channel_event_put_success_total, ChannelSize is
// millrace_channel_size, KafkaEventSendTimer is millrace_sink_kafka_event_send_milliseconds_total.
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client'
import { counterMeanings, gauges, ownCounterMeanings, type CounterKind } from './counters.ts'
import { healthOf, readinessOf } from './health.ts'
import { fillPercentage } from './metrics-json.ts'
import { componentsOf, type ProcessSnapshot, type Snapshot } from './snapshot.ts'

/** What is no component's, from the snapshot of the process. */
export const processGauges: readonly (readonly [
  name: string,
  help: string,
  of: (process: ProcessSnapshot) => number,
])[] = [
  ['millrace_memory_budget_bytes', 'Limit of what is received, unpacked and decoded', of => of.memoryBudget],
  ['millrace_memory_used_bytes', 'Bytes that count in that budget', of => of.memoryUsed],
  ['millrace_memory_most_used_bytes', 'The most of them since the start', of => of.memoryMostUsed],
  [
    'millrace_memory_waiting',
    'Connections and partitions that wait for room in the budget',
    of => of.memoryWaiting,
  ],
  [
    'millrace_event_loop_delay_seconds',
    'The longest time for which the event loop was held up in the last 30 s',
    of => of.loopDelayMs / 1000,
  ],
]

/** Every kind of component has the time of its start; channels with a capacity have their fill. */
export const otherGauges = {
  start_time_seconds: 'When the component was started, in seconds since 1970; 0 while it is stopped',
  millrace_channel_fill_ratio: 'Share of the capacity in use, 0 to 1',
  millrace_healthy: '1 while no condition is red, as /health reports it',
  millrace_ready: '1 while every component runs and no reload is under way, as /ready reports it',
  millrace_component_problem: '1 while a red condition of the component is raised; /health has its text',
} as const

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
      report(prometheusName(kind, attribute), helpOf(label, attribute), grows, component, Number(value))
    }
    for (const [name, value] of Object.entries(ownCounters)) {
      const help = ownCounterMeanings[label][name] ?? name.replaceAll('_', ' ')
      report(`millrace_${kind}_${name}_total`, help, true, component, value)
    }
    if (Number(counters['ChannelCapacity'] ?? 0) > 0) {
      const ratio = fillPercentage(counters) / 100
      report('millrace_channel_fill_ratio', otherGauges.millrace_channel_fill_ratio, false, component, ratio)
    }
    const started = (startedAt ?? 0) / 1000
    report(`millrace_${kind}_start_time_seconds`, otherGauges.start_time_seconds, false, component, started)
  }
  for (const [name, help, of] of processGauges) new Gauge({ name, help, registers }).set(of(snapshot.process))
  const health = healthOf(snapshot)
  const isTrue = (name: 'millrace_healthy' | 'millrace_ready', value: boolean) =>
    new Gauge({ name, help: otherGauges[name], registers }).set(value ? 1 : 0)
  isTrue('millrace_healthy', health.ok)
  isTrue('millrace_ready', readinessOf(snapshot, health).ready)
  const problems = new Gauge({
    name: 'millrace_component_problem',
    help: otherGauges.millrace_component_problem,
    labelNames: ['component'],
    registers,
  })
  for (const { component } of health.problems) problems.set({ component }, 1)
  return registry
}

/** The meaning, with Flume's name. */
const helpOf = (kind: CounterKind, attribute: string): string => {
  const meaning = counterMeanings[kind][attribute]
  return meaning === undefined ? attribute : `${meaning} (Flume's ${attribute})`
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
