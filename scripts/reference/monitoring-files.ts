// The alert rules and the dashboard in examples/ops, written from the declarations of the counters: a name that the
// agent does not serve cannot occur in them.
import { counterMeanings, ownCounterMeanings, type CounterKind } from '../../src/observe/counters.ts'
import { prometheusName } from '../../src/observe/metrics-prometheus.ts'

/** The metric of a counter that is declared. */
function metric(kind: CounterKind, name: string): string {
  const word = kind.toLowerCase()
  if (name in counterMeanings[kind]) return prometheusName(word, name)
  if (name in ownCounterMeanings[kind]) return `millrace_${word}_${name}_total`
  throw new Error(`${kind} has no counter ${name}`)
}

const size = metric('CHANNEL', 'ChannelSize')
const capacity = metric('CHANNEL', 'ChannelCapacity')
const taken = metric('CHANNEL', 'EventTakeSuccessCount')
const put = metric('CHANNEL', 'EventPutSuccessCount')

/** A counter of ours is served from its first count on, which increase() does not see. */
const grew = (name: string, window: string) =>
  `increase(${name}[${window}]) > 0 or (${name} > 0 unless ${name} offset ${window})`

interface Alert {
  readonly name: string
  readonly expression: string
  readonly for: string
  readonly severity: 'critical' | 'warning'
  readonly summary: string
}

const of = '{{ $labels.component }} of {{ $labels.instance }}'
const alerts: readonly Alert[] = [
  {
    name: 'MillraceAgentDown',
    expression: 'up{job="millrace"} == 0',
    for: '2m',
    severity: 'critical',
    summary: 'The agent {{ $labels.instance }} does not answer.',
  },
  {
    name: 'MillraceAgentRestarts',
    expression: 'changes(process_start_time_seconds{job="millrace"}[30m]) > 2',
    for: '0m',
    severity: 'warning',
    summary: 'The agent {{ $labels.instance }} restarted more than twice within 30 minutes.',
  },
  {
    name: 'MillraceAgentNotReady',
    expression: 'millrace_ready == 0',
    for: '5m',
    severity: 'critical',
    summary: 'A component of {{ $labels.instance }} does not start. /ready names it.',
  },
  {
    name: 'MillraceComponentProblem',
    expression: 'millrace_component_problem == 1',
    for: '2m',
    severity: 'critical',
    summary: `The component ${of} has a problem. /health describes it.`,
  },
  {
    name: 'MillraceChannelFilling',
    expression: 'millrace_channel_fill_ratio > 0.8',
    for: '5m',
    severity: 'warning',
    summary: `The channel ${of} is more than 80 % full.`,
  },
  {
    name: 'MillraceChannelFullInAnHour',
    expression: `predict_linear(${size}[30m], 3600) > ${capacity} and ${size} > 0.1 * ${capacity}`,
    for: '10m',
    severity: 'warning',
    summary: `The channel ${of} will be full within an hour if it grows as it did in the last 30 minutes.`,
  },
  {
    name: 'MillraceChannelStuck',
    expression: `${size} > 0 and rate(${taken}[5m]) == 0`,
    for: '5m',
    severity: 'critical',
    summary: `The channel ${of} holds events, and no sink has taken one for 5 minutes.`,
  },
  {
    name: 'MillraceEventsLostToDamage',
    expression: grew(metric('CHANNEL', 'events_lost_to_damage'), '15m'),
    for: '0m',
    severity: 'critical',
    summary: `The channel ${of} lost events because files are damaged or missing. The log names them.`,
  },
  {
    name: 'MillraceRecordsGone',
    expression: grew(metric('SOURCE', 'records_gone'), '15m'),
    for: '0m',
    severity: 'critical',
    summary: `Kafka removed records before the source ${of} had read them.`,
  },
  {
    name: 'MillraceDeadLetters',
    expression: (['SOURCE', 'SINK'] as const)
      .map(kind => grew(metric(kind, 'events_diverted'), '15m'))
      .join(' or '),
    for: '0m',
    severity: 'warning',
    summary: `The component ${of} wrote events to its dead letters.`,
  },
  {
    name: 'MillraceCheckpointFails',
    expression: `increase(${metric('CHANNEL', 'CheckpointWriteErrorCount')}[15m]) > 0`,
    for: '0m',
    severity: 'warning',
    summary: `The channel ${of} cannot write its checkpoint. The next start takes longer.`,
  },
  {
    name: 'MillraceMemoryBudgetExhausted',
    expression: 'millrace_memory_waiting > 0',
    for: '5m',
    severity: 'warning',
    summary:
      'Connections or partitions of {{ $labels.instance }} wait for memory. Raise -Dmillrace.memoryBudget.',
  },
  {
    name: 'MillraceEventLoopHeldUp',
    expression: 'millrace_event_loop_delay_seconds > 1',
    for: '2m',
    severity: 'warning',
    summary: 'The event loop of {{ $labels.instance }} was held up for more than a second.',
  },
  {
    name: 'MillraceDescriptorsExhausted',
    expression: 'process_open_fds{job="millrace"} / process_max_fds{job="millrace"} > 0.8',
    for: '5m',
    severity: 'warning',
    summary: 'The agent {{ $labels.instance }} uses more than 80 % of its file descriptors.',
  },
]

export const alertNames: readonly string[] = alerts.map(({ name }) => name)

