// Every component of the catalogue, made with as few options as it allows: starts and stops, also again,
// and stops without having been started; nothing stays behind. A component with a required option that is
// not in `values` fails here: add a value.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { Channel, Definition, Interceptor, Sink, Source } from '../../src/component.ts'
import { catalogue } from '../../src/components.ts'
import type { ComponentConfig, Setting } from '../../src/config/agent-config.ts'
import { pageName } from '../../scripts/reference/component-pages.ts'
import { readOptions } from '../../src/config/read-options.ts'
import { Event } from '../../src/event.ts'
import type { Network } from '../../src/system/network.ts'
import { realSystem } from '../../src/system/system.ts'
import { contextFor } from '../context.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-lifecycle-'))
after(() => rmSync(directory, { recursive: true }))

/** Texts for required options, and for those whose default is not fit for a test. */
const values: Readonly<Record<string, string>> = {
  bind: '127.0.0.1',
  port: '0',
  ports: '0 0',
  endpoint: 'http://127.0.0.1:1/',
  hostname: '127.0.0.1',
  'kafka.bootstrap.servers': '127.0.0.1:1',
  'kafka.topics': 't',
  'sink.directory': directory,
  'hdfs.path': `file://${directory}/hdfs`,
  command: 'true',
  spoolDir: directory,
  searchPattern: 'a',
  regex: '(a)',
  serializers: 's1',
  'serializers.s1.name': 'h',
  checkpointDir: join(directory, 'checkpoint'),
  dataDirs: join(directory, 'data'),
  filegroups: 'g',
  'filegroups.g': join(directory, '.*'),
  positionFile: join(directory, 'positions.json'),
}

/** Values that a required option of one component takes instead. */
const special: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'sink-avro.md': { port: '1' },
  'sink-thrift.md': { port: '1' },
}

function optionsOf(definition: Definition): never {
  const place = { file: 'lifecycle.conf', line: 1 }
  const settings = new Map<string, Setting>()
  for (const [key, value] of Object.entries({ ...values, ...special[pageName(definition)] })) {
    const known =
      key in definition.options ||
      Object.keys(definition.options).some(name => name.endsWith('.') && key.startsWith(name))
    if (known) settings.set(key, { key, value, place })
  }
  const type = { key: 'a1.x.type', value: definition.type, place }
  const component: ComponentConfig = { name: 'x', place, type, settings }
  const { options, problems } = readOptions(definition, component, { home: directory })
  assert.deepEqual(
    problems.filter(one => one.severity === 'error'),
    [],
    'add a value to this test',
  )
  return options as never
}

interface Made {
  start(): Promise<void>
  stop(): Promise<void>
}

/** A new instance, as something that starts and stops; components without a life of their own give null. */
function make(definition: Definition): Made | null {
  const options = optionsOf(definition)
  const context = contextFor('SINK', 'x', 'counters' in definition ? definition.counters : [], {
    system: { ...realSystem, network },
    home: directory,
  })
  const accept = async () => {}
  switch (definition.kind) {
    case 'source':
      return sourceLife(
        definition.create(options, {
          ...context,
          processor: { process: accept, processUntilAccepted: accept },
        }),
      )
    case 'channel':
      return channelLife(definition.create(options, context))
    case 'sink':
      return sinkLife(definition.create(options, context))
    case 'interceptor':
      return interceptorLife(definition.create(options, context))
    case 'selector': {
      const { required, optional } = definition
        .create(options, { ...context, channels: ['c1', 'c2'] })
        .select(Event.of({}))
      for (const name of [...required, ...optional]) assert.ok(['c1', 'c2'].includes(name))
      return null
    }
    default: {
      const sinks = definition.type === 'default' ? ['k1'] : ['k1', 'k2']
      assert.deepEqual([...definition.create(options, { ...context, sinks }).order(0)].sort(), sinks)
      return null
    }
  }
}

const sourceLife = (source: Source): Made => ({
  // A peer that is away may fail a start; the stop after it must work all the same.
  start: () => source.start().catch(() => {}),
  stop: () => source.stop(),
})

const channelLife = (channel: Channel): Made => ({
  async start() {
    await channel.start()
    assert.equal(channel.size, 0)
    assert.ok(channel.transactionCapacity > 0 && channel.capacity >= channel.transactionCapacity)
  },
  stop: () => channel.stop(),
})

const sinkLife = (sink: Sink): Made => ({
  async start() {
    assert.ok(sink.batchSize > 0 && (!('open' in sink) || sink.window > 0))
    await sink.start()
  },
  stop: () => sink.stop(),
})

const interceptorLife = (interceptor: Interceptor): Made => ({
  async start() {
    await interceptor.start?.()
    const result = interceptor.intercept(Event.of({}, 'a'))
    assert.ok(result === null || result instanceof Event)
  },
  stop: async () => interceptor.stop?.(),
})

/** Ports open at the moment. */
let listening = 0
const network: Network = {
  ...realSystem.network,
  async listen(at, accept) {
    const listener = await realSystem.network.listen(at, accept)
    listening++
    return { ...listener, close: () => listener.close().then(() => void listening--) }
  },
}

describe('every component lives and ends', () => {
  for (const { kind, names, load } of catalogue) {
    if (load === undefined) continue
    test(`${kind} ${names[0]}`, async () => {
      const definition = await load()
      const idle = make(definition)
      if (idle === null) return
      await idle.stop()
      const first = make(definition)!
      await first.start()
      await first.stop()
      // A source is started again by its runner; other parts are made anew.
      const second = kind === 'source' ? first : make(definition)!
      await second.start()
      await second.stop()
      assert.equal(listening, 0, 'a port stayed open')
    })
  }
})
