import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeptLog, optionsFor } from '../../test/context.ts'
import { memoryChannel } from '../channels/memory.ts'
import {
  defineChannel,
  defineSelector,
  defineSink,
  defineSource,
  type CatalogueEntry,
  type CountedContext,
  type SourceContext,
} from '../component.ts'
import type { AgentConfig, ComponentConfig, Setting } from '../config/agent-config.ts'
import { Fault } from '../errors.ts'
import { exceptions } from '../observe/health.ts'
import { Event } from '../event.ts'
import { int, text } from '../fields.ts'
import type { Clock } from '../system/clock.ts'
import { failoverProcessor } from '../sink-processors/failover.ts'
import { realSystem } from '../system/system.ts'
import { Agent, StartFailure } from './agent.ts'
import { buildTopology } from './build-topology.ts'
import type { Topology } from './topology.ts'

/** What the components of these tests did, in order; and the way into their source. */
interface Stage {
  readonly did: string[]
  readonly sources: Map<string, SourceContext>
  readonly sinks: Map<string, CountedContext>
  /** What the source's start waits for, and its rounds. */
  start: () => Promise<void>
  poll: (signal: AbortSignal) => Promise<void>
  readonly delivered: string[]
  /** What a delivery waits for. */
  delivery: (signal: AbortSignal) => Promise<void>
  readonly catalogue: readonly CatalogueEntry[]
}

function stage(): Stage {
  const did: string[] = []
  const sources = new Map<string, SourceContext>()
  const sinks = new Map<string, CountedContext>()
  const delivered: string[] = []
  const doc = 'for the test'
  const source = defineSource({
    type: 'hand',
    aliases: [],
    summary: doc,
    options: { label: text({ doc, default: '' }), batchSize: int({ doc, default: 1 }) },
    batchSize: options => options.batchSize,
    create: (_, context) => {
      sources.set(context.name, context)
      return {
        async start() {
          await made.start()
          did.push(`start source ${context.name}`)
        },
        stop: async () => void did.push(`stop source ${context.name}`),
        poll: signal => made.poll(signal),
      }
    },
  })
  const sink = defineSink({
    type: 'keep',
    aliases: [],
    summary: doc,
    options: { label: text({ doc, default: '' }) },
    create: (_, context) => {
      const { name } = context
      sinks.set(name, context)
      return {
        batchSize: 100,
        start: async () => void did.push(`start sink ${name}`),
        stop: async () => void did.push(`stop sink ${name}`),
        deliver: async (events, signal) => {
          await made.delivery(signal)
          delivered.push(...events.map(event => event.body.toString()))
        },
      }
    },
  })
  const locked = defineChannel({
    type: 'locked',
    aliases: [],
    summary: doc,
    options: { directory: text({ doc, required: true }) },
    claims: options => [`directory ${options.directory}`],
    create: (options, context) =>
      Object.assign(memoryChannel.create({ capacity: 10, transactionCapacity: 10 } as never, context), {
        start: async () => {
          if (options.directory === '/taken')
            throw new Fault('DIRECTORY_IN_USE', '/taken is in use by process 1')
          did.push(`start channel ${context.name}`)
        },
        stop: async () => void did.push(`stop channel ${context.name}`),
      }),
  })
  const kept = defineChannel({
    type: 'kept',
    aliases: [],
    summary: doc,
    options: {},
    counters: memoryChannel.counters!,
    // As a channel whose events outlive the agent: it is not drained at the stop.
    create: (_, context) =>
      Object.defineProperty(memoryChannel.create(optionsFor(memoryChannel), context), 'volatileSize', {
        value: 0,
      }),
  })
  const all = defineSelector({
    type: 'replicating',
    aliases: [],
    summary: doc,
    options: {},
    create: (_, { channels }) => ({ select: () => ({ required: channels, optional: [] }) }),
  })
  const entry = (kind: CatalogueEntry['kind'], name: string, definition: unknown) =>
    ({ kind, names: [name], load: async () => definition }) as CatalogueEntry
  const catalogue = [
    entry('source', 'hand', source),
    entry('sink', 'keep', sink),
    entry('channel', 'memory', memoryChannel),
    entry('channel', 'locked', locked),
    entry('channel', 'kept', kept),
    entry('selector', 'replicating', all),
    entry('sink-processor', 'failover', failoverProcessor),
  ]
  const made: Stage = {
    did,
    sources,
    sinks,
    delivered,
    start: async () => {},
    poll: signal => new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true })),
    delivery: async () => {},
    catalogue,
  }
  return made
}

