// The alert rules and the dashboard with Prometheus itself: its checker, unit tests of the rules, and a server that
// scrapes an agent.
import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { alertNames } from '../../scripts/reference/monitoring-files.ts'
import { root } from '../source-text.ts'
import { unpacked } from './peers/debian.ts'
import { runProgram, skipWithout } from './peers/fetch.ts'
import { startProcess } from './peers/process.ts'
import { waitFor } from './peers/waiting.ts'

const place = () => unpacked('prometheus', ['prometheus'])
const skip = await skipWithout('prometheus', place)
const directory = mkdtempSync(join(tmpdir(), 'prometheus-'))
after(() => rmSync(directory, { recursive: true, force: true }))
const examples = join(root, 'examples/ops')
const promtool = async (...words: string[]) =>
  runProgram(join(await place(), 'usr/bin/promtool'), words, { cwd: directory, timeout: 60_000 })

/** Series of an hour, a value each minute, that raise each alert; a calm agent raises none. */
const raising: Readonly<Record<string, readonly (readonly [series: string, values: string])[]>> = {
  MillraceAgentDown: [['up', '0x60']],
  MillraceAgentRestarts: [['process_start_time_seconds', '0+60x60']],
  MillraceAgentNotReady: [['millrace_ready', '0x60']],
  MillraceComponentProblem: [['millrace_component_problem', '1x60']],
  MillraceChannelFilling: [['millrace_channel_fill_ratio', '0.81x60']],
  MillraceChannelFullInAnHour: [
    ['millrace_channel_size', '1000+100x60'],
    ['millrace_channel_capacity', '10000x60'],
    ['millrace_channel_event_take_success_total', '0+5x60'],
  ],
  MillraceChannelStuck: [
    ['millrace_channel_size', '7x60'],
    ['millrace_channel_event_take_success_total', '5x60'],
  ],
  MillraceEventsLostToDamage: [['millrace_channel_events_lost_to_damage_total', '_x55 3x5']],
  MillraceRecordsGone: [['millrace_source_records_gone_total', '2x55 3x5']],
  MillraceDeadLetters: [['millrace_sink_events_diverted_total', '_x55 1x5']],
  MillraceCheckpointFails: [['millrace_channel_checkpoint_write_error_total', '0x55 1x5']],
  MillraceMemoryBudgetExhausted: [['millrace_memory_waiting', '1x60']],
  MillraceEventLoopHeldUp: [['millrace_event_loop_delay_seconds', '1.1x60']],
  MillraceDescriptorsExhausted: [
    ['process_open_fds', '900x60'],
    ['process_max_fds', '1024x60'],
  ],
}
const calm: readonly (readonly [string, string])[] = [
  ['up', '1x60'],
  ['process_start_time_seconds', '1000x60'],
  ['millrace_ready', '1x60'],
  ['millrace_channel_fill_ratio', '0.5x60'],
  ['millrace_channel_size', '5000x60'],
  ['millrace_channel_capacity', '10000x60'],
  ['millrace_channel_event_take_success_total', '0+5x60'],
  ['millrace_channel_events_lost_to_damage_total', '4x60'],
  ['millrace_source_records_gone_total', '4x60'],
  ['millrace_sink_events_diverted_total', '4x60'],
  ['millrace_channel_checkpoint_write_error_total', '0x60'],
  ['millrace_memory_waiting', '0x60'],
  ['millrace_event_loop_delay_seconds', '0.01x60'],
  ['process_open_fds', '30x60'],
  ['process_max_fds', '1024x60'],
]

