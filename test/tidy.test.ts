// The tree's own checks: who may import whom, who may reach the outside, names, lengths, first lines,
// words that do not belong here, tests that sleep. The tables are data; docs/decisions/0005-import-table.md
// says why.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { catalogue } from '../src/components.ts'
import { codeOf, filesBelow, importsOf, read, resolveImport, root } from './source-text.ts'

const sources = filesBelow('src').filter(path => path.endsWith('.ts'))
const programs = sources.filter(path => !path.endsWith('.test.ts'))
const tests = ['src', 'test', 'examples', 'bench']
  .filter(folder => existsSync(join(root, folder)))
  .flatMap(folder => filesBelow(folder))
  .filter(path => path.endsWith('.test.ts'))

// ----------------------------------------------------------------------------------- import table

/** Rows by where their files lie; the first that fits counts. */
const rows: readonly (readonly [row: string, place: RegExp])[] = [
  ['system', /^src\/system\//],
  ['errors', /^src\/(errors|backoff|address|printable|did-you-mean|json-shape)\.ts$/],
  ['java', /^src\/java\//],
  ['settings', /^src\/fields\.ts$|^src\/settings\//],
  ['event', /^src\/(event|component|delivery-fault|dead-letter)\.ts$/],
  ['origin', /^src\/origin\//],
  ['security', /^src\/security\//],
  ['zookeeper', /^src\/zookeeper\//],
  ['avro', /^src\/wire\/avro\//],
  ['wire', /^src\/wire\//],
  ['config', /^src\/config\//],
  ['storage', /^src\/storage\//],
  ['observe', /^src\/observe\//],
  ['rpc', /^src\/(avro-rpc|rpc-server|thrift-rpc)\//],
  ['kafka-client', /^src\/kafka-client\//],
  ['serializers', /^src\/serializers\//],
  ['sources', /^src\/sources\//],
  ['sinks', /^src\/sinks\//],
  ['channels', /^src\/channels\//],
  ['interceptors', /^src\/interceptors\//],
  ['selectors', /^src\/selectors\//],
  ['sink-processors', /^src\/sink-processors\//],
  ['topology', /^src\/topology\//],
  ['agent-set', /^src\/agent-set\//],
  ['broker', /^src\/broker\//],
  ['console', /^src\/console\//],
  ['demo', /^src\/demo\//],
  ['simulation', /^src\/simulation\//],
  [
    'everything',
    /^src\/(components|index|load-topology|make-component|start-agent|start-broker)\.ts$|^src\/cli\//,
  ],
]

const event = ['event', 'errors', 'settings', 'java']
const component = [
  ...event,
  'config',
  'wire',
  'avro',
  'storage',
  'observe',
  'system',
  'rpc',
  'kafka-client',
  'serializers',
  'security',
  'zookeeper',
  'origin',
]

/** What each row may import besides itself; after the bar: types alone. */
const table: Readonly<Record<string, readonly [values: readonly string[], types?: readonly string[]]>> = {
  system: [['errors']],
  errors: [[]],
  java: [[], ['settings']],
  settings: [['errors', 'java']],
  event: [
    ['errors', 'avro', 'settings', 'java'],
    ['system', 'observe'],
  ],
  avro: [[]],
  wire: [['avro']],
  config: [event, ['system', 'observe']],
  origin: [[], ['event']],
  security: [['system', 'errors', 'settings']],
  zookeeper: [['system', 'errors', 'wire']],
  storage: [['system', 'errors']],
  observe: [['system', 'errors']],
  rpc: [['wire', 'avro', 'system', 'errors', 'observe']],
  'kafka-client': [['wire', 'avro', 'system', 'errors', 'settings', 'observe', 'security']],
  serializers: [[...event, 'wire', 'avro', 'system']],
  sources: [component],
  sinks: [component],
  channels: [component],
  interceptors: [component],
  selectors: [component],
  'sink-processors': [component],
  topology: [[...event, 'config', 'system', 'observe', 'origin']],
  'agent-set': [[...event, 'config', 'topology', 'wire']],
  broker: [['wire', 'avro', 'storage', 'system', ...event, 'observe', 'config', 'security']],
  console: [[...event, 'config', 'topology', 'observe', 'kafka-client', 'system', 'zookeeper', 'avro']],
  demo: [[...event, 'config', 'wire', 'kafka-client', 'broker', 'observe', 'system']],
  simulation: [rows.map(([row]) => row)],
  everything: [rows.map(([row]) => row)],
}

const rowOf = (path: string): string | undefined => rows.find(([, place]) => place.test(path))?.[0]

test('every file imports only what its row of the table allows', () => {
  const wrong: string[] = []
  for (const path of programs) {
    const row = rowOf(path)
    if (row === undefined) {
      wrong.push(`${path} is in no row of the table`)
      continue
    }
    const [values, types = []] = table[row]!
    for (const { from, typesOnly } of importsOf(read(path))) {
      if (!from.startsWith('.')) continue
      const target = resolveImport(path, from)
      const other = rowOf(target) ?? target
      if (other === row || values.includes(other) || (typesOnly && types.includes(other))) continue
      wrong.push(`${path} (${row}) imports ${typesOnly ? 'types of ' : ''}${target} (${other})`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('no file imports itself by way of others, types included', () => {
  const imports = new Map(
    programs.map(path => {
      const near = importsOf(read(path)).filter(({ from }) => from.startsWith('.'))
      return [path, near.map(({ from }) => resolveImport(path, from))] as const
    }),
  )
  const done = new Set<string>()
  const circles: string[] = []
  const walk = (path: string, above: readonly string[]): void => {
    if (above.includes(path)) circles.push([...above.slice(above.indexOf(path)), path].join(' > '))
    if (done.has(path) || above.includes(path)) return
    for (const next of imports.get(path) ?? []) walk(next, [...above, path])
    done.add(path)
  }
  for (const path of imports.keys()) walk(path, [])
  assert.deepEqual(circles, [])
})

// ------------------------------------------------------------------------------------------ doors

const doorModules =
  /^(node:)?(fs|fs\/promises|net|tls|dgram|http|https|http2|dns|dns\/promises|child_process|worker_threads|cluster|perf_hooks|timers|timers\/promises|readline|repl|inspector)$/
const doorNames: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['a timer', /\b(setTimeout|setInterval|setImmediate)\b|\bAbortSignal\.timeout\b/],
  ['a clock', /\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\.|\bhrtime\b|(?<![.\w])Date\(\)/],
  ['randomness', /\bMath\.random\b|\bgetRandomValues\b|\bcrypto\.random/],
  ['the network', /(?<![.\w])fetch\(|\bnew (WebSocket|EventSource)\b/],
]
/** Names of node:crypto and node:zlib that are random or work in the thread pool. */
const cryptoDoors = /^(random|generateKey|generatePrime|checkPrime|pbkdf2$|scrypt$|hkdf$|webcrypto|subtle)/
const zlibDoors = /^(create|[a-z]\w*(?<!Sync)$)/
const zlibAllowed = new Set(['constants', 'crc32'])

/** Outside the doors by decision: HTTP servers, the log's destination, the command line. */
const exceptions: readonly (readonly [place: RegExp, modules: RegExp])[] = [
  [/^src\/sources\/http\.ts$/, /^node:http$/],
  [/^src\/observe\/http-door\.ts$/, /^node:http$/],
  [/^src\/observe\/log-[\w-]+\.ts$/, /./],
  [/^src\/console\//, /./],
  [/^src\/cli\//, /./],
]

test('only src/system reaches clocks, timers, randomness, files, sockets, processes and the thread pool', () => {
  const wrong: string[] = []
  for (const path of programs) {
    if (path.startsWith('src/system/')) continue
    const excused = exceptions.filter(([place]) => place.test(path)).map(([, modules]) => modules)
    const text = read(path)
    for (const { from, typesOnly, names } of importsOf(text)) {
      if (typesOnly || excused.some(modules => modules.test(from))) continue
      if (doorModules.test(from)) wrong.push(`${path} imports ${from}`)
      const module = from.replace(/^node:/, '')
      for (const name of names)
        if (
          (module === 'crypto' && cryptoDoors.test(name)) ||
          (module === 'zlib' && (name.startsWith('*') || zlibDoors.test(name)) && !zlibAllowed.has(name))
        )
          wrong.push(`${path} imports ${name} of ${from}`)
    }
    if (excused.some(modules => modules.test('everything'))) continue
    const code = codeOf(text)
    for (const [what, pattern] of doorNames) {
      const found = pattern.exec(code)
      if (found !== null) wrong.push(`${path} names ${what}: ${found[0]}`)
    }
  }
  assert.deepEqual(wrong, [])
})

/** `realSystem` and its parts are chosen where a program begins, and handed on: a default would go unnoticed. */
test('only the commands and the public door take the real doors', () => {
  const wrong: string[] = []
  for (const path of programs) {
    const row = rowOf(path)
    if (row === 'system' || row === 'everything') continue
    const found = /\breal[A-Z]\w*/.exec(codeOf(read(path)))
    if (found !== null) wrong.push(`${path} names ${found[0]}`)
  }
  assert.deepEqual(wrong, [])
})

/** Names of src/system that work on what they are given, and reach nothing by themselves. */
const inner =
  /^(createTlsContext|checkTlsPolicy|secureClient|secureServer|lookingDisk|lockFileName|refusalOfUrl|itemBytes|Pace|RequestTurns|Arrival)$|memoryBudget/i
/** Doors that are no part of what components are given, and who goes through them. */
const sideDoors: readonly (readonly [place: RegExp, names: RegExp])[] = [
  [/^src\/channels\/file\//, /^commandLine$/],
  [/^src\/console\/agent-pages\.ts$/, /^(sendHttp|streamHttp|ownSockets|findLeft)$/],
  [/^src\/demo\//, /^(commandLine|sendHttp|writeText|\w+Directory|temporaryDirectories|removeTree)$/],
  [/^src\/observe\/announcement\.ts$/, /^listenForOwnUser$/],
  [/^src\/kafka-client\/security\/security\.ts$/, /^sendHttp$/],
  [/^src\/(security|kafka-client\/security|broker\/security)\//, /^(nextTurn|derive\w+)$/],
  [/^src\/security\/ssl-settings\.ts$/, /^environmentVariable$/],
  [/^src\/topology\/find-component\.ts$/, /^loadModule$/],
  [/^src\/sources\/spooldir\/avro-events\.ts$/, /^unpackedPieces$/],
  [/^src\/sinks\/http\.ts$/, /^HttpPosts$/],
  [/^src\/sinks\/hdfs\.ts$/, /^(environmentVariable|userName)$/],
  [/^src\/sinks\/hdfs\/webhdfs\.ts$/, /^sendHttp$/],
]

test('nothing goes through a door that it was not given, but those that are named', () => {
  const wrong: string[] = []
  for (const path of programs) {
    const row = rowOf(path)
    if (row === 'system' || row === 'simulation' || row === 'everything') continue
    for (const { from, names } of importsOf(read(path))) {
      if (!from.startsWith('.') || rowOf(resolveImport(path, from)) !== 'system') continue
      for (const name of names)
        if (!inner.test(name) && !sideDoors.some(([place, doors]) => place.test(path) && doors.test(name)))
          wrong.push(`${path} imports ${name} of ${from}`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('the scanner sees code and nothing else', () => {
  const text =
    "// setTimeout\nconst a = 'setTimeout' /* setTimeout */; const r = /[/'\"]setTimeout/g; `x ${setTimeout} y`"
  assert.equal(codeOf(text).match(/setTimeout/g)?.length, 1)
  assert.deepEqual(
    importsOf(
      "import type { A } from './a.ts'\nimport { type B, c as d } from './b.ts'\nimport {\n  type E,\n} from './e.ts'\nconst f = () => import('./f.ts').then(m => m)\nexport * from './g.ts'",
    ),
    [
      { from: './a.ts', typesOnly: true, names: [] },
      { from: './b.ts', typesOnly: false, names: ['c'] },
      { from: './e.ts', typesOnly: true, names: [] },
      { from: './g.ts', typesOnly: false, names: ['*'] },
      { from: './f.ts', typesOnly: false, names: [] },
    ],
  )
})

// ---------------------------------------------------------------------------------- names and looks

test('file names are nouns in kebab-case that say what is inside', () => {
  const wrong = sources.filter(path => {
    const name = path
      .split('/')
      .at(-1)!
      .replace(/(\.test)?\.ts$/, '')
    return (
      /^(utils?|helpers?|common|types?|managers?|misc|lib)$/.test(name) ||
      !/^[a-z0-9]+([.-][a-z0-9]+)*$/.test(name)
    )
  })
  assert.deepEqual(wrong, [])
})

test('every file of the program opens with what it is for', () => {
  assert.deepEqual(
    programs.filter(path => !/^(#!.*\n)?\/\/ \S/.test(read(path))),
    [],
  )
})

test('no file has more than 500 lines', () => {
  const long = [...new Set([...sources, ...tests])].filter(path => read(path).split('\n').length > 501)
  assert.deepEqual(long, [])
})

test('nothing that is tracked names the machine it was written on or a package host', () => {
  // Put together here, so that this file does not hold them.
  const words = [['', 'work', ''].join('/'), ['..', 'shared'].join('/'), ['registry', 'npmjs'].join('.')]
  const wrong: string[] = []
  for (const path of filesBelow('.')) {
    if (/\.(png|jpg|gz|jar|bin|avro|der|p12|jks|ico)$/.test(path)) continue
    const text = read(path)
    for (const word of words) if (text.includes(word)) wrong.push(`${path} holds ${word}`)
  }
  assert.deepEqual(wrong, [])
})

/** Translations rather than English, or without an actor: CONTRIBUTING.md, "Style", says what to write instead. */
const avoided =
  /\b(is tried again|are tried again|said once|is told|are told|says so|say so|anew|stands? in\b|what (was|is) said|look at what|remedy what|all the same|cannot be had|can be had|mend(s|ed)?)\b/i

test('pages and messages hold no phrase that the style avoids', () => {
  const wrong: string[] = []
  const look = (path: string, text: string) => {
    for (const [index, line] of text.split('\n').entries()) {
      const found = avoided.exec(line)
      if (found !== null) wrong.push(`${path}:${index + 1}: ${found[0]}`)
    }
  }
  const pages = [
    ...filesBelow('docs'),
    ...filesBelow('examples'),
    'README.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
  ]
  for (const path of pages)
    if (path.endsWith('.md') && !path.startsWith('docs/durability-mutations')) look(path, read(path))
  const comment = /^\s*(\/\/|\/?\*).*|\s\/\/\s.*|\/\*\*.*\*\//gm
  for (const path of programs) look(path, read(path).replaceAll(comment, ''))
  assert.deepEqual(wrong, [])
})

/** The last one with a longer subject. */
const longSubjectsUntil = 'bdce5fb'

test('subjects of commits have at most 72 characters', t => {
  const git = (...words: string[]) => spawnSync('git', words, { cwd: root, encoding: 'utf8' })
  const { status, stdout } = git('log', '--no-merges', '--format=%s', `${longSubjectsUntil}..HEAD`)
  if (status !== 0) return t.skip('there is no history here')
  const long = stdout.split('\n').filter(subject => subject.length > 72)
  assert.deepEqual(long, [])
})

test('CONTRIBUTING names the commands there are', () => {
  const text = read('CONTRIBUTING.md')
  for (const command of [
    'npm ci',
    'npm run check',
    'npm test',
    'npm run test:hostile',
    'npm run docs',
    'bin/flume-ng agent',
  ])
    assert.ok(text.includes(`\`${command}`), command)
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  for (const name of ['check', 'test', 'test:hostile', 'docs', 'test:deep', 'format'])
    assert.ok(scripts[name], name)
})

// ------------------------------------------------------------------------------------------ tests

/** Ask a real peer again and again, a bounded number of times, because it has no way to tell when it is ready. */
const pollPeers = new Set(['test/interop/kafka-codec.test.ts'])

test('no test runs alone, none sleeps, and generated cases are the same with each run', () => {
  const sleeps = /await\s+(setTimeout|sleep|delay|wait)\(|new Promise\b[^;{]{0,60}\bset(Timeout|Interval)\(/
  const wrong: string[] = []
  for (const path of tests) {
    const code = codeOf(read(path))
    if (/\b(test|it|describe|suite)\.only\(|\bonly:\s*true/.test(code)) wrong.push(`${path} runs alone`)
    if (/ from 'fast[-]check'/.test(read(path)))
      wrong.push(`${path} takes fast-check from elsewhere than test/fast-check.ts`)
    const found = sleeps.exec(code)
    if (found !== null && !pollPeers.has(path))
      wrong.push(`${path} sleeps: ${found[0].replaceAll(/\s+/g, ' ')}`)
  }
  assert.deepEqual(wrong, [])
})

// -------------------------------------------------------------------------------------- catalogue

test('the catalogue loads, and every component documents itself', async () => {
  const wrong: string[] = []
  const seen = new Set<string>()
  for (const entry of catalogue) {
    const label = `${entry.kind} ${entry.names[0]}`
    for (const name of entry.names) {
      const key = `${entry.kind} ${name.toLowerCase()}`
      if (seen.has(key)) wrong.push(`${key} stands twice`)
      seen.add(key)
    }
    if (entry.load === undefined) {
      if ((entry.absent ?? '') === '') wrong.push(`${label} is neither there nor said to be absent`)
      continue
    }
    const definition = await entry.load()
    if (definition.kind !== entry.kind) wrong.push(`${label} is a ${definition.kind}`)
    for (const name of [definition.type, ...definition.aliases])
      if (!entry.names.some(one => sameName(one, name))) wrong.push(`${label} does not list ${name}`)
    for (const name of entry.names)
      if (![definition.type, ...definition.aliases].some(one => sameName(one, name)))
        wrong.push(`${label} is listed as ${name}, which it does not know`)
    if (!/^[A-Z].*\.$/s.test(definition.summary)) wrong.push(`${label} has no summary in one sentence`)
    for (const [key, { doc, required, default: value }] of Object.entries(definition.options)) {
      if (!/\S.*[.;:]?$/s.test(doc)) wrong.push(`${label}: ${key} has no doc`)
      if (required && value !== undefined) wrong.push(`${label}: ${key} is required and has a default`)
    }
    for (const [key, { to }] of Object.entries(definition.deprecated ?? {})) {
      const below = Object.entries(definition.options).some(
        ([name, field]) => field.kind === 'prefix' && to.startsWith(`${name}.`),
      )
      if (!(to in definition.options) && !below)
        wrong.push(`${label}: ${key} gives way to ${to}, which is not there`)
      if (key in definition.options) wrong.push(`${label}: ${key} is deprecated and an option`)
    }
  }
  assert.deepEqual(wrong, [])
})

const sameName = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase()