function component(name: string, type: string, given: Record<string, string> = {}): ComponentConfig {
  const place = { file: 'test.conf', line: 1 }
  const setting = (key: string, value: string): Setting => ({ key, value, place })
  const settings = new Map([['type', setting('type', type)]])
  for (const [key, value] of Object.entries(given)) settings.set(key, setting(key, value))
  return { name, place, type: settings.get('type')!, settings }
}

interface Plan {
  sources?: Record<string, { channels?: string[]; given?: Record<string, string> }>
  channels?: Record<string, { type?: string; given?: Record<string, string> }>
  sinks?: Record<string, { channel?: string; given?: Record<string, string> }>
  groups?: Record<string, { sinks: string[]; type: string }>
}

function configOf({
  sources = { r1: {} },
  channels = { c1: {} },
  sinks = { k1: {} },
  groups = {},
}: Plan): AgentConfig {
  return {
    name: 'a1',
    sources: Object.entries(sources).map(([name, { channels: to = ['c1'], given }]) => ({
      ...component(name, 'hand', given),
      channels: to,
      interceptors: [],
      selector: component(`${name}.selector`, 'replicating'),
    })),
    channels: Object.entries(channels).map(([name, { type = 'memory', given }]) =>
      component(name, type, given),
    ),
    sinks: Object.entries(sinks).map(([name, { channel = 'c1', given }]) => ({
      ...component(name, 'keep', given),
      channel,
    })),
    sinkGroups: Object.entries(groups).map(([name, { sinks: members, type }]) => ({
      name,
      place: { file: 'test.conf', line: 1 },
      sinks: members,
      processor: component(`${name}.processor`, type),
    })),
  }
}

async function topologyOf({ catalogue }: Stage, plan: Plan): Promise<Topology> {
  const built = await buildTopology(configOf(plan), { catalogue, surroundings: { home: '/nowhere' } })
  assert.deepEqual(built.problems, [])
  return built.topology!
}

function agentOf(topology: Topology, system = realSystem) {
  const log = new KeptLog()
  const agent = new Agent(topology, {
    agent: 'a1',
    system,
    log,
    home: '/nowhere',
    logRawData: false,
    systemProperties: new Map(),
  })
  return { agent, log }
}

/** Ten times as fast as the real one. */
const fastClock: Clock = {
  ...realSystem.clock,
  monotonic: () => realSystem.clock.monotonic() * 10,
  after: (delayMs, run, options) => realSystem.clock.after(delayMs / 10, run, options),
  sleep: (delayMs, signal) => realSystem.clock.sleep(delayMs / 10, signal),
}

test('starts channels, sinks, sources; stops sources, sinks, channels', async () => {
  const on = stage()
  const plan = { channels: { c1: { type: 'locked', given: { directory: '/a' } } } }
  const { agent } = agentOf(await topologyOf(on, plan))
  await agent.start()
  await agent.stop()
  assert.deepEqual(on.did, [
    'start channel c1',
    'start sink k1',
    'start source r1',
    'stop source r1',
    'stop sink k1',
    'stop channel c1',
  ])
})