const alertRules =
  (): string => `# Made by \`npm run docs\`. Do not edit: copy it. The alerts expect the job name "millrace" (prometheus.yml).
groups:
  - name: millrace
    rules:
${alerts
  .map(
    one => `      - alert: ${one.name}
        expr: ${JSON.stringify(one.expression)}
        for: ${one.for}
        labels:
          severity: ${one.severity}
        annotations:
          summary: ${JSON.stringify(one.summary)}
`,
  )
  .join('')}`

const selector = '{instance=~"$instance", component=~"$component"}'
const rate = (name: string) => `rate(${name}${selector}[$__rate_interval])`
const ofInstance = '{instance=~"$instance"}'

type Panel = readonly [
  title: string,
  unit: string,
  ...queries: (readonly [expression: string, legend: string])[],
]
const byComponent = '{{instance}} {{component}}'
const panels: readonly Panel[] = [
  ['Ready', 'none', [`millrace_ready${ofInstance}`, '{{instance}}']],
  ['Problems', 'none', [`millrace_component_problem${ofInstance}`, byComponent]],
  ['Events accepted by sources', 'eps', [rate(metric('SOURCE', 'EventAcceptedCount')), byComponent]],
  ['Events delivered by sinks', 'eps', [rate(metric('SINK', 'EventDrainSuccessCount')), byComponent]],
  ['Channel fill', 'percentunit', [`millrace_channel_fill_ratio${selector}`, byComponent]],
  ['Events in channels', 'short', [`${size}${selector}`, byComponent]],
  ['Puts and takes', 'eps', [rate(put), `${byComponent} put`], [rate(taken), `${byComponent} taken`]],
  [
    'Failures',
    'short',
    ...(
      [
        ['SOURCE', 'ChannelWriteFail'],
        ['SOURCE', 'EventReadFail'],
        ['SINK', 'EventWriteFail'],
        ['SINK', 'RollbackCount'],
        ['SINK', 'ConnectionFailedCount'],
        ['CHANNEL', 'EventPutErrorCount'],
        ['CHANNEL', 'EventTakeErrorCount'],
      ] as const
    ).map(([kind, name]) => [rate(metric(kind, name)), `${byComponent} ${name}`] as const),
  ],
  [
    'Events lost, removed or set aside since the start',
    'short',
    ...(
      [
        ['SOURCE', 'records_gone'],
        ['SOURCE', 'records_left_out'],
        ['SOURCE', 'events_diverted'],
        ['SINK', 'events_diverted'],
        ['CHANNEL', 'events_lost_to_damage'],
      ] as const
    ).map(([kind, name]) => [`${metric(kind, name)}${selector}`, `${byComponent} ${name}`] as const),
  ],
  [
    'Time a second in Kafka',
    'ms',
    [rate(metric('SOURCE', 'KafkaEventGetTimer')), `${byComponent} get`],
    [rate(metric('SOURCE', 'KafkaCommitTimer')), `${byComponent} commit`],
    [rate(metric('SINK', 'KafkaEventSendTimer')), `${byComponent} send`],
  ],
  [
    'Memory',
    'bytes',
    [`process_resident_memory_bytes${ofInstance}`, '{{instance}} resident'],
    [`millrace_memory_used_bytes${ofInstance}`, '{{instance}} received data'],
    [`millrace_memory_budget_bytes${ofInstance}`, '{{instance}} budget'],
  ],
  ['CPU', 'percentunit', [`rate(process_cpu_seconds_total${ofInstance}[$__rate_interval])`, '{{instance}}']],
  ['Event loop delay', 's', [`millrace_event_loop_delay_seconds${ofInstance}`, '{{instance}}']],
  ['Open descriptors', 'short', [`process_open_fds${ofInstance}`, '{{instance}}']],
]

function dashboard(): string {
  const datasource = { type: 'prometheus', uid: '${datasource}' }
  const variable = (name: string, query: string) => ({
    name,
    type: 'query',
    datasource,
    query: { query, refId: name },
    refresh: 2,
    multi: true,
    includeAll: true,
    allValue: '.*',
    current: { text: 'All', value: '$__all' },
  })
  const made = {
    uid: 'millrace',
    title: 'Millrace agents',
    tags: ['millrace'],
    schemaVersion: 39,
    editable: true,
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    templating: {
      list: [
        { name: 'datasource', type: 'datasource', query: 'prometheus', current: {} },
        variable('instance', 'label_values(millrace_ready, instance)'),
        variable(
          'component',
          'label_values({__name__=~"millrace_.*_start_time_seconds", instance=~"$instance"}, component)',
        ),
      ],
    },
    panels: panels.map(([title, unit, ...queries], index) => ({
      id: index + 1,
      type: 'timeseries',
      title,
      datasource,
      gridPos: { x: (index % 2) * 12, y: Math.floor(index / 2) * 8, w: 12, h: 8 },
      fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
      targets: queries.map(([expr, legendFormat], at) => ({
        refId: String.fromCharCode(65 + at),
        datasource,
        expr,
        legendFormat,
      })),
    })),
  }
  return `${JSON.stringify(made, null, 2)}\n`
}

/** By path below examples/ops. */
export const monitoringFiles = (): ReadonlyMap<string, string> =>
  new Map([
    ['prometheus/alerts.yml', alertRules()],
    ['grafana/millrace.json', dashboard()],
  ])
