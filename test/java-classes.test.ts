// Java classes that a configuration names: mapped to modules by the file or the command line, explained where they are
// not, and modules that change while the agent runs.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { loadTopology } from '../src/load-topology.ts'
import { addClass, type MappedClass } from '../src/config/class-map.ts'
import { formatProblem } from '../src/config/problem.ts'
import { freePort } from './interop/peers/peers.ts'
import { startProcess } from './interop/peers/process.ts'

const root = join(import.meta.dirname, '..')
const directory = mkdtempSync(join(tmpdir(), 'java-classes-'))
after(() => rmSync(directory, { recursive: true, force: true }))

function write(name: string, text: string): string {
  const path = join(directory, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, text)
  return path
}

const define = (kind: string, create: string): string => `import { define${kind} } from 'millrace'
export const made = define${kind}({ type: 'own', aliases: [], summary: 'One.', options: {}, create: ${create} })
`
write('code/source.ts', define('Source', '() => ({ start: async () => {}, stop: async () => {} })'))
write(
  'code/sink.ts',
  define(
    'Sink',
    '() => ({ batchSize: 1, start: async () => {}, stop: async () => {}, deliver: async () => {} })',
  ),
)
write('code/channel.ts', define('Channel', '() => { throw new Error() }'))
write('code/interceptor.ts', define('Interceptor', '() => ({ intercept: (event: object) => event })'))
write('code/selector.ts', define('Selector', '() => ({ select: () => ({ required: [], optional: [] }) })'))
write(
  'code/processor.ts',
  define('SinkProcessor', '() => ({ order: () => [], delivered: () => {}, failed: () => {} })'),
)

const lines = [
  'a1.sources = r1',
  'a1.channels = c1',
  'a1.sinks = k1 k2',
  'a1.sinkgroups = g1',
  'a1.sources.r1.type = com.x.MySource',
  'a1.sources.r1.channels = c1',
  'a1.sources.r1.selector.type = com.x.MySelector',
  'a1.sources.r1.interceptors = i1',
  'a1.sources.r1.interceptors.i1.type = com.x.MyInterceptor$Builder',
  'a1.channels.c1.type = com.x.MyChannel',
  'a1.sinks.k1.type = com.x.MySink',
  'a1.sinks.k1.channel = c1',
  'a1.sinks.k2.type = null',
  'a1.sinks.k2.channel = c1',
  'a1.sinkgroups.g1.sinks = k1 k2',
  'a1.sinkgroups.g1.processor.type = com.x.MyProcessor',
]
const mapping = [
  'millrace.classes.com.x.MySource = ../code/source.ts',
  'millrace.classes.com.x.MySelector = ../code/selector.ts',
  'millrace.classes.com.x.MyInterceptor = ../code/interceptor.ts',
  'millrace.classes.com.x.MyChannel = ../code/channel.ts',
  `millrace.classes.com.x.MySink = ${directory}/code/sink.ts`,
  'millrace.classes.COM.X.myprocessor = ../code/processor.ts',
]

async function problemsOf(
  text: readonly string[],
  classes = new Map<string, MappedClass>(),
): Promise<string[]> {
  const file = join(directory, 'conf/a.conf')
  const { problems } = await loadTopology([{ file, bytes: Buffer.from(text.join('\n')) }], {
    agent: 'a1',
    environment: { OWN_CLASS: 'com.x.secret.MySource' },
    systemProperties: new Map(),
    home: directory,
    classes,
  })
  return problems.map(one => formatProblem(one).replaceAll(directory, '.'))
}

test('every kind of component may be mapped in the file, relative to the directory of the file', async () => {
  assert.deepEqual(await problemsOf([...lines, ...mapping]), [])
  // A class inside is found by the class around it, and the other way round a Builder alone.
  const builder = mapping.map(one => one.replace('MyInterceptor', 'MyInterceptor$Builder'))
  assert.deepEqual(await problemsOf([...lines, ...builder]), [])
  assert.deepEqual(await problemsOf([...lines.map(one => one.replace('$Builder', '')), ...builder]), [])
  const inner = mapping.map(one => one.replace('MyInterceptor', 'MyInterceptor$Other'))
  assert.equal((await problemsOf([...lines, ...inner])).filter(one => / error: /.test(one)).length, 1)
})

