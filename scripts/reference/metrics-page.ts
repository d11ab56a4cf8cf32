// The page docs/reference/metrics.md, written from the declarations of the counters.
import { collectDefaultMetrics, Registry } from 'prom-client'
import { counterMeanings, gauges, ownCounterMeanings } from '../../src/observe/counters.ts'
import { otherGauges, processGauges, prometheusName } from '../../src/observe/metrics-prometheus.ts'
import { cell, generated, table } from './vocabulary-tables.ts'

export const metricsReferenceName = 'metrics.md'

/** The unit of a metric: by the ending of its name, or what its meaning counts. */
function unitOf(name: string, meaning: string): string {
  const ending = /_(milliseconds|seconds|bytes|ratio)(_total)?$/.exec(name)?.[1]
  if (ending !== undefined) return { milliseconds: 'ms', seconds: 's', ratio: '0 to 1' }[ending] ?? ending
  if (/^1 (while|after)/.test(meaning)) return '0 or 1'
  const counted =
    /\b(events|records|batches|calls|connections|puts|takes|requests|checkpoints|partitions|polls|failures|times)\b/i
  return counted.exec(meaning)?.[1]?.toLowerCase() ?? 'count'
}

/** Of the metrics of prom-client, those that the dashboard and the alerts use, and some more. */
const ofProcess = [
  'process_start_time_seconds',
  'process_cpu_seconds_total',
  'process_resident_memory_bytes',
  'nodejs_heap_size_used_bytes',
  'nodejs_external_memory_bytes',
  'nodejs_eventloop_lag_p99_seconds',
  'nodejs_gc_duration_seconds',
]

export async function metricsReferencePage(): Promise<string> {
  const kinds = (['SOURCE', 'CHANNEL', 'SINK'] as const).map(kind => {
    const word = kind.toLowerCase()
    const rows = [
      ...Object.entries(counterMeanings[kind]).map(([attribute, meaning]) => ({
        name: prometheusName(word, attribute),
        attribute,
        type: gauges.has(attribute) ? 'gauge' : 'counter',
        meaning,
      })),
      ...Object.entries(ownCounterMeanings[kind]).map(([name, meaning]) => ({
        name: `millrace_${word}_${name}_total`,
        attribute: '',
        type: 'counter',
        meaning,
      })),
      {
        name: `millrace_${word}_start_time_seconds`,
        attribute: 'StartTime',
        type: 'gauge',
        meaning: otherGauges.start_time_seconds,
      },
      ...(kind === 'CHANNEL'
        ? [
            {
              name: 'millrace_channel_fill_ratio',
              attribute: 'ChannelFillPercentage',
              type: 'gauge',
              meaning: otherGauges.millrace_channel_fill_ratio,
            },
          ]
        : []),
    ]
    return table(
      `## ${word[0]!.toUpperCase()}${word.slice(1)}s`,
      ['metric', 'of /metrics', 'type', 'unit', 'meaning'],
      rows.map(({ name, attribute, type, meaning }) => [
        `\`${name}\``,
        attribute === '' ? '' : `\`${attribute}\``,
        type,
        unitOf(name, meaning),
        cell(meaning),
      ]),
    ).join('\n')
  })
  const agent = [
    ...(['millrace_healthy', 'millrace_ready', 'millrace_component_problem'] as const).map(
      name => [name, otherGauges[name]] as const,
    ),
    ...processGauges.map(([name, help]) => [name, help] as const),
  ].map(([name, help]) => [`\`${name}\``, 'gauge', unitOf(name, help), cell(help)])
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const all = await registry.getMetricsAsJSON()
  const node = ofProcess.map(wanted => {
    const { name, type, help } = all.find(one => one.name === wanted)!
    return [`\`${name}\``, String(type), unitOf(name, help), cell(help.replace(/\.$/, ''))]
  })
  registry.clear()
  const heads = ['metric', 'type', 'unit', 'meaning']
  return `${generated}
# Metrics

An agent serves these on \`/metrics/prometheus\` with \`-Dflume.monitoring.type=http\`. Metrics of a component have the label
\`component\`, its name in the configuration. \`/metrics\` has the same counters as Flume's JSON, under the names of the second
column. A component moves the counters that Flume's component moves; the others stay 0. A counter without a name in the second
column is not Flume's, and is served after it was counted for the first time. [The guide](../guides/operations.md#metrics-and-alerts)
has a dashboard and alerts.

${kinds.join('\n')}
${table('## Agents', heads, agent).join('\n')}
## Process

Prometheus's usual metrics of a process (\`process_*\`) and of Node (\`nodejs_*\`) are served as well. On Linux,
\`process_open_fds\` and \`process_max_fds\` are among them. The most useful ones are:

${table('', heads, node).slice(2).join('\n').trimEnd()}
`
}
