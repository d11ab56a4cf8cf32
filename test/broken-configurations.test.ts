// Broken configurations: the agent refuses with all problems at once and a non-zero code, or starts and warns; and it
// says the sentence the user needs, with file and line. What starts, and one refusal of each kind, goes through
// bin/flume-ng as a user starts it; the other refusals are made by the same code, without a process for each.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { checked, refusedStart } from './checked.ts'

const root = join(import.meta.dirname, '..')
const directory = mkdtempSync(join(tmpdir(), 'broken-'))
after(() => rmSync(directory, { recursive: true, force: true }))

/** A configuration without a fault, by line. Cases change lines and add some from line 11 on. */
const sound = [
  'a1.sources = r1',
  'a1.channels = c1',
  'a1.sinks = k1',
  'a1.sources.r1.type = seq',
  'a1.sources.r1.totalEvents = 1',
  'a1.sources.r1.channels = c1',
  'a1.channels.c1.type = memory',
  'a1.channels.c1.capacity = 1000',
  'a1.sinks.k1.type = null',
  'a1.sinks.k1.channel = c1',
]

interface Case {
  /** Line number -> what stands there instead. */
  readonly change?: Readonly<Record<number, string>>
  /** Further lines, from line 11 on. */
  readonly add?: readonly string[]
  /** What must be said, each one line's part; `FILE` is the configuration's path. */
  readonly says: readonly string[]
  /** Must not be said. */
  readonly hides?: readonly string[]
  /** The exit code: 2 for refused (the default), 0 for an agent that starts (it is stopped then). */
  readonly code?: number
  readonly args?: (file: string) => string[]
  readonly environment?: Readonly<Record<string, string>>
  /** A refusal that is seen as a user sees it. */
  readonly isProcess?: boolean
}

interface Outcome {
  readonly code: number | null
  readonly output: string
}

/** Runs flume-ng until it ends; an agent that has started is ended by SIGTERM. */
function flumeNg(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(join(root, 'bin/flume-ng'), args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    })
    let output = ''
    let ended = false
    const read = (text: string) => {
      output += text
      if (ended || !/Agent \S+ started/.test(output)) return
      ended = true
      child.kill('SIGTERM')
    }
    child.stdout.setEncoding('utf8').on('data', read)
    child.stderr.setEncoding('utf8').on('data', read)
    child.on('error', reject)
    child.on('close', code => resolve({ code, output }))
  })
}

let files = 0

async function check({
  change = {},
  add = [],
  says,
  hides = [],
  code = 2,
  args,
  environment,
  isProcess,
}: Case) {
  const file = join(directory, `flume-${++files}.conf`)
  const lines = [...sound.map((line, index) => change[index + 1] ?? line), ...add]
  writeFileSync(file, `${lines.join('\n')}\n`)
  const [command, ...words] = args?.(file) ?? ['agent', '-n', 'a1', '-f', file]
  const isInside = code === 2 && command === 'agent' && environment === undefined && isProcess !== true
  const outcome =
    (isInside ? await refusedStart(words) : null) ?? (await flumeNg([command!, ...words], environment))
  for (const sentence of says) {
    const wanted = sentence.replaceAll('FILE', file)
    assert.ok(outcome.output.includes(wanted), `not said: ${wanted}\n${outcome.output}`)
  }
  for (const text of hides) assert.ok(!outcome.output.includes(text), `said: ${text}\n${outcome.output}`)
  assert.equal(outcome.code, code, outcome.output)
  if (command === 'agent' && environment === undefined) await agree(outcome, words)
}

/** What refuses a start the check finds, in the same words, and it finds no other reason. */
async function agree(start: Outcome, words: readonly string[]) {
  const errors = (output: string) => output.split('\n').filter(line => /(^|: )error: /.test(line))
  const { code, output } = await checked(words).catch((error: Error) => ({ code: 1, output: error.message }))
  if (code === 1) return assert.ok(start.output.includes(output), `${output}\n${start.output}`)
  assert.deepEqual(errors(output), errors(start.output))
  assert.equal(code, start.code, output)
}