test('a channel that cannot open ends the start with its reason, and nothing runs', async () => {
  const on = stage()
  const channels = { c1: {}, c2: { type: 'locked', given: { directory: '/taken' } } }
  const { agent } = agentOf(await topologyOf(on, { channels, sources: { r1: { channels: ['c1', 'c2'] } } }))
  await assert.rejects(agent.start(), (error: unknown) => {
    assert.ok(error instanceof StartFailure)
    assert.match(error.problems[0]!.problem, /channel c2 cannot start: \/taken is in use by process 1/)
    return true
  })
  assert.deepEqual(
    on.did.filter(line => line.startsWith('start')),
    [],
  )
})

test('stopping empties channels that live in memory', async () => {
  const on = stage()
  const { agent } = agentOf(await topologyOf(on, {}))
  await agent.start()
  const { processor } = on.sources.get('r1')!
  for (let index = 0; index < 50; index++) await processor.process([Event.of({}, String(index))])
  await agent.stop()
  assert.deepEqual(
    on.delivered,
    Array.from({ length: 50 }, (_, index) => String(index)),
  )
})

test('a source that cannot start is named as not running until it does', async () => {
  const on = stage()
  let isTaken = true
  on.start = async () => {
    if (isTaken) throw new Fault('ADDRESS_IN_USE', 'port 44444 on 0.0.0.0 is in use by another program')
  }
  const topology = await topologyOf(on, { sources: { r1: {} } })
  const { agent, log } = agentOf(topology, { ...realSystem, clock: fastClock })
  await agent.start()
  const problem =
    'Starting source r1 failed and is retried until it succeeds: port 44444 on 0.0.0.0 is in use by another program'
  assert.deepEqual(agent.health(), {
    ok: false,
    problems: [{ component: 'SOURCE.r1', problem }],
    warnings: [],
    running: ['CHANNEL.c1', 'SINK.k1'],
    notRunning: ['SOURCE.r1'],
  })
  assert.equal(
    exceptions(agent.health()),
    ' without SOURCE.r1, which the agent retries; running: CHANNEL.c1, SINK.k1',
  )
  isTaken = false
  await log.line(/Starting source r1 succeeds, after/)
  assert.deepEqual(agent.health(), {
    ok: true,
    problems: [],
    warnings: [],
    running: ['CHANNEL.c1', 'SINK.k1', 'SOURCE.r1'],
    notRunning: [],
  })
  assert.equal(exceptions(agent.health()), '')
  await agent.stop()
})

test('what several parts say of one component stands side by side in health, and clears only itself', async () => {
  const on = stage()
  const { agent, log } = agentOf(await topologyOf(on, { channels: { c1: { type: 'kept' } } }))
  const problems = () => agent.health().problems.map(({ component, problem }) => `${component} ${problem}`)
  on.poll = () => Promise.reject(new Fault('KAFKA', 't-0 cannot be read'))
  let isPeerAway = true
  on.delivery = async () => {
    if (isPeerAway) throw new Fault('PEER_CLOSED', 'b:1 closed the connection')
  }
  await agent.start()
  const context = on.sources.get('r1')!
  const broker = context.condition('broker b:9092')
  broker.raise('Kafka broker b:9092 cannot be used')
  await log.line(/Reading by source r1 failed/)
  const sink = on.sinks.get('k1')!.condition('broker b:9093')
  sink.raise('Kafka broker b:9093 cannot be used')
  await context.processor.process([Event.of({}, 'a')])
  await log.line(/Delivering events by sink k1 failed/)
  assert.equal(agent.health().ok, false)
  assert.deepEqual(
    problems()
      .map(line => line.slice(0, 50))
      .sort(),
    [
      'SINK.k1 Delivering events by sink k1 failed and is',
      'SINK.k1 Kafka broker b:9093 cannot be used',
      'SOURCE.r1 Kafka broker b:9092 cannot be used',
      'SOURCE.r1 Reading by source r1 failed and is retri',
    ],
  )
  on.poll = signal => realSystem.clock.sleep(10, signal)
  isPeerAway = false
  await log.line(/Reading by source r1 succeeds again/)
  await log.line(/Delivering events by sink k1 succeeds again/)
  assert.deepEqual(problems().sort(), [
    'SINK.k1 Kafka broker b:9093 cannot be used',
    'SOURCE.r1 Kafka broker b:9092 cannot be used',
  ])
  broker.clear('Kafka broker b:9092 can be used again')
  await agent.reload(await topologyOf(on, { channels: { c1: { type: 'kept' } }, sinks: {} }))
  const { ok, running } = agent.health()
  assert.deepEqual({ ok, running }, { ok: true, running: ['CHANNEL.c1', 'SOURCE.r1'] })
  await agent.stop()
})

