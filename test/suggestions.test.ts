// What a configuration's problems suggest is followed, by a program: the problem must be gone then and no new
// one come that the suggestion did not announce. Over every configuration of the repository, as it stands and
// with slips of the pen by seed; then single cases of what people write, sentence by sentence.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { formatProblem, problemLines, type Problem } from '../src/config/problem.ts'
import { edited } from '../src/topology/tried-suggestions.ts'
import { loadTopology } from '../src/load-topology.ts'
import { parseProperties } from '../src/config/properties.ts'
import { realSystem } from '../src/system/system.ts'
import { SeededRandom } from '../src/simulation/seeded-random.ts'
import { filesBelow, root } from './source-text.ts'

const environment = { NC_PORT: '44444', HOME: '/home/me' }
const home = '/home/me'

async function problemsOf(text: string, agent: string, file = 'f'): Promise<readonly Problem[]> {
  const { problems } = await loadTopology([{ file, bytes: Buffer.from(text) }], {
    agent,
    environment,
    systemProperties: new Map(),
    home,
  })
  return problems
}

/** The text with the suggestion followed; the order of the lines does not matter. */
function follow(text: string, { edit }: Problem): string {
  const settings = edited(parseProperties(text, 'f').settings, edit!)
  const escape = (word: string) => word.replaceAll('\\', '\\\\').replaceAll(/[=: #]/g, '\\$&')
  return settings.map(({ key, value }) => `${escape(key)} = ${value.replaceAll('\\', '\\\\')}`).join('\n')
}

const said = (problems: readonly Problem[]) => problems.map(one => one.problem)
const announces = /Then this must be corrected as well/

/** Follows each suggestion by itself and says what did not become better. */
async function notBetter(text: string, agent: string): Promise<string[]> {
  const before = await problemsOf(text, agent)
  const wrong: string[] = []
  for (const problem of before) {
    const { edit, fix } = problem
    if (edit === undefined) continue
    const [word] = (edit.value ?? edit.newKey!).split(/\s+/).slice(-1)
    if (!fix.includes(edit.value === undefined ? edit.newKey!.split('.').at(-1)! : word!))
      wrong.push(`the sentence does not name the change ${JSON.stringify(edit)}: ${formatProblem(problem)}`)
    const after = await problemsOf(follow(text, problem), agent)
    if (said(after).includes(problem.problem)) wrong.push(`does not go away: ${formatProblem(problem)}`)
    // What was out of sight before may be deprecated or misspelt as well; an error there must be announced.
    const fresh = after.filter(one => !said(before).includes(one.problem))
    const bad = fresh.filter(one => one.severity === 'error')
    if (bad.length > 0 && !announces.test(fix))
      wrong.push(`${formatProblem(problem)}\n  leads to ${bad.map(formatProblem).join('\n  ')}`)
  }
  return wrong
}

const configurations = filesBelow('.')
  .filter(path => path.endsWith('.conf'))
  .flatMap(path => {
    const text = readFileSync(join(root, path), 'utf8')
    const agent = /^([\w-]+)\.sources\s*=/m.exec(text)?.[1]
    // kafka-manager's application.conf has none.
    return agent === undefined ? [] : [{ path, text, agent }]
  })

/** One slip in one line: in the key's words behind the agent, or in the value. */
function slip(text: string, random: SeededRandom): string {
  const lines = text.split('\n')
  const settings = lines.flatMap((line, at) => (/^\s*[\w-]+\..*=/.test(line) ? [at] : []))
  const at = settings[random.below(settings.length)]!
  const [, key, separator, value] = /^(.*?)(\s*=\s*)(.*)$/.exec(lines[at]!)!
  const mistype = (word: string): string => {
    const place = random.below(Math.max(word.length, 1))
    const [head, char, tail] = [word.slice(0, place), word.slice(place, place + 1), word.slice(place + 1)]
    return [
      head + tail,
      head + char + char + tail,
      head + tail.slice(0, 1) + char + tail.slice(1),
      head + (char === char.toUpperCase() ? char.toLowerCase() : char.toUpperCase()) + tail,
      `${head}x${tail}`,
    ][random.below(5)]!
  }
  if (random.below(3) === 0) lines[at] = `${key}${separator}${mistype(value!)}`
  else {
    const words = key!.split('.')
    const which = random.below(words.length)
    words[which] = mistype(words[which]!)
    lines[at] = `${words.join('.')}${separator}${value}`
  }
  return lines.join('\n')
}

describe('every suggestion, followed, makes it better', () => {
  for (const { path, text, agent } of configurations)
    test(path, async () => {
      assert.deepEqual(await notBetter(text, agent), [])
      const random = new SeededRandom(1)
      for (let round = 0; round < 40; round++)
        assert.deepEqual(await notBetter(slip(text, random), agent), [], `round ${round}`)
    })

  test('most slips of the pen get one', async () => {
    const { text, agent } = configurations[0]!
    const random = new SeededRandom(2)
    let suggested = 0
    for (let round = 0; round < 100; round++)
      if ((await problemsOf(slip(text, random), agent)).some(one => one.fix.startsWith('did you mean')))
        suggested++
    assert.ok(suggested > 50, `${suggested} of 100`)
  })
})

const sound = [
  'a1.sources = r1',
  'a1.channels = c1',
  'a1.sinks = k1',
  'a1.sources.r1.type = seq',
  'a1.sources.r1.channels = c1',
  'a1.channels.c1.type = memory',
  'a1.channels.c1.capacity = 1000',
  'a1.sinks.k1.type = null',
  'a1.sinks.k1.channel = c1',
]

interface Case {
  /** Line number -> what stands there instead. */
  readonly change?: Readonly<Record<number, string>>
  /** From line 10 on. */
  readonly add?: readonly string[]
  /** All that is said. */
  readonly says: readonly string[]
}

const sinks = 'avro, org.apache.flume.sink.kafka.KafkaSink, logger, null, file_roll, thrift, http, hdfs'
const dropped = 'is dropped, because it begins no escape of a properties file. Write each backslash twice.'
const behind =
  'the text from # on is part of the value, because a properties file has no comments behind values. Write the comment on a line of its own, or \\u0023 for a # that is meant.'

const cases: Readonly<Record<string, Case>> = {
  'nothing is wrong': { says: [] },

  // --------------------------------------------------------------------------------------------- types
  'an unknown type: what there is, and nothing else': {
    change: { 8: 'a1.sinks.k1.type = qqqqqq' },
    says: [
      `f:8: error: a1.sinks.k1.type = qqqqqq: there is no sink of this type. Use one of: ${sinks}, or the path of a module of your own (./my-sink.js).`,
    ],
  },
  'near a component that is not here': {
    change: { 8: 'a1.sinks.k1.type = hbsae' },
    says: [
      `f:8: error: a1.sinks.k1.type = hbsae: there is no sink of this type. Flume's hbase is near, but not here: Millrace has no HBase sink yet. Use one of: ${sinks}, or the path of a module of your own (./my-sink.js).`,
    ],
  },
  'kafka is no name of a channel, but near one': {
    change: { 6: 'a1.channels.c1.type = kafka', 7: '' },
    says: [
      'f:6: error: a1.channels.c1.type = kafka: there is no channel of this type. Did you mean org.apache.flume.channel.kafka.KafkaChannel? Then this must be corrected as well: a1.channels.c1.kafka.bootstrap.servers is required and not written (add a1.channels.c1.kafka.bootstrap.servers = localhost:9092).',
    ],
  },
  'a source where a sink should be': {
    change: { 8: 'a1.sinks.k1.type = netcat' },
    says: [
      `f:8: error: a1.sinks.k1.type = netcat: there is no sink of this type; it is a source. Use one of: ${sinks}, or the path of a module of your own (./my-sink.js).`,
    ],
  },
  "a Java class of somebody's own is compared with none of Flume's": {
    add: [
      'a1.sources.r1.interceptors = i1 i2 i3',
      'a1.sources.r1.interceptors.i1.type = com.example.flume.interceptor.HostInterceptor$Builder',
      'a1.sources.r1.interceptors.i2.type = org.apache.flume.interceptor.MyHostInterceptor$Builder',
      'a1.sources.r1.interceptors.i3.type = MyHostInterceptor$Builder',
    ],
    says: [
      'com.example.flume.interceptor.HostInterceptor',
      'org.apache.flume.interceptor.MyHostInterceptor',
      'MyHostInterceptor',
    ].map(
      (name, at) =>
        `f:${11 + at}: error: a1.sources.r1.interceptors.i${at + 1}.type = ${name}$Builder: Java classes cannot be loaded; by its name, it sets a header to the name or address of the machine. Write a1.sources.r1.interceptors.i${at + 1}.type = host; or write it in TypeScript (millrace init interceptor ${name.replace(/.*\./, '')} writes a template) and add millrace.classes.${name} = ./${name.includes('My') ? 'my-' : ''}host-interceptor.ts (docs/guides/java-classes.md).`,
    ),
  },
  'a class of Flume, misspelt, in another package, or without its Builder': {
    change: { 8: 'a1.sinks.k1.type = org.apache.flume.sink.NulSink' },
    add: [
      'a1.sources.r1.interceptors = i1 i2',
      'a1.sources.r1.interceptors.i1.type = org.apache.flume.interceptor.HostInterceptor',
      'a1.sources.r1.interceptors.i2.type = HostInterceptor$Builder',
    ],
    says: [
      'f:8: error: a1.sinks.k1.type = org.apache.flume.sink.NulSink: Flume has no class of this name, and Java classes of your own cannot be loaded. Did you mean org.apache.flume.sink.NullSink?',
      ...['org.apache.flume.interceptor.HostInterceptor', 'HostInterceptor$Builder'].map(
        (name, at) =>
          `f:${11 + at}: error: a1.sources.r1.interceptors.i${at + 1}.type = ${name}: Flume has no class of this name, and Java classes of your own cannot be loaded. Did you mean org.apache.flume.interceptor.HostInterceptor$Builder?`,
      ),
    ],
  },
  'a suggestion that leads to another refusal says both': {
    change: { 8: 'a1.sinks.k1.type = Avro_' },
    add: ['a1.sinks.k1.hostname = localhost'],
    says: [
      'f:8: error: a1.sinks.k1.type = Avro_: there is no sink of this type. Did you mean avro? Then this must be corrected as well: a1.sinks.k1.port is required and not written (add a1.sinks.k1.port = …).',
    ],
  },
  'a file without the dot before it': {
    change: { 8: 'a1.sinks.k1.type = my-sink.js' },
    says: [
      `f:8: error: a1.sinks.k1.type = my-sink.js: there is no sink of this type; it looks like a file. Write ./my-sink.js for a module beside this file. Then this must be corrected as well: a1.sinks.k1.type: ${join(process.cwd(), 'my-sink.js')} cannot be loaded: there is no such file (correct the path, which begins at the directory of the file it is written in).`,
    ],
  },

  // --------------------------------------------------------------------------------- what a line makes
  'text behind a value': {
    change: { 8: 'a1.sinks.k1.type = null # nowhere', 7: 'a1.channels.c1.capacity = 1000 # events' },
    says: [
      `f:7: warning: a1.channels.c1.capacity: ${behind}`,
      'f:7: warning: a1.channels.c1.capacity: "1000 # events" is not a whole number; 100 is used. Write a whole number, at least 1.',
      `f:8: warning: a1.sinks.k1.type: ${behind}`,
      'f:8: error: a1.sinks.k1.type = null # nowhere: there is no sink of this type. Did you mean null?',
    ],
  },
  'text behind a list: its words are no names, as Flume drops them': {
    change: { 2: 'a1.channels = c1 # the one', 5: 'a1.sources.r1.channels = c1 # it' },
    says: [`f:2: warning: a1.channels: ${behind}`, `f:5: warning: a1.sources.r1.channels: ${behind}`],
  },
  'a # that belongs to the value': {
    change: { 8: 'a1.sinks.k1.type = logger' },
    add: [
      'a1.sources.r1.interceptors = i1 i2 i3',
      'a1.sources.r1.interceptors.i1.type = static',
      'a1.sources.r1.interceptors.i1.value = a\\u0023 b, a#b, http://x',
      'a1.sources.r1.interceptors.i2.type = static',
      'a1.sources.r1.interceptors.i2.value = "a # b"',
      'a1.sources.r1.interceptors.i3.type = static',
      'a1.sources.r1.interceptors.i3.value = #c0ffee',
    ],
    says: [],
  },
  'backslashes that begin no escape, and those that do': {
    add: [
      'a1.sources.r1.interceptors = i1 i2',
      'a1.sources.r1.interceptors.i1.type = regex_filter',
      'a1.sources.r1.interceptors.i1.regex = ^\\d+\\s',
      'a1.sources.r1.interceptors.i2.type = regex_filter',
      'a1.sources.r1.interceptors.i2.regex = ^\\\\d+\\t\\u0041\\=\\:\\#\\!\\"',
      'a1.sinks.k1.password = a\\dc',
    ],
    says: [
      `f:12: warning: a1.sources.r1.interceptors.i1.regex: the backslash of \\d \\s ${dropped}`,
      `f:15: warning: a1.sinks.k1.password: a backslash ${dropped}`,
      'f:15: warning: a1.sinks.k1.password is not a key of sink null and is ignored. Remove it, or see the page of the component in docs/reference for the keys there are.',
    ],
  },
  'blanks behind the backslash that should continue the line': {
    change: { 5: 'a1.sources.r1.channels = c1 \\ ' },
    says: [
      'f:5: warning: a1.sources.r1.channels: blanks follow the backslash at the end of the line, so that the value ends there. Take the blanks away where the value goes on in the next line.',
    ],
  },
  'a backslash that swallows the next setting': {
    change: { 7: 'a1.channels.c1.capacity = 1000\\' },
    says: [
      'f:3: error: sink k1 has no type. Add a1.sinks.k1.type = ….',
      'f:7: warning: a1.channels.c1.capacity: the value continues on line 8, which looks like a setting of its own. Take away the backslash at the end of the line before it.',
      'f:7: warning: a1.channels.c1.capacity: "1000a1.sinks.k1.type = null" is not a whole number; 100 is used. Write a whole number, at least 1.',
    ],
  },
  'signs that only look like those of the format': {
    change: { 7: 'a1.channels.c1.capacity＝1000', 8: 'a1.sinks.k1.type\u200B = null' },
    says: [
      'f:7: warning: a1.channels.c1.capacity＝1000: the key holds the character U+FF1D (＝), which is no blank and no sign of the format. Write =.',
      'f:7: warning: a1.channels.c1.capacity＝1000 has no value and is ignored. Write a value or remove the line.',
      'f:8: warning: a1.sinks.k1.type\u200B: the key holds the character U+200B, which is no blank and no sign of the format. Retype the line in plain ASCII.',
      'f:8: error: sink k1 has no type, but a1.sinks.k1.type\u200B. Did you mean type?',
    ],
  },
  'keys that only JavaScript knows': {
    add: [
      'a1.channels.c1.constructor = 1',
      'a1.channels.c1.__proto__ = 1',
      'a1.sinks.k1.batchSize = ${env:toString}',
    ],
    says: [
      'f:10: warning: a1.channels.c1.constructor is not a key of channel memory and is ignored. Remove it, or see the page of the component in docs/reference for the keys there are.',
      'f:11: warning: a1.channels.c1.__proto__ is not a key of channel memory and is ignored. Remove it, or see the page of the component in docs/reference for the keys there are.',
      'f:12: warning: a1.sinks.k1.batchSize: ${env:toString} is not known and stays as typed. Set the environment variable toString where the agent starts, give a default with ${env:toString:-…}, or write $${env:toString} for the text itself.',
      'f:12: error: a1.sinks.k1.batchSize: "${env:toString}" is not a whole number. Write a whole number, at least 1.',
    ],
  },
  'no line of a file can forge another': {
    add: ['a1.sinks.k1.x\\ny\\u001b[31m = 1', 'a1.sinks.k1.batchSize = 1\\n2026 [ERROR] all is lost'],
    says: [
      'f:10: warning: a1.sinks.k1.x\\ny\\u001B[31m is not a key of sink null and is ignored. Remove it, or see the page of the component in docs/reference for the keys there are.',
      'f:11: error: a1.sinks.k1.batchSize: "1\\n2026 [ERROR] all is lost" is not a whole number. Write a whole number, at least 1.',
    ],
  },

  // ------------------------------------------------------------------------------------------- lookups
  'variables that are set, but not by what is written': {
    add: [
      'a1.channels.c1.keep-alive = ${NC_PORT}',
      'a1.channels.c1.transactionCapacity = $NC_PORT',
      'a1.sinks.k1.batchSize = ${evn:NC_PORT}',
      'a1.sources.r1.totalEvents = ${env:nc_port}',
    ],
    says: [
      'f:10: warning: a1.channels.c1.keep-alive: ${NC_PORT} is not known and stays as typed. Write ${env:NC_PORT} for the environment variable, or start with -DpropertiesImplementation=org.apache.flume.node.EnvVarResolverProperties.',
      'f:10: warning: a1.channels.c1.keep-alive: "${NC_PORT}" is not a whole number; 3 is used. Write a whole number, at least 0.',
      'f:11: warning: a1.channels.c1.transactionCapacity: $NC_PORT stays as typed: without braces nothing is looked up. Write ${env:NC_PORT} for the environment variable.',
      'f:11: warning: a1.channels.c1.transactionCapacity: "$NC_PORT" is not a whole number; 100 is used. Write a whole number, at least 1.',
      'f:12: warning: a1.sinks.k1.batchSize: ${evn:NC_PORT} is not known and stays as typed. Did you mean ${env:NC_PORT}?',
      'f:12: error: a1.sinks.k1.batchSize: "${evn:NC_PORT}" is not a whole number. Write a whole number, at least 1.',
      'f:13: warning: a1.sources.r1.totalEvents: ${env:nc_port} is not known and stays as typed. Did you mean ${env:NC_PORT}?',
      'f:13: error: a1.sources.r1.totalEvents: "${env:nc_port}" is not a whole number. Write a whole number, at least 0.',
    ],
  },
  'lines that nothing reads': {
    add: [
      'PORT = 1',
      'OTHER = ${PORT}',
      'a1.sinks.k1.batchSize = ${OTHER}',
      'sinks.k1.batchSize = 3',
      'b.sinks.k1.x = 1',
    ],
    says: [
      'f:13: warning: sinks.k1.batchSize counts for nothing: the files describe no agent sinks. Did you mean a1.sinks.k1.batchSize?',
      'f:14: warning: b.sinks.k1.x counts for nothing: the files describe no agent b. Begin it with a1, or remove it.',
    ],
  },
  'a text that no setting names': {
    add: ['PORT = 1'],
    says: [
      'f:10: warning: PORT counts for nothing: it is no setting, because there is no dot in it, and no ${…} names it. Write agent.kind.name.key = value, or remove it.',
    ],
  },
  'the agent with another letter': {
    change: { 7: 'A1.channels.c1.capacity = 1000' },
    says: [
      'f:7: warning: A1.channels.c1.capacity counts for nothing: the files describe no agent A1. Did you mean a1.channels.c1.capacity?',
    ],
  },

  // -------------------------------------------------------------------------------------- names and lists
  'no channels in the list': {
    change: { 2: '' },
    says: [
      'f:1: error: agent a1 has no channels. Add a1.channels = c1.',
      'f:6: warning: a1.channels.c1.type: channel c1 is not in the list a1.channels, so its settings count for nothing. Add a1.channels = c1.',
    ],
  },
  'a channel that is described and not listed': {
    change: { 9: 'a1.sinks.k1.channel = c2' },
    add: ['a1.channels.c2.type = memory'],
    says: [
      'f:9: error: a1.sinks.k1.channel names channel c2, which is not in the list a1.channels. Add c2 to the list in line 2.',
      'f:10: warning: a1.channels.c2.type: channel c2 is not in the list a1.channels, so its settings count for nothing. Add c2 to the list in line 2, or remove its lines.',
    ],
  },
  'names with commas': {
    change: { 2: 'a1.channels = c1, c2', 5: 'a1.sources.r1.channels = c1,c2' },
    add: ['a1.channels.c2.type = memory', 'a1.sinks.k2.type = null', 'a1.sinks.k2.channel = c2'],
    says: [
      'f:2: error: a1.channels holds c1,, which can be no name, because a list separates names by blanks. Did you mean a1.channels = c1 c2?',
      'f:5: error: a1.sources.r1.channels holds c1,c2, which can be no name, because a list separates names by blanks. Did you mean a1.sources.r1.channels = c1 c2?',
      'f:11: warning: a1.sinks.k2.type: sink k2 is not in the list a1.sinks, so its settings count for nothing. Add k2 to the list in line 3, or remove its lines.',
    ],
  },
  'an unlisted component that is not complete': {
    add: ['a1.sinks.k2.type = null'],
    says: [
      'f:10: warning: a1.sinks.k2.type: sink k2 is not in the list a1.sinks, so its settings count for nothing. Add k2 to the list in line 3, or remove its lines. Then this must be corrected as well: sink k2 has no channel (add a1.sinks.k2.channel = c1).',
    ],
  },
  'keys that differ in case from one that is written': {
    add: ['a1.channels.c1.Capacity = 5', 'a1.channels.C1.capacity = 5', 'a1.channels.c1.keep-Alive = 5'],
    says: [
      'f:10: warning: a1.channels.c1.Capacity is not a key of channel memory and is ignored. Remove it: capacity, which is near, is written in line 7.',
      'f:11: warning: a1.channels.C1.capacity: channel C1 is not in the list a1.channels, so its settings count for nothing. Did you mean c1, or is C1 to be in the list in line 2?',
      'f:12: warning: a1.channels.c1.keep-Alive is not a key of channel memory and is ignored. Did you mean keep-alive?',
    ],
  },
  'a value that the right key would refuse': {
    add: ['a1.channels.c1.transactionCapcity = 50000', 'a1.sinks.k1.batchsize = 1e3'],
    says: [
      'f:10: warning: a1.channels.c1.transactionCapcity is not a key of channel memory and is ignored. Did you mean transactionCapacity? Then this must be corrected as well: a1.channels.c1.transactionCapacity is 50000 and larger than the capacity of 1000 (lower it to 1000 at most, or raise capacity).',
      'f:11: warning: a1.sinks.k1.batchsize is not a key of sink null and is ignored. Did you mean batchSize? Then this must be corrected as well: a1.sinks.k1.batchSize: "1e3" is not a whole number (write a whole number, at least 1).',
    ],
  },
  'a channel that no sink empties, and one that no source fills': {
    change: { 2: 'a1.channels = c1 c2', 9: 'a1.sinks.k1.channel = c2' },
    add: ['a1.channels.c2.type = memory'],
    says: [
      'f:6: warning: no sink takes events from channel c1: when it is full, its sources stop. Give a sink channel = c1, or take c1 out of the channels of its sources.',
      'f:10: warning: no source puts events into channel c2: its sinks deliver what it holds already, and nothing else. Add c2 to the channels of a source.',
    ],
  },
  'a key below a misspelt beginning': {
    change: { 8: 'a1.sinks.k1.type = org.apache.flume.sink.kafka.KafkaSink' },
    add: [
      'a1.sinks.k1.kafka.bootstrap.servers = localhost:9092',
      'a1.sinks.k1.kafka.producr.acks = all',
      'a1.sinks.k1.kafka.producer.compresion.type = gzip',
      'a1.sinks.k1.kafka.producer.linger.mss = 5',
    ],
    says: [
      'f:11: warning: a1.sinks.k1.kafka.producr.acks is not a key of sink org.apache.flume.sink.kafka.KafkaSink and is ignored. Did you mean kafka.producer.acks?',
      "f:12: warning: a1.sinks.k1.kafka.producer.compresion.type is not a key of Kafka's producers and is ignored. Did you mean compression.type?",
      "f:13: warning: a1.sinks.k1.kafka.producer.linger.mss is not a key of Kafka's producers and is ignored. Remove it: linger.ms, which is near, has no effect here.",
    ],
  },
}

describe('what is said of a line', () => {
  for (const [name, { change = {}, add = [], says }] of Object.entries(cases))
    test(name, async () => {
      const lines = [...sound.map((line, index) => change[index + 1] ?? line), ...add]
      assert.deepEqual((await problemsOf(lines.join('\n'), 'a1')).map(formatProblem), says)
    })

  test("the article's misspelt checkpontDir: whose directory that would be is said as well", async () => {
    const texts = ['kafka-memory-avro', 'avro-memory-kafka'].map(agent => ({
      agent,
      text: readFileSync(join(root, 'conf', `${agent}.conf`), 'utf8'),
    }))
    const [a, b] = texts as [(typeof texts)[0], (typeof texts)[0]]
    const misspelt =
      'kafka-memory-avro.channels.c1.checkpontDir is not a key of channel file and is ignored; checkpointDir is /home/me/.flume/file-channel/checkpoint. Did you mean checkpointDir? '
    const [alone] = await problemsOf(a.text, a.agent)
    assert.equal(
      formatProblem(alone!).replace(/^\S+ warning: /, ''),
      `${misspelt}Then no other component on this machine may use directory /home/mywork/tmp/flume-file-checkpoint, in this agent or another.`,
    )
    const [both] = await problemsOf(`${a.text}\n${b.text}`, a.agent)
    assert.equal(
      formatProblem(both!).replace(/^\S+ warning: /, ''),
      `${misspelt}But channel memory-channel of agent avro-memory-kafka uses directory /home/mywork/tmp/flume-file-checkpoint: where both run on one machine, the later one does not start. Give channel c1 one of its own.`,
    )
  })

  test('where another process has the directory, the check names it', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'suggestions-'))
    const lock = await realSystem.disk.lockDirectory(directory, 'agent b, channel c9')
    try {
      const lines = [
        ...sound.map(line => line.replace('= memory', '= file').replace(/.*capacity.*/, '')),
        `a1.channels.c1.dataDirs = ${directory}-data`,
        `a1.channels.c1.checkpontDir = ${directory}`,
      ]
      const { problems } = await loadTopology([{ file: 'f', bytes: Buffer.from(lines.join('\n')) }], {
        agent: 'a1',
        environment,
        systemProperties: new Map(),
        home: directory,
        examine: { system: realSystem, isCheck: true },
      })
      assert.match(
        formatProblem(problems.find(one => one.problem.includes('checkpontDir'))!),
        /Did you mean checkpointDir\? But directory \S+ is in use by pid \d+, agent b, channel c9\. Give channel c1 one of its own\.$/,
      )
    } finally {
      await lock.release()
      rmSync(directory, { recursive: true })
    }
  })

  test('a file of 100,000 mistakes is answered in a second or so, with lines that can be read', async () => {
    const many = (count: number, line: (at: number) => string) =>
      [...sound, ...Array.from({ length: count }, (_, at) => line(at))].join('\n')
    const names = Array.from({ length: 15_000 }, (_, at) => `d${at}`).join(' ')
    for (const text of [
      many(100_000, at => `a1.channels.c1.capacty${at} = 1`),
      many(15_000, at => `b${at}.channels.c1.capacity = 1`),
      many(15_000, at => `a1.sinks.kk${at}.type = null`),
      many(15_000, at => `a1.chanels${at}.x = 1`),
      many(15_000, at => `a1.sinks.k1.x${at} = \${y${at}}`),
      sound.join('\n').replace('= c1', `= c1 ${names}`),
    ]) {
      const before = process.cpuUsage()
      const problems = await problemsOf(text, 'a1')
      const { user } = process.cpuUsage(before)
      const lines = problemLines(problems).map(({ line }) => line)
      assert.ok(lines.length <= 60, `${lines.length} lines`)
      assert.match(lines.join('\n'), /^\.\.\. and \d{4,6} more like this$/m)
      // Twice and more what it takes beside other work; comparing each with each would take minutes.
      assert.ok(user < 3e6, `${user / 1e6} s`)
    }
  })
})
