// Makes running things of a topology's parts: a channel, a source with its processor and runner, a
// sink or sink group with its runner. Nothing here starts anything by itself.
import type { Pace } from '../system/pace.ts'
import type { AgentContext, Channel, ComponentContext, CountedContext, Sink } from '../component.ts'
import type { Event } from '../event.ts'
import type { Conditions } from '../observe/conditions.ts'
import { Counters, type CounterKind } from '../observe/counters.ts'
import { shutdownMetricLines } from '../observe/shutdown-metrics.ts'
import type { Changes } from '../observe/snapshot.ts'
import { SourceChannelProcessor } from './channel-processor.ts'
import { SinkRunner } from './sink-runner.ts'
import { SourceRunner } from './source-runner.ts'
import type { Edge, Edges } from './taps.ts'
import type { ChannelPart, SinkGroupPart, SinkPart, SourcePart } from './topology.ts'

/** What an agent's components are made from. */
export interface SharedContext extends AgentContext {
  readonly conditions: Conditions
}

/** The same of an agent that runs: its readers hear what has started and stopped. */
export interface RunningContext extends SharedContext {
  readonly changes: Changes
  readonly pace: Pace
  readonly edges: Edges
}

/** A source, or the sinks of a group, at work. */
export interface Instance {
  readonly counters: readonly Counters[]
  /** Those of its components that run, as /metrics names them. */
  readonly running: readonly string[]
  /** Events that its sinks have at the moment, by sink as /metrics names it. */
  readonly underWay?: readonly (readonly [component: string, events: readonly Event[]])[]
  start(): Promise<void>
  /** Does not wait in its start for others any more: `stop` follows. */
  giveUp?(): void
  /** `patienceMs` is what work under way may still take. */
  stop(patienceMs: number): Promise<void>
}

/** `label` names the component in the health listing, as /metrics names it: SINK.k1. */
function contextOf(name: string, label: string, shared: SharedContext): ComponentContext {
  const { agent, system, home, logRawData, systemProperties, conditions } = shared
  const log = shared.log.child(name)
  const condition = conditions.of(label, log)
  return { name, agent, system, home, logRawData, systemProperties, log, condition }
}

/** The context with a counter group, which is empty where Flume counts nothing. */
function countedContextOf(
  kind: CounterKind,
  { name, definition }: { name: string; definition: { counters?: readonly string[] } },
  shared: SharedContext,
): CountedContext {
  const counters = new Counters(kind, name, definition.counters ?? [])
  return { ...contextOf(name, counters.component, shared), counters }
}

/** A component has been started: notes when, and tells it in the line that Flume writes. */
export function tellStart(counters: Counters, { log, system, changes }: RunningContext): void {
  const { kind, name, component } = counters
  counters.startTime = system.clock.now()
  log.info(`Component type: ${kind}, name: ${name} started`)
  changes.tell({ what: 'component started', component })
}

/** A component has been stopped: notes when, and tells its last counts, line by line as Flume does. */
export function tellStop(counters: Counters, { log, system, changes }: RunningContext): void {
  const { component, startTime, values } = counters
  counters.stopTime = system.clock.now()
  if (values.size > 0) for (const line of shutdownMetricLines(counters)) log.info(line)
  if (startTime > 0) changes.tell({ what: 'component stopped', component })
}

export function makeChannel(
  part: ChannelPart,
  shared: SharedContext,
): { channel: Channel; counters: Counters } {
  const context = countedContextOf('CHANNEL', part, shared)
  return { channel: part.definition.create(part.options, context), counters: context.counters }
}

/** Rejects as the channel's start would. */
export async function rehearseChannel(part: ChannelPart, shared: SharedContext): Promise<void> {
  await part.definition.rehearse?.(part.options, countedContextOf('CHANNEL', part, shared))
}