for (const [name, takesMs] of [
  ['a delivery that takes 5 s is waited for at the stop', 5000],
  ['a delivery that never ends is given up in time at the stop', Infinity],
] as const)
  test(name, async () => {
    const on = stage()
    const begun = Promise.withResolvers<void>()
    on.delivery = signal => {
      begun.resolve()
      return new Promise((resolve, reject) => {
        if (takesMs !== Infinity) fastClock.after(takesMs, resolve)
        signal.addEventListener('abort', () => reject(new Fault('STOPPED', 'given up')))
      })
    }
    const plan = { channels: { c1: { type: 'kept' } } }
    const { agent, log } = agentOf(await topologyOf(on, plan), { ...realSystem, clock: fastClock })
    await agent.start()
    await on.sources.get('r1')!.processor.process([Event.of({}, 'slow')])
    await begun.promise
    const start = fastClock.monotonic()
    await agent.stop()
    const tookMs = fastClock.monotonic() - start
    assert.ok(tookMs < 9500, `${tookMs} ms`)
    assert.deepEqual(on.delivered, takesMs === Infinity ? [] : ['slow'])
    assert.deepEqual(
      log.lines.filter(line => line.startsWith('WARN')),
      [],
    )
  })

test('a reload restarts only what changed', async () => {
  const on = stage()
  const before: Plan = { sources: { r1: {}, r2: {} }, sinks: { k1: {} } }
  const { agent } = agentOf(await topologyOf(on, before))
  await agent.start()
  on.did.length = 0
  await agent.reload(
    await topologyOf(on, { ...before, sources: { r1: {}, r2: { given: { label: 'new' } } } }),
  )
  assert.deepEqual(on.did, ['stop source r2', 'start source r2'])
  on.did.length = 0
  await agent.reload(
    await topologyOf(on, { sources: { r1: {}, r2: { given: { label: 'new' } } }, sinks: { k1: {}, k2: {} } }),
  )
  assert.deepEqual(on.did, ['start sink k2'])
  await agent.stop()
})

test('a memory channel that grows in a reload keeps its events, and its neighbours keep running', async () => {
  const on = stage()
  const plan: Plan = { sinks: {} }
  const { agent } = agentOf(await topologyOf(on, plan))
  await agent.start()
  await on.sources.get('r1')!.processor.process([Event.of({}, 'a')])
  on.did.length = 0
  await agent.reload(await topologyOf(on, { ...plan, channels: { c1: { given: { capacity: '500' } } } }))
  assert.deepEqual(on.did, [])
  const [channel] = [...agent.counters()].filter(counters => counters.kind === 'CHANNEL')
  assert.equal(channel!.get('ChannelSize'), 1)
  assert.equal(channel!.get('ChannelCapacity'), 500)
  await agent.stop()
})

test('a reload whose new part cannot start leaves the old topology running', async () => {
  const on = stage()
  const { agent } = agentOf(await topologyOf(on, {}))
  await agent.start()
  const next = await topologyOf(on, {
    channels: { c1: {}, c2: { type: 'locked', given: { directory: '/taken' } } },
    sources: { r1: { channels: ['c1', 'c2'] } },
  })
  await assert.rejects(agent.reload(next), StartFailure)
  await on.sources.get('r1')!.processor.process([Event.of({}, 'still here')])
  await agent.stop()
  assert.deepEqual(on.delivered, ['still here'])
})

