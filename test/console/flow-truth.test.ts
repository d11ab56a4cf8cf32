// C23: the numbers of the flow are those of the events: after each of 1,000 random steps of an agent whose source and
// sink do as a model says, and after an agent was killed with SIGKILL and started again.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { defineSink, defineSource, type SourceContext } from '../../src/component.ts'
import { Agents } from '../../src/console/agents.ts'
import type { FlowNode } from '../../src/console/api.ts'
import { flowOf } from '../../src/console/flow.ts'
import { Fault } from '../../src/errors.ts'
import { Event } from '../../src/event.ts'
import { sourceCounters, sinkCounters } from '../../src/observe/counters.ts'
import { startAgent } from '../../src/start-agent.ts'
import { startProgram, type Program } from '../../src/system/programs.ts'
import { realSystem } from '../../src/system/system.ts'

/** By a seed, so that a failure comes again (mulberry32). */
function randomOf(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const nodeOf = (nodes: readonly FlowNode[], name: string): FlowNode => nodes.find(one => one.name === name)!

test('C23: after each of 1,000 random steps the cards show what was put and taken', async () => {
  let context!: SourceContext
  /** The delivery under way: how many events it has, and what ends it. */
  let under: { count: number; end(works: boolean): void } | null = null
  let arrived = Promise.withResolvers<void>()
  const doc = 'for the test'
  const hand = defineSource({
    type: 'hand',
    aliases: [],
    summary: doc,
    options: {},
    counters: sourceCounters,
    create: (_, given) => {
      context = given
      return { start: async () => {}, stop: async () => {} }
    },
  })
  const slow = defineSink({
    type: 'slow',
    aliases: [],
    summary: doc,
    options: {},
    counters: sinkCounters,
    create: (_, { counters }) => ({
      batchSize: 7,
      start: async () => {},
      stop: async () => under?.end(true),
      async deliver(events) {
        counters.add('EventDrainAttemptCount', events.length)
        const done = Promise.withResolvers<void>()
        under = {
          count: events.length,
          end(works) {
            under = null
            if (works) counters.add('EventDrainSuccessCount', events.length)
            if (works) done.resolve()
            else done.reject(new Fault('PEER_CLOSED', 'as the model says'))
          },
        }
        arrived.resolve()
        await done.promise
      },
    }),
  })
  const components = [hand, slow].map(definition => ({
    kind: definition.kind,
    names: [definition.type],
    load: async () => definition,
  }))
  const agent = await startAgent({
    name: 'a',
    configuration: `
a.sources = r1
a.sources.r1.type = hand
a.sources.r1.channels = c1
a.channels = c1
a.channels.c1.type = memory
a.channels.c1.capacity = 60
a.channels.c1.transactionCapacity = 20
a.channels.c1.keep-alive = 0
a.sinks = k1
a.sinks.k1.type = slow
a.sinks.k1.channel = c1
`,
    components,
  })
  const random = randomOf(Number(process.env['MILLRACE_SEED'] ?? 7))
  const model = { put: 0, refused: 0, delivered: 0 }
  try {
    for (let step = 0; step < 1000; step++) {
      const inside = model.put - model.delivered
      if (random(2) === 0) {
        const count = 1 + random(12)
        context.counters.add('EventReceivedCount', count)
        const events = Array.from({ length: count }, (_, index) => Event.of({}, String(index)))
        const accepted = await context.processor.process(events).then(
          () => true,
          () => false,
        )
        assert.equal(accepted, inside + count <= 60, 'the channel takes what has room')
        if (accepted) {
          context.counters.add('EventAcceptedCount', count)
          model.put += count
        } else model.refused += count
      } else if (inside > 0) {
        // A sink that failed rests before it is given events again.
        if (under === null) await arrived.promise
        const { count, end } = under!
        arrived = Promise.withResolvers<void>()
        const works = random(40) > 0
        end(works)
        if (works) model.delivered += count
        // The commit follows the delivery.
        for (let turn = 0; turn < 5; turn++) await new Promise(resolve => setImmediate(resolve))
      }
      const { nodes, edges } = flowOf(
        [
          {
            address: 'a',
            kind: 'millrace',
            problem: null,
            seenAt: 0,
            snapshot: agent.snapshot(),
          },
        ],
        0,
      )
      const [source, channel, sink] = ['r1', 'c1', 'k1'].map(name => nodeOf(nodes, name)) as [
        FlowNode,
        FlowNode,
        FlowNode,
      ]
      assert.deepEqual(
        {
          received: source.inTotal,
          accepted: source.outTotal,
          put: channel.inTotal,
          taken: channel.outTotal,
          size: channel.fill!.size,
          delivered: sink.outTotal,
          edges: edges.map(({ total }) => total),
        },
        {
          received: model.put + model.refused,
          accepted: model.put,
          put: model.put,
          taken: model.delivered,
          size: model.put - model.delivered,
          delivered: model.delivered,
          edges: [model.put, model.delivered],
        },
        `step ${step}`,
      )
    }
    assert.ok(model.delivered > 500 && model.refused > 0)
  } finally {
    await agent.stop()
  }
})

test('C23: after kill -9 the card of a channel shows what it kept, and what goes in and out adds up', async () => {
  const home = mkdtempSync(join(tmpdir(), 'millrace-truth-'))
  process.env['XDG_RUNTIME_DIR'] = home
  process.env['TMPDIR'] = home
  const file = join(home, 'a.conf')
  writeFileSync(
    file,
    `
a.sources = r1
a.sources.r1.type = seq
a.sources.r1.batchSize = 50
a.sources.r1.channels = c1
a.channels = c1
a.channels.c1.type = file
a.channels.c1.capacity = 100000000
a.channels.c1.transactionCapacity = 1000
a.channels.c1.checkpointDir = ${home}/checkpoint
a.channels.c1.dataDirs = ${home}/data
a.sinks = k1
a.sinks.k1.type = null
a.sinks.k1.batchSize = 20
a.sinks.k1.channel = c1
`,
  )
  const programs: Program[] = []
  const start = async () => {
    const opened = Promise.withResolvers<number>()
    const program = startProgram({
      command: [
        join(import.meta.dirname, '../../bin/flume-ng'),
        'agent',
        '-n',
        'a',
        '-f',
        file,
        '--no-reload-conf',
        '-Dmillrace.stop.with.stdin=true',
      ],
      environment: process.env,
      onLine: line => {
        const count = /channel c1 opened with (\d+) event/.exec(line)?.[1]
        if (count !== undefined) opened.resolve(Number(count))
      },
    })
    programs.push(program)
    return { program, inside: await opened.promise }
  }
  const agents = new Agents({ given: [], announced: true }, realSystem.clock)
  const channelCard = async (holds: (node: FlowNode) => boolean): Promise<FlowNode> => {
    const end = performance.now() + 60_000
    for (;;) {
      const { nodes } = await agents.once()
      const node = nodes.find(one => one.name === 'c1')
      if (node !== undefined && node.state !== 'unknown' && holds(node)) return node
      assert.ok(performance.now() < end, JSON.stringify(node))
    }
  }
  try {
    for (let life = 0; life < 3; life++) {
      const { program, inside } = await start()
      for (let look = 0; look < 20; look++) {
        const card = await channelCard(node => node.inTotal! > look * 100)
        assert.equal(card.fill!.size, inside + card.inTotal! - card.outTotal!, 'one snapshot, one moment')
      }
      program.signal('SIGKILL')
      await program.ended
      const { nodes } = await agents.once()
      assert.ok(nodes.every(({ state }) => state === 'unknown'))
    }
  } finally {
    for (const program of programs) program.signal('SIGKILL')
    await Promise.all(programs.map(program => program.ended))
    rmSync(home, { recursive: true, force: true })
  }
})