const inside = (name: string) => join(directory, name)

const cases: Readonly<Record<string, Case>> = {
  'nothing is wrong': { says: ['Agent a1 started'], hides: ['error', 'warning'], code: 0 },

  // ------------------------------------------------------------------------------------ names and lists
  'the agent is not in the file': {
    isProcess: true,
    args: file => ['agent', '-n', 'a2', '-f', file],
    says: ['error: no agent named a2 in FILE. Did you mean a1? Use --name with one of: a1.'],
  },
  'the file describes no agent': {
    args: () => {
      writeFileSync(inside('empty.conf'), '# nothing\n')
      return ['agent', '-n', 'a1', '-f', inside('empty.conf')]
    },
    says: ['error: no agent named a1 in', 'Write lines such as a1.sources = r1'],
  },
  'a channel is missing from the list': {
    change: { 10: 'a1.sinks.k1.channel = cc1' },
    says: [
      'FILE:10: error: a1.sinks.k1.channel names channel cc1, which is not in the list a1.channels. Did you mean c1?',
    ],
  },
  'there are no channels': {
    change: { 2: '' },
    says: ['error: agent a1 has no channels. Add a1.channels = c1'],
  },
  'a source has no channels': {
    change: { 6: '' },
    says: ['FILE:1: error: source r1 has no channels. Add a1.sources.r1.channels = c1.'],
  },
  'a sink writes channels for channel': {
    change: { 10: 'a1.sinks.k1.channels = c1' },
    says: ['FILE:10: error: sink k1 has no channel, but a1.sinks.k1.channels. Did you mean channel?'],
  },
  'a component is listed and has no type': {
    change: { 1: 'a1.sources = r1 r2' },
    says: [
      'FILE:1: error: source r2 has no type. Add a1.sources.r2.type = ….',
      'FILE:1: error: source r2 has no channels',
    ],
  },
  'a component is not listed': {
    add: ['a1.sinks.k2.type = null', 'a1.sinks.k2.channel = c1'],
    says: [
      'FILE:11: a1.sinks.k2.type: sink k2 is not in the list a1.sinks, so its settings count for nothing. Add k2 to the list in line 3, or remove its lines.',
    ],
    code: 0,
  },
  'a kind is misspelt': {
    add: ['a1.sink.k1.batchSize = 5'],
    says: ['FILE:11: a1.sink.k1.batchSize: an agent has no "sink". Did you mean a1.sinks.k1.batchSize?'],
    code: 0,
  },
  'a channel is connected to nothing': {
    change: { 2: 'a1.channels = c1 c2' },
    add: ['a1.channels.c2.type = memory'],
    says: ['FILE:11: channel c2 is connected to nothing and is left out.'],
    code: 0,
  },

  // --------------------------------------------------------------------------------------------- types
  'a type does not exist': {
    change: { 9: 'a1.sinks.k1.type = loger' },
    says: ['FILE:9: error: a1.sinks.k1.type = loger: there is no sink of this type. Did you mean logger?'],
  },
  'type = kafka, which Flume has no alias for': {
    change: { 9: 'a1.sinks.k1.type = kafka' },
    says: ['FILE:9: error: a1.sinks.k1.type = kafka', 'Did you mean org.apache.flume.sink.kafka.KafkaSink?'],
  },
  'a component of Flume that is not here yet': {
    change: { 9: 'a1.sinks.k1.type = hbase' },
    says: ['FILE:9: error: a1.sinks.k1.type = hbase: '],
  },
  'a channel selector that does not exist': {
    add: ['a1.sources.r1.selector.type = multiplex'],
    says: [
      'FILE:11: error: a1.sources.r1.selector.type = multiplex: there is no channel selector of this type. Did you mean multiplexing?',
    ],
  },
  'a selector maps to a channel the source does not have': {
    add: [
      'a1.sources.r1.selector.type = multiplexing',
      'a1.sources.r1.selector.header = h',
      'a1.sources.r1.selector.mapping.x = c9',
    ],
    says: ['FILE:13: error: a1.sources.r1.selector.mapping.x: c9 is not a channel of this source'],
  },
  'an interceptor has no type': {
    add: ['a1.sources.r1.interceptors = i1', 'a1.sources.r1.interceptors.i1.key = x'],
    says: [
      'FILE:11: error: interceptor i1 of source r1 has no type. Add a1.sources.r1.interceptors.i1.type = ….',
    ],
  },
  'an interceptor is not listed': {
    add: ['a1.sources.r1.interceptors.i1.type = host'],
    says: [
      'FILE:11: a1.sources.r1.interceptors.i1.type: interceptor i1 is not in the list a1.sources.r1.interceptors, so its settings count for nothing.',
    ],
    code: 0,
  },
  'a sink group has no processor type': {
    add: ['a1.sinkgroups = g1', 'a1.sinkgroups.g1.sinks = k1'],
    says: [
      'FILE:12: error: sink group g1 has no processor.type (Flume would drop its sinks). Add a1.sinkgroups.g1.processor.type = default, failover or load_balance.',
    ],
  },
  'a sink group names a sink that is not there': {
    add: [
      'a1.sinkgroups = g1',
      'a1.sinkgroups.g1.sinks = k1 k2',
      'a1.sinkgroups.g1.processor.type = failover',
    ],
    says: [
      'FILE:12: error: a1.sinkgroups.g1.sinks names sink k2, which is not in the list a1.sinks. Take it away, or add it to a1.sinks.',
    ],
  },
  'a sink is in two groups': {
    add: [
      'a1.sinkgroups = g1 g2',
      'a1.sinkgroups.g1.sinks = k1',
      'a1.sinkgroups.g1.processor.type = default',
      'a1.sinkgroups.g2.sinks = k1',
      'a1.sinkgroups.g2.processor.type = default',
    ],
    says: ['FILE:14: error: sink k1 is in the groups g1 and g2. Take it out of one of them.'],
  },

  // -------------------------------------------------------------------------------------- keys and values
  'a key is misspelt': {
    add: ['a1.channels.c1.transactionCapcity = 50'],
    says: [
      'FILE:11: a1.channels.c1.transactionCapcity is not a key of channel memory and is ignored. Did you mean transactionCapacity?',
    ],
    code: 0,
  },
  'the misspelt checkpontDir of many files': {
    args: file => ['check', '-n', 'a1', '-f', file],
    change: { 7: 'a1.channels.c1.type = file', 8: '' },
    add: [`a1.channels.c1.checkpontDir = ${inside('cp')}`],
    says: [
      'FILE:11: warning: a1.channels.c1.checkpontDir is not a key of channel file',
      '/.flume/file-channel/checkpoint',
      'Did you mean checkpointDir?',
    ],
    code: 0,
  },
  'a required key is missing': {
    change: { 9: 'a1.sinks.k1.type = avro' },
    says: [
      'FILE:9: error: a1.sinks.k1.hostname is required and not written.',
      'FILE:9: error: a1.sinks.k1.port is required and not written.',
    ],
  },
  'a number is none': {
    add: ['a1.sinks.k1.batchSize = 1e3'],
    says: ['FILE:11: error: a1.sinks.k1.batchSize: "1e3" is not a whole number.'],
  },
  'a port is out of range': {
    change: { 9: 'a1.sinks.k1.type = avro' },
    add: ['a1.sinks.k1.hostname = localhost', 'a1.sinks.k1.port = 70000'],
    says: ['FILE:12: error: a1.sinks.k1.port: 70000 is outside what is allowed.', '65535'],
  },
  'a flag is neither true nor false': {
    add: [
      'a1.sources.r1.interceptors = i1',
      'a1.sources.r1.interceptors.i1.type = host',
      'a1.sources.r1.interceptors.i1.useIP = yes',
    ],
    says: [
      'FILE:13: a1.sources.r1.interceptors.i1.useIP: "yes" is neither true nor false (Flume reads it as false); false is used.',
    ],
    code: 0,
  },
  'a regular expression is broken': {
    add: [
      'a1.sources.r1.interceptors = i1',
      'a1.sources.r1.interceptors.i1.type = regex_filter',
      'a1.sources.r1.interceptors.i1.regex = (a|b',
    ],
    says: ['FILE:13: error: a1.sources.r1.interceptors.i1.regex: ', 'a ( is never closed'],
  },
  'a batch is larger than the transaction': {
    add: ['a1.channels.c1.transactionCapacity = 10', 'a1.sinks.k1.batchSize = 20'],
    says: [
      'FILE:12: error: sink k1 moves up to 20 events at once, but a transaction of channel c1 holds 10. Raise a1.channels.c1.transactionCapacity to at least 20',
    ],
  },
  'the transaction is larger than the channel': {
    change: { 8: 'a1.channels.c1.capacity = 10' },
    add: ['a1.channels.c1.transactionCapacity = 100'],
    says: ['FILE:11: error: a1.channels.c1.transactionCapacity is 100 and larger than the capacity of 10.'],
  },
  'two keys alike': {
    add: ['a1.channels.c1.capacity = 2000'],
    says: ['FILE:11: a1.channels.c1.capacity is written twice, first in line 8; this one counts.'],
    code: 0,
  },
  'a key has no value': {
    change: { 7: 'a1.channels.c1.type =' },
    says: [
      'FILE:7: warning: a1.channels.c1.type has no value and is ignored.',
      'FILE:2: error: channel c1 has no type.',
    ],
  },
  'a broken escape': {
    add: ['a1.sinks.k1.batchSize = \\u00zz'],
    says: ['FILE:11: error: \\u00zz is not an escape: four hexadecimal digits must follow \\u.'],
  },
  'everything at once': {
    isProcess: true,
    change: {
      4: 'a1.sources.r1.type = sec',
      6: 'a1.sources.r1.chanels = c1',
      10: 'a1.sinks.k1.channel = c3',
    },
    add: ['a1.sinks.k1.batchSize = many', 'a1.channels.c1.transactionCapacity = 5000'],
    says: [
      'FILE:4: error: a1.sources.r1.type = sec',
      'FILE:6: error: source r1 has no channels, but a1.sources.r1.chanels. Did you mean channels?',
      'FILE:10: error: a1.sinks.k1.channel names channel c3',
      'FILE:11: error: a1.sinks.k1.batchSize: "many" is not a whole number.',
      'FILE:12: error: a1.channels.c1.transactionCapacity is 5000 and larger than the capacity of 1000.',
      'agent a1 does not start: 5 errors',
    ],
  },

  // ------------------------------------------------------------------------------------ lookups, filters
  'a lookup finds nothing': {
    add: ['a1.sinks.k1.batchSize = ${env:NO_SUCH_VARIABLE}'],
    says: [
      'FILE:11: warning: a1.sinks.k1.batchSize: ${env:NO_SUCH_VARIABLE} is not known and stays as typed.',
      'FILE:11: error: a1.sinks.k1.batchSize: "${env:NO_SUCH_VARIABLE}" is not a whole number.',
    ],
  },
  'a value that was looked up is wrong, and may be a secret': {
    add: ['a1.sinks.k1.batchSize = ${env:THE_SECRET}'],
    environment: { THE_SECRET: 'hunter2' },
    says: ['FILE:11: error: a1.sinks.k1.batchSize: the value is not valid (it is not shown).'],
    hides: ['hunter2'],
  },
  'lookups in a circle': {
    add: ['A = ${B}', 'B = ${A}', 'a1.sinks.k1.batchSize = ${A}'],
    says: ['refers back to itself'],
  },
  'a config filter without a type': {
    add: ['a1.configfilters = f1', "a1.sinks.k1.batchSize = ${f1['size']}"],
    says: ['FILE:11: error: config filter f1 has no type. Add a1.configfilters.f1.type = env or external.'],
  },

  // -------------------------------------------------------------------------------------------- the loop
  'events return to the topic they came from': {
    args: file => ['check', '-n', 'a1', '-f', file],
    change: {
      4: 'a1.sources.r1.type = org.apache.flume.source.kafka.KafkaSource',
      5: 'a1.sources.r1.kafka.topics = in',
      9: 'a1.sinks.k1.type = org.apache.flume.sink.kafka.KafkaSink',
    },
    add: [
      'a1.sources.r1.kafka.bootstrap.servers = 127.0.0.1:9092',
      'a1.sources.r1.batchSize = 100',
      'a1.sinks.k1.kafka.bootstrap.servers = 127.0.0.1:9092',
      'a1.sinks.k1.kafka.topic = out',
    ],
    says: [
      'warning: events return to the topic they came from: topic in -> source r1 -> channel c1 -> sink k1 -> topic in',
      'Write a1.sinks.k1.allowTopicOverride = false.',
    ],
    code: 0,
  },

  // ---------------------------------------------------------------------------------------- the outside
  'there is no such file': {
    isProcess: true,
    args: () => ['agent', '-n', 'a1', '-f', inside('none.conf')],
    says: [`cannot read the configuration ${join(directory, 'none.conf')}: there is no such file`],
  },
  'the file is a directory': {
    args: () => ['agent', '-n', 'a1', '-f', directory],
    says: ['it is a directory; -f takes the file itself (-c takes the directory)'],
  },
  'two channels in one directory': {
    change: {
      2: 'a1.channels = c1 c2',
      6: 'a1.sources.r1.channels = c1 c2',
      7: 'a1.channels.c1.type = file',
      8: '',
    },
    add: [
      `a1.channels.c1.checkpointDir = ${inside('cp')}`,
      `a1.channels.c1.dataDirs = ${inside('data')}`,
      'a1.channels.c2.type = file',
      `a1.channels.c2.checkpointDir = ${inside('cp2')}`,
      `a1.channels.c2.dataDirs = ${inside('data')}/../data`,
    ],
    says: [
      `error: channel c2 and channel c1 both use directory ${inside('data')}. Give channel c2 one of its own.`,
    ],
  },
  'a directory that is a file': {
    args: file => {
      writeFileSync(inside('a-file'), '')
      return ['agent', '-n', 'a1', '-f', file]
    },
    change: { 7: 'a1.channels.c1.type = file', 8: '' },
    add: [
      `a1.channels.c1.checkpointDir = ${inside('cp3')}`,
      `a1.channels.c1.dataDirs = ${inside('a-file')}/data`,
    ],
    says: [
      `FILE:12: error: a1.channels.c1.dataDirs: directory ${inside('a-file')}/data cannot be used: `,
      'a part of',
    ],
  },
}

describe('broken configurations', { concurrency: 2 }, () => {
  for (const [name, given] of Object.entries(cases)) test(name, () => check(given))

  test('the port is in use', async () => {
    const server = createServer()
    await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    try {
      await check({
        change: { 4: 'a1.sources.r1.type = netcat', 5: 'a1.sources.r1.bind = 127.0.0.1' },
        add: [`a1.sources.r1.port = ${port}`],
        says: [`port ${port} on 127.0.0.1 is in use`],
        code: 0,
      })
    } finally {
      server.close()
    }
  })

  test(
    'a directory nobody may read',
    { skip: process.getuid?.() === 0 ? 'root may read everything' : false },
    async () => {
      mkdirSync(inside('closed'))
      chmodSync(inside('closed'), 0)
      await check({
        change: { 7: 'a1.channels.c1.type = file', 8: '' },
        add: [
          `a1.channels.c1.checkpointDir = ${inside('cp4')}`,
          `a1.channels.c1.dataDirs = ${inside('closed')}`,
        ],
        says: ['channel c1 cannot start: ', inside('closed')],
      })
      chmodSync(inside('closed'), 0o700)
    },
  )
})