export function makeSource(
  part: SourcePart,
  all: ReadonlyMap<string, Channel>,
  shared: RunningContext,
): Instance {
  const context = countedContextOf('SOURCE', part, shared)
  const channels = new Map(part.channels.map(name => [name, all.get(name)!]))
  const interceptors = part.interceptors.map(one =>
    one.definition.create(
      one.options,
      contextOf(`${part.name}.${one.name}`, `SOURCE.${part.name}.${one.name}`, shared),
    ),
  )
  const selector = part.selector.definition.create(part.selector.options, {
    ...context,
    channels: part.channels,
  })
  const { clock, random } = shared.system
  const { log, condition, counters } = context
  const given = { interceptors, clock, random, log, condition }
  const edges = new Map(
    part.channels.map(name => [name, shared.edges.between(counters.component, `CHANNEL.${name}`)]),
  )
  const ledger = shared.edges.ofSource(counters.component)
  const processor = new SourceChannelProcessor({ ...given, selector, channels, edges, ledger })
  const source = part.definition.create(part.options, { ...context, processor })
  const onStarted = () => tellStart(counters, { ...shared, log })
  const runner = new SourceRunner({ ...given, name: part.name, source, onStarted, pace: shared.pace })
  return {
    counters: [counters],
    get running() {
      return runner.isRunning ? [counters.component] : []
    },
    start: () => runner.start(),
    giveUp: () => runner.giveUp(),
    async stop() {
      await runner.stop()
      tellStop(counters, shared)
    },
  }
}

export function makeSinkGroup(
  group: SinkGroupPart,
  all: ReadonlyMap<string, Channel>,
  shared: RunningContext,
): Instance {
  const members = group.sinks.map(part => makeSink(part, all, shared))
  const { clock, random } = shared.system
  const context = contextOf(
    group.name,
    group.processor === undefined ? `SINK.${group.name}` : `SINKGROUP.${group.name}`,
    shared,
  )
  const { log, condition } = context
  let isStarted = false
  const processor = members.length === 1 ? undefined : group.processor
  const route = processor?.definition.create(processor.options, {
    ...context,
    sinks: members.map(member => member.name),
  })
  const name = route === undefined ? `sink ${members[0]!.name}` : `sink group ${group.name}`
  // Sinks that read different channels have nothing in common but the processor.
  const runners = [...Map.groupBy(members, member => member.channel)].map(
    ([channel, some]) =>
      new SinkRunner({
        name: some.length === members.length ? name : `${name} (${some.map(one => one.name).join(', ')})`,
        members: some,
        ...(route === undefined ? {} : { processor: route }),
        channel,
        clock,
        random,
        pace: shared.pace,
        log: route === undefined ? log.child(members[0]!.name) : log,
        condition,
      }),
  )
  return {
    counters: members.map(({ counters }) => counters),
    get running() {
      return isStarted ? members.map(({ counters }) => counters.component) : []
    },
    get underWay() {
      return runners.flatMap(runner => runner.underWay)
    },
    async start() {
      for (const { sink, counters } of members) {
        await sink.start()
        tellStart(counters, { ...shared, log })
      }
      for (const runner of runners) runner.start()
      isStarted = true
    },
    async stop(patienceMs) {
      isStarted = false
      await Promise.all(runners.map(runner => runner.stop(patienceMs)))
      for (const { sink, counters } of members) {
        await sink.stop()
        tellStop(counters, shared)
      }
    },
  }
}

function makeSink(
  part: SinkPart,
  all: ReadonlyMap<string, Channel>,
  shared: RunningContext,
): { name: string; sink: Sink; channel: Channel; counters: Counters; edge: Edge } {
  const context = countedContextOf('SINK', part, shared)
  const { counters } = context
  const sink = part.definition.create(part.options, context)
  const edge = shared.edges.between(`CHANNEL.${part.channel}`, counters.component)
  return { name: part.name, sink, channel: all.get(part.channel)!, counters, edge }
}