test('names of Flume that Millrace lacks, and short ones, may be mapped as well', async () => {
  for (const type of ['org.apache.flume.sink.elasticsearch.ElasticSearchSink', 'my_sink', 'hdfs'])
    assert.deepEqual(
      await problemsOf([
        ...lines.map(one => one.replace('k1.type = com.x.MySink', `k1.type = ${type}`)),
        ...mapping.filter(one => !one.includes('MySink')),
        `millrace.classes.${type} = ../code/sink.ts`,
      ]),
      [],
      type,
    )
})

test('the command line goes before the file', async () => {
  const classes = new Map<string, MappedClass>()
  addClass(classes, 'com.x.MySink', {
    path: join(directory, 'code/source.ts'),
    written: '--map com.x.MySink',
  })
  assert.deepEqual(await problemsOf([...lines, ...mapping], classes), [
    'error: --map com.x.MySink: ./code/source.ts exports no sink. Export one made with the define functions.',
  ])
})

test('mappings that are wrong are problems of their lines', async () => {
  const wrong = [
    ...lines.map(one => (one.includes('MySink') ? 'a1.sinks.k1.type = null' : one)),
    ...mapping.filter(one => !/MySink|MySource/.test(one)),
    'millrace.classes.com.x.MySource = ../code/none.ts',
    'millrace.classes.com.x.Unused = ../code/sink.ts',
    'millrace.classes.com.x.Empty =',
    'millrace.classes. = ../code/sink.ts',
  ]
  assert.deepEqual(await problemsOf(wrong), [
    './conf/a.conf:21: error: millrace.classes.com.x.MySource: ./code/none.ts cannot be loaded: there is no such file. Correct the path, which begins at the directory of the file it is written in.',
    './conf/a.conf:22: warning: millrace.classes.com.x.Unused has no effect: no type names this class. Correct the name of the class, or remove the line.',
    './conf/a.conf:23: error: millrace.classes.com.x.Empty: no file is named. Write millrace.classes.com.example.MyClass = ./my-class.ts.',
    './conf/a.conf:24: error: millrace.classes.: no class is named. Write millrace.classes.com.example.MyClass = ./my-class.ts.',
  ])
  const { problems } = await loadTopology(
    [{ file: 'http://h/a.conf', bytes: Buffer.from([...lines, ...mapping].join('\n')) }],
    { agent: 'a1', environment: {}, systemProperties: new Map(), home: directory },
  )
  const [first] = problems.filter(one => one.severity === 'error').map(formatProblem)
  assert.match(
    first!,
    /^http:\/\/h\/a\.conf:17: error: .*MySource: \.\.\/code\/source\.ts is relative, .* absolute path/,
  )
})

test('modules that hold no component, or half of one, are refused', async () => {
  const said = async (text: string) => {
    write('code/odd.mjs', text)
    const odd = mapping.map(one => one.replace('../code/interceptor.ts', '../code/odd.mjs'))
    return (await problemsOf([...lines, ...odd])).map(one => one.replace(/^.*?odd\.mjs/, ''))
  }
  assert.deepEqual(await said('export default null'), [
    ' exports no interceptor. Export one made with the define functions.',
  ])
  assert.deepEqual(await said("export default { kind: 'interceptor', type: 'x', options: null }"), [
    ' exports has no options, no create. Export one made with the define functions.',
  ])
  assert.deepEqual(await said("export const one = { kind: 'sink' }"), [
    ' exports no interceptor. Export one made with the define functions.',
  ])
  assert.deepEqual(await said('throw null'), [' cannot be loaded: null. Correct the module.'])
  assert.match(
    (await said("throw new Error('no server')"))[0]!,
    /cannot be loaded: .*odd\.mjs:1: no server\. Correct the module/,
  )
})