test('a reader hears what starts and stops, which conditions are raised and cleared, and of reloads', async () => {
  const on = stage()
  const { agent, log } = agentOf(await topologyOf(on, {}))
  const heard: string[] = []
  agent.watch(() => assert.fail('a reader that fails disturbs nothing'))
  const forget = agent.watch(({ at, ...change }) => {
    assert.ok(at > 0)
    heard.push(
      [change.what, 'component' in change ? change.component : '', 'name' in change ? change.name : '']
        .join(' ')
        .trim(),
    )
    if (change.what === 'configuration refused') assert.match(change.problem, /\/taken is in use/)
  })
  const since = () => heard.splice(0)
  assert.equal(agent.snapshot().state, 'not started')
  assert.equal(agent.snapshot().sinks[0]!.reason, 'the agent is not started')
  await agent.start()
  assert.deepEqual(since(), [
    'component started CHANNEL.c1',
    'component started SINK.k1',
    'component started SOURCE.r1',
  ])
  await log.line(/a reader of what changes in the agent failed/)
  const condition = on.sinks.get('k1')!.condition('peer', { isRed: false })
  condition.raise('the peer is away')
  condition.raise('the peer is away')
  assert.equal(agent.health().ok, true)
  assert.equal(agent.snapshot().conditions[0]!.problem, 'the peer is away')
  condition.clear('the peer is back')
  condition.clear('the peer is back')
  assert.deepEqual(since(), ['condition raised SINK.k1 peer', 'condition cleared SINK.k1 peer'])
  condition.raise('the peer is away')
  await agent.reload(await topologyOf(on, { sinks: {} }))
  assert.deepEqual(since(), [
    'condition raised SINK.k1 peer',
    'component stopped SINK.k1',
    'condition cleared SINK.k1 peer',
    'configuration changed',
  ])
  const channels = { c1: {}, c2: { type: 'locked', given: { directory: '/taken' } } }
  await assert.rejects(agent.reload(await topologyOf(on, { sinks: {}, channels })))
  assert.deepEqual(since(), ['configuration refused', 'condition raised AGENT configuration'])
  forget()
  await agent.stop()
  assert.deepEqual(since(), [])
})

test('two components that claim the same place, and a batch larger than a transaction, are problems', async () => {
  const { catalogue } = stage()
  const config = configOf({
    channels: {
      c1: { given: { transactionCapacity: '10' } },
      c2: { type: 'locked', given: { directory: '/a' } },
      c3: { type: 'locked', given: { directory: '/a' } },
    },
    sources: { r1: { channels: ['c1', 'c2', 'c3'], given: { batchSize: '20' } } },
  })
  const { topology, problems } = await buildTopology(config, {
    catalogue,
    surroundings: { home: '/nowhere' },
  })
  assert.equal(topology, undefined)
  const text = problems.map(one => `${one.problem}. ${one.fix}`).join('\n')
  assert.match(text, /source r1 moves up to 20 events at once, but a transaction of channel c1 holds 10/)
  assert.match(text, /channel c3 and channel c2 both use directory \/a/)
})

test('sinks of a group that read different channels empty all of them', async () => {
  const on = stage()
  const plan: Plan = {
    sources: { r1: { channels: ['c1', 'c2'] } },
    channels: { c1: {}, c2: {} },
    sinks: { k1: {}, k2: { channel: 'c2' }, k3: { channel: 'c2' } },
    groups: { g1: { sinks: ['k1', 'k2', 'k3'], type: 'failover' } },
  }
  const { agent } = agentOf(await topologyOf(on, plan))
  await agent.start()
  await on.sources.get('r1')!.processor.process([Event.of({}, 'a')])
  await agent.stop()
  assert.deepEqual(on.delivered, ['a', 'a'])
})
