import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readConfiguration } from './configuration.ts'

const read = (...files: (string | Buffer)[]) =>
  readConfiguration(
    files.map((text, index) => ({ file: `f${index + 1}`, bytes: Buffer.from(text as string) })),
    {
      agent: 'a',
      environment: {},
      systemProperties: new Map(),
      now: 0,
      run: () => Promise.reject(new Error('nothing to run')),
    },
  )

const whole = `a.sources = s
a.channels = c  d
a.sinks = k l
a.sources.s.type = seq
a.sources.s.channels = c d c
a.sources.s.selector.type = multiplexing
a.sources.s.selector.header = h
a.sources.s.interceptors = i2 i1
a.sources.s.interceptors.i1.type = static
a.sources.s.interceptors.i1.key = x.y
a.sources.s.interceptors.i2.type = host
a.channels.c.type = memory
a.channels.d.type = file
a.sinks.k.type = null
a.sinks.k.channel = d
a.sinks.l.type = null
a.sinks.l.channel = c
a.sinks.k.serializer.compressionCodec = none
a.sinkgroups = g
a.sinkgroups.g.sinks = k
a.sinkgroups.g.processor.type = failover
a.sinkgroups.g.processor.priority.k = 5
b.sources = other
`

test('puts the settings of the agent in order', async () => {
  const { config, problems } = await read(whole)
  assert.deepEqual(problems, [])
  assert.ok(config !== undefined)
  const [source] = config.sources
  assert.deepEqual(source!.channels, ['c', 'd'])
  assert.equal(source!.selector.type.value, 'multiplexing')
  assert.equal(source!.selector.settings.get('header')!.value, 'h')
  assert.deepEqual(
    source!.interceptors.map(({ name, type }) => [name, type.value]),
    [
      ['i2', 'host'],
      ['i1', 'static'],
    ],
  )
  assert.equal(source!.interceptors[1]!.settings.get('key')!.value, 'x.y')
  assert.deepEqual(
    config.channels.map(({ name }) => name),
    ['c', 'd'],
  )
  const [sink] = config.sinks
  assert.equal(sink!.channel, 'd')
  assert.deepEqual(sink!.settings.get('serializer.compressionCodec')!.place, { file: 'f1', line: 18 })
  const [group] = config.sinkGroups
  assert.deepEqual(group!.sinks, ['k'])
  assert.equal(group!.processor.settings.get('priority.k')!.value, '5')
})

test('of a key in several files the last counts, and knows its file', async () => {
  const { config, problems } = await read(whole, '\na.sinks.k.type = logger\n')
  assert.deepEqual(problems, [])
  assert.equal(config!.sinks[0]!.type.value, 'logger')
  assert.deepEqual(config!.sinks[0]!.type.place, { file: 'f2', line: 2 })
})

test('keys and values are trimmed, a source and a channel may have one name', async () => {
  const { config, problems } = await read(
    'a.sources = x \na.channels= x\na.sinks = x\na.sources.x.type =  seq \na.sources.x.channels = x\na.channels.x.type = memory\na.sinks.x.type = null\na.sinks.x.channel = x',
  )
  assert.deepEqual(problems, [])
  assert.equal(config!.sources[0]!.type.value, 'seq')
})

test('bytes that are not UTF-8 are ISO-8859-1, with a warning at their line', async () => {
  const { config, problems } = await read(
    Buffer.concat([Buffer.from(whole), Buffer.from('a.sinks.k.name = caf'), Buffer.from([0xe9, 0x0a])]),
  )
  assert.equal(config!.sinks[0]!.settings.get('name')!.value, 'café')
  assert.deepEqual(problems[0]!.place, { file: 'f1', line: 24 })
  assert.match(problems[0]!.problem, /not UTF-8/)
})

const broken: Record<string, [bytes: Buffer, said: RegExp, line: number]> = {
  'UTF-16, little end first': [Buffer.from(`\uFEFF${whole}`, 'utf16le'), /it begins as UTF-16 does/, 1],
  'UTF-16, big end first': [Buffer.from(`\uFEFF${whole}`, 'utf16le').swap16(), /it begins as UTF-16 does/, 1],
  'UTF-16 without its mark': [Buffer.from(whole, 'utf16le'), /it holds a byte 0/, 1],
  'UTF-32': [Buffer.from([0xff, 0xfe, 0, 0, 0x61, 0, 0, 0]), /it begins as UTF-32 does/, 1],
  'zeros where a power cut left none of the text': [
    Buffer.concat([Buffer.from('a.sources = s\na'), Buffer.alloc(4096)]),
    /it holds a byte 0/,
    2,
  ],
  'a program': [Buffer.from('\x7FELF\x02\x01\x01\0\0'), /it holds a byte 0/, 1],
}
for (const [name, [bytes, said, line]] of Object.entries(broken))
  test(`${name}: one error, and nothing about what may be in it`, async () => {
    const { config, problems } = await read(bytes)
    assert.equal(config, undefined)
    assert.equal(problems.length, 1)
    assert.equal(problems[0]!.severity, 'error')
    assert.match(problems[0]!.problem, said)
    assert.deepEqual(problems[0]!.place, { file: 'f1', line })
  })

test('a mark of UTF-8 and line ends of any kind change nothing', async () => {
  for (const text of [`\uFEFF${whole}`, whole.replaceAll('\n', '\r\n'), whole.replaceAll('\n', '\r')]) {
    const { config, problems } = await read(text)
    assert.deepEqual(problems, [])
    assert.equal(config!.sinks[0]!.channel, 'd')
  }
})

test('Chinese comments and values are read as they are', async () => {
  const { config } = await read(`#拦截器\n${whole}a.sinks.k.name = 名`)
  assert.equal(config!.sinks[0]!.settings.get('name')!.value, '名')
})

test('with errors the readable parts are there all the same', async () => {
  const { config, problems } = await read(whole.replace('a.sinks.k.channel = d', 'a.sinks.k.channel = e'))
  assert.equal(problems.filter(({ severity }) => severity === 'error').length, 1)
  assert.equal(config!.sinks[0]!.channel, 'e')
})

test('an agent that is not there leaves no configuration', async () => {
  const { config, problems } = await read('b.sources = s\n')
  assert.equal(config, undefined)
  assert.match(problems[0]!.problem, /no agent named a in f1/)
})

for (const [list, kind] of [
  ['a.sources', 'sources'],
  ['a.channels', 'channels'],
  ['a.sinks', 'sinks'],
  ['a.sinkgroups', 'sinkgroups'],
  ['a.sources.s.interceptors', 'interceptors'],
] as const)
  test(`a list of ${kind} that is missing is suggested with all its names`, async () => {
    const written = kind === 'sinkgroups' ? 'g' : kind.slice(0, 1)
    const names = [`${written}1`, `${written}2`]
    const without = whole
      .split('\n')
      .filter(line => !line.startsWith(`${list} =`) && !line.startsWith(`${list}.`))
    const parts = names.flatMap(name => [`${list}.${name}.type = x`, `${list}.${name}.y = z`])
    const { problems } = await read([...without, ...parts].join('\n'))
    const fixes = problems.filter(one => one.fix.startsWith(`add ${list} = `)).map(one => one.fix)
    assert.ok(fixes.length >= 1, problems.map(one => one.fix).join('\n'))
    for (const fix of fixes)
      assert.match(fix, new RegExp(`^add ${list} = ${names.join(' ')}(, or remove its lines)?$`))
  })