describe('Prometheus', { skip }, () => {
  test('each alert fires at what it is for, and none at a calm agent', async () => {
    copyFileSync(join(examples, 'prometheus/alerts.yml'), join(directory, 'alerts.yml'))
    copyFileSync(join(examples, 'prometheus/prometheus.yml'), join(directory, 'prometheus.yml'))
    await promtool('check', 'config', 'prometheus.yml')
    assert.deepEqual(Object.keys(raising), alertNames)
    const labels = '{job="millrace",instance="a:1",component="c1"}'
    const input = (series: readonly (readonly [string, string])[]) =>
      series.map(([name, values]) => ({ series: `${name}${labels}`, values }))
    const fired = { exp_labels: { severity: '', job: 'millrace', instance: 'a:1', component: 'c1' } }
    const rules = readFileSync(join(directory, 'alerts.yml'), 'utf8')
    const expected = (name: string) => {
      const [, severity, summary] = new RegExp(
        `alert: ${name}\n[^]*?severity: (\\w+)\n[^]*?summary: (".*")`,
      ).exec(rules)!
      const text = (JSON.parse(summary!) as string)
        .replaceAll('{{ $labels.component }}', 'c1')
        .replaceAll('{{ $labels.instance }}', 'a:1')
      return { exp_labels: { ...fired.exp_labels, severity }, exp_annotations: { summary: text } }
    }
    const tests = [
      ...Object.entries(raising).map(([alertname, series]) => ({
        interval: '1m',
        input_series: input(series),
        alert_rule_test: [{ eval_time: '60m', alertname, exp_alerts: [expected(alertname)] }],
      })),
      {
        interval: '1m',
        input_series: input(calm),
        alert_rule_test: alertNames.map(alertname => ({ eval_time: '60m', alertname, exp_alerts: [] })),
      },
    ]
    // JSON is YAML.
    writeFileSync(join(directory, 'tests.yml'), JSON.stringify({ rule_files: ['alerts.yml'], tests }))
    assert.match(await promtool('test', 'rules', 'tests.yml'), /SUCCESS/)
  })

  test('a server scrapes an agent, evaluates the rules and answers every query of the dashboard', async () => {
    const file = join(directory, 'a1.conf')
    writeFileSync(
      file,
      `a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = seq
a1.sources.r1.totalEvents = 10
a1.sources.r1.channels = c1
a1.channels.c1.type = file
a1.channels.c1.checkpointDir = ${directory}/checkpoint
a1.channels.c1.dataDirs = ${directory}/data
a1.sinks.k1.type = file_roll
a1.sinks.k1.sink.directory = ${directory}
a1.sinks.k1.channel = c1
`,
    )
    await using agent = await startProcess({
      name: 'agent',
      directory,
      command: [
        join(root, 'bin/flume-ng'),
        'agent',
        '-n',
        'a1',
        '-f',
        file,
        '-Dflume.monitoring.type=http',
        '-Dflume.monitoring.host=127.0.0.1',
        '-Dflume.monitoring.port=0',
      ],
      ready: /Agent a1 started/,
    })
    const [, address] = /http:\/\/(127\.0\.0\.1:\d+)\//.exec(await agent.line(/Monitoring on/))!
    const config = readFileSync(join(examples, 'prometheus/prometheus.yml'), 'utf8')
      .replace('localhost:41414', address!)
      .replaceAll('15s', '1s')
    assert.match(config, new RegExp(address!))
    writeFileSync(join(directory, 'server.yml'), config)
    copyFileSync(join(examples, 'prometheus/alerts.yml'), join(directory, 'alerts.yml'))
    await using server = await startProcess({
      name: 'prometheus',
      directory,
      command: [
        join(await place(), 'usr/bin/prometheus'),
        `--config.file=${directory}/server.yml`,
        `--storage.tsdb.path=${directory}/tsdb`,
        '--web.listen-address=127.0.0.1:0',
      ],
      ready: /Server is ready to receive web requests/,
    })
    const [, port] = /address=127\.0\.0\.1:(\d+)/.exec(await server.line(/Listening on.* address=/))!
    const ask = async <R>(path: string): Promise<R> => {
      const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)
      const answer = (await response.json()) as { status: string; error?: string; data: R }
      assert.equal(answer.status, 'success', `${path}: ${answer.error}`)
      return answer.data
    }
    const query = (text: string) =>
      ask<{ result: { value: [number, string] }[] }>(`query?query=${encodeURIComponent(text)}`)
    const is = (text: string, value: string) =>
      waitFor(async () => (await query(text)).result[0]?.value[1] === value, `${text} is ${value}`)
    await is('millrace_ready', '1')
    await is('millrace_sink_event_drain_success_total{component="k1"}', '10')

    const rules = async () =>
      (await ask<{ groups: { rules: { name: string; health: string }[] }[] }>('rules')).groups.flatMap(
        one => one.rules,
      )
    assert.deepEqual(
      (await rules()).map(({ name }) => name),
      alertNames,
    )
    await waitFor(async () => (await rules()).every(({ health }) => health === 'ok'), 'rules are evaluated')

    const { panels } = JSON.parse(readFileSync(join(examples, 'grafana/millrace.json'), 'utf8')) as {
      panels: { title: string; targets: { expr: string }[] }[]
    }
    // What Kafka's components count, and what happens in trouble alone.
    const absent = /kafka|rollback|component_problem|events_diverted|records_|lost_to_damage/
    for (const { title, targets } of panels)
      for (const { expr } of targets) {
        const asked = expr.replaceAll(/\$instance|\$component/g, '.*').replaceAll('$__rate_interval', '1m')
        const found = async () => (await query(asked)).result.length > 0
        if (absent.test(asked)) assert.equal(await found(), false, asked)
        else await waitFor(found, `${title}: ${asked}`)
      }
    assert.deepEqual(await ask('alerts'), { alerts: [] })
    assert.equal(await server.stop(), 0)
    assert.equal(await agent.stop(), 0)
  })
})