test('a class that is not mapped is explained by its name and its place', async () => {
  const said = await problemsOf(
    lines.map(one =>
      one
        .replace('MyInterceptor$Builder', 'ETLInterceptor$Builder')
        .replace('com.x.MySource', '${env:OWN_CLASS}'),
    ),
  )
  assert.deepEqual(
    said.map(one => one.replace(/^\.\/conf\/a\.conf:(\d+): error: /, '$1 ')),
    [
      '5 a1.sources.r1.type = (looked up, not shown): Java classes cannot be loaded. Write it in TypeScript (millrace init source MyClass writes a template) and add millrace.classes.com.example.MyClass = ./my-class.ts (docs/guides/java-classes.md).',
      '7 a1.sources.r1.selector.type = com.x.MySelector: Java classes cannot be loaded; by its name, it chooses channels for each event. Write a1.sources.r1.selector.type = multiplexing, a1.sources.r1.selector.header = HEADER, a1.sources.r1.selector.mapping.VALUE = CHANNEL, a1.sources.r1.selector.default = CHANNEL (with the interceptor json, which sets the header by content); or write it in TypeScript (examples/04-own-component shows how) and add millrace.classes.com.x.MySelector = ./my-selector.ts (docs/guides/java-classes.md).',
      '9 a1.sources.r1.interceptors.i1.type = com.x.ETLInterceptor$Builder: Java classes cannot be loaded; by its name, it drops events whose body is not valid JSON. Write a1.sources.r1.interceptors.i1.type = json, a1.sources.r1.interceptors.i1.invalid = drop; or write it in TypeScript (millrace init interceptor ETLInterceptor writes a template) and add millrace.classes.com.x.ETLInterceptor = ./etl-interceptor.ts (docs/guides/java-classes.md).',
      '10 a1.channels.c1.type = com.x.MyChannel: Java classes cannot be loaded; by its name, it keeps events. Write a1.channels.c1.type = file, a1.channels.c1.checkpointDir = DIRECTORY, a1.channels.c1.dataDirs = DIRECTORY; or write it in TypeScript (examples/04-own-component shows how) and add millrace.classes.com.x.MyChannel = ./my-channel.ts (docs/guides/java-classes.md).',
      '11 a1.sinks.k1.type = com.x.MySink: Java classes cannot be loaded. Write it in TypeScript (millrace init sink MySink writes a template) and add millrace.classes.com.x.MySink = ./my-sink.ts (docs/guides/java-classes.md).',
      '16 a1.sinkgroups.g1.processor.type = com.x.MyProcessor: Java classes cannot be loaded; by its name, it chooses the sink for each batch. Write a1.sinkgroups.g1.processor.type = load_balance (or failover); or write it in TypeScript (examples/04-own-component shows how) and add millrace.classes.com.x.MyProcessor = ./my-processor.ts (docs/guides/java-classes.md).',
    ],
  )
})

test('check and simulate take --map, relative to the working directory', async () => {
  const conf = write(
    'conf/seq.conf',
    [
      'a1.sources = r1',
      'a1.channels = c1',
      'a1.sinks = k1',
      'a1.sources.r1.type = seq',
      'a1.sources.r1.channels = c1',
      'a1.sources.r1.interceptors = i1',
      'a1.sources.r1.interceptors.i1.type = com.x.MyInterceptor$Builder',
      'a1.channels.c1.type = file',
      'a1.channels.c1.checkpointDir = /nowhere/checkpoint',
      'a1.channels.c1.dataDirs = /nowhere/data',
      'a1.sinks.k1.type = org.apache.flume.sink.kafka.KafkaSink',
      'a1.sinks.k1.kafka.bootstrap.servers = localhost:9092',
      'a1.sinks.k1.kafka.topic = t',
      'a1.sinks.k1.channel = c1',
    ].join('\n'),
  )
  const run = (...args: string[]) =>
    new Promise<{ code: number; out: string }>(resolve =>
      execFile(join(root, 'bin/millrace'), args, { cwd: directory }, (error, out, err) =>
        resolve({ code: Number(error?.code ?? 0), out: out + err }),
      ),
    )
  const map = ['--map', 'com.x.MyInterceptor=code/interceptor.ts']
  const [unmapped, set, simulated, odd] = await Promise.all([
    run('check', '-f', conf),
    run('check', '-f', conf, ...map),
    run('simulate', '-f', conf, '--runs', '1', '--events', '10', ...map),
    run('check', '-f', conf, '--map', 'com.x.MyInterceptor'),
  ])
  assert.match(unmapped.out, /seq\.conf:7: error: .*Java classes cannot be loaded/)
  assert.match(set.out, /1 agent: 0 errors/)
  assert.match(simulated.out, /10 of 10 events arrive/)
  assert.match(odd.out, /--map com\.x\.MyInterceptor: write CLASS=FILE/)
  assert.notEqual(odd.code, 0)
})

test('a component file that changes is loaded while the agent runs, and the old one runs on while it is wrong', async () => {
  const port = await freePort()
  const interceptor = (mark: string) => `import { Event, defineInterceptor } from 'millrace'
import { marked } from './mark.ts'
export default defineInterceptor({
  type: 'mark', aliases: [], summary: 'Marks bodies.', options: {},
  create: () => ({ intercept: (event: Event) => Event.of(event.headers, Buffer.from(marked(event.body.toString()) + '${mark}')) }),
})
`
  const helper = (mark: string) => `export const marked = (text: string): string => '${mark}' + text\n`
  write('live/mark.ts', helper('1'))
  write('live/own.ts', interceptor('a'))
  const conf = write(
    'live/a.conf',
    [
      'a1.sources = r1',
      'a1.channels = c1',
      'a1.sinks = k1',
      'a1.sources.r1.type = netcat',
      'a1.sources.r1.bind = 127.0.0.1',
      `a1.sources.r1.port = ${port}`,
      'a1.sources.r1.channels = c1',
      'a1.sources.r1.interceptors = i1',
      'a1.sources.r1.interceptors.i1.type = com.x.Mark$Builder',
      'a1.channels.c1.type = memory',
      'a1.sinks.k1.type = logger',
      'a1.sinks.k1.channel = c1',
    ].join('\n'),
  )
  await using agent = await startProcess({
    name: 'a1',
    directory: join(directory, 'live'),
    command: [
      join(root, 'bin/flume-ng'),
      ...`agent -n a1 -f ${conf} -i 3600 --map com.x.Mark=own.ts`.split(' '),
      '-Dflume.root.logger=INFO,console',
      '-Dorg.apache.flume.log.rawdata=true',
    ],
    ready: /Agent a1 started/,
  })
  const send = async (text: string, pattern: RegExp) => {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    socket.end(`${text}\n`)
    await agent.line(pattern)
  }
  const look = (pattern: RegExp) => {
    agent.kill('SIGHUP')
    return agent.line(pattern)
  }
  await send('one', /body: .* 1onea/)
  write('live/mark.ts', helper('2'))
  await look(/the agent runs with the changed component files/)
  assert.match(agent.output, /component files have changed: .*live\/mark\.ts\b/)
  await send('two', /body: .* 2twoa/)
  write('live/own.ts', `${interceptor('b')}\nlet broken: = 1\n`)
  await look(
    /the change is refused and the agent runs on as before: --map com\.x\.Mark: .*own\.ts:\d+: .*Correct the module/,
  )
  await send('three', /body: .* 2threea/)
  write('live/own.ts', interceptor('c'))
  await look(/the configuration is accepted again/)
  await send('four', /body: .* 2fourc/)
  assert.equal(await agent.stop(), 0)
})
