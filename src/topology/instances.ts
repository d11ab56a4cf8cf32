// Makes running things of a topology's parts: a channel, a source with its processor and runner, a
// sink or sink group with its runner. Nothing here starts anything by itself.
import type { Channel, ComponentContext, CountedContext, Sink } from '../component.ts'
import type { Conditions } from '../observe/conditions.ts'
import { Counters, type CounterKind } from '../observe/counters.ts'
import type { Logger } from '../observe/log.ts'
import type { System } from '../system/system.ts'
import { shutdownMetricLines } from '../observe/shutdown-metrics.ts'
import { SourceChannelProcessor } from './channel-processor.ts'
import { SinkRunner } from './sink-runner.ts'
import { SourceRunner } from './source-runner.ts'
import type { ChannelPart, SinkGroupPart, SinkPart, SourcePart } from './topology.ts'

/** What an agent's components have around them. */
export interface Surrounds {
  readonly agent: string
  readonly system: System
  readonly log: Logger
  readonly home: string
  readonly logRawData: boolean
  readonly systemProperties: ReadonlyMap<string, string>
  readonly conditions: Conditions
}

export interface Stoppable {
  readonly counters: readonly Counters[]
  /** Whether each of its components runs, by the component's name as /metrics has it. */
  readonly running: ReadonlyMap<string, boolean>
  start(): Promise<void>
  /** `patienceMs` is what work under way may still take. */
  stop(patienceMs: number): Promise<void>
}

/** `label` names the component in the health listing, as /metrics names it: SINK.k1. */
function contextOf(name: string, label: string, { conditions, log, ...rest }: Surrounds): ComponentContext {
  const own = log.child(name)
  return { ...rest, name, log: own, condition: conditions.of(label, own) }
}

/** The context with a counter group; a component Flume does not count gets one that is not shown. */
function countedContextOf(
  kind: CounterKind,
  part: { name: string; definition: { counters?: readonly string[] } },
  surrounds: Surrounds,
): { context: CountedContext; shown: Counters | undefined } {
  const counters = new Counters(kind, part.name, part.definition.counters ?? [])
  return {
    context: { ...contextOf(part.name, `${kind}.${part.name}`, surrounds), counters },
    shown: part.definition.counters === undefined ? undefined : counters,
  }
}

/** Marks the group as stopped and says its last counts, line by line as Flume does. */
export function closeCounters(
  counters: Counters | undefined,
  { log, system }: Pick<Surrounds, 'log' | 'system'>,
): void {
  if (counters === undefined) return
  counters.stopTime = system.clock.now()
  for (const line of shutdownMetricLines(counters)) log.info(line)
}

export function makeChannel(
  part: ChannelPart,
  surrounds: Surrounds,
): { channel: Channel; counters: Counters | undefined } {
  const { context, shown } = countedContextOf('CHANNEL', part, surrounds)
  return { channel: part.definition.create(part.options, context), counters: shown }
}

/** Rejects as the channel's start would. */
export async function rehearseChannel(part: ChannelPart, surrounds: Surrounds): Promise<void> {
  await part.definition.rehearse?.(part.options, countedContextOf('CHANNEL', part, surrounds).context)
}

export function makeSource(
  part: SourcePart,
  all: ReadonlyMap<string, Channel>,
  surrounds: Surrounds,
): Stoppable {
  const { context, shown } = countedContextOf('SOURCE', part, surrounds)
  const channels = new Map(part.channels.map(name => [name, all.get(name)!]))
  const interceptors = part.interceptors.map(one =>
    one.definition.create(
      one.options,
      contextOf(`${part.name}.${one.name}`, `SOURCE.${part.name}.${one.name}`, surrounds),
    ),
  )
  const selector = part.selector.definition.create(part.selector.options, {
    ...context,
    channels: part.channels,
  })
  const { clock, random } = surrounds.system
  const { log, condition, counters } = context
  const given = { interceptors, clock, random, log, condition }
  const processor = new SourceChannelProcessor({ ...given, selector, channels })
  const source = part.definition.create(part.options, { ...context, processor })
  const runner = new SourceRunner({ ...given, name: part.name, source, counters })
  return {
    counters: shown === undefined ? [] : [shown],
    get running() {
      return new Map([[`SOURCE.${part.name}`, runner.isRunning]])
    },
    start: () => runner.start(),
    async stop() {
      await runner.stop()
      closeCounters(shown, surrounds)
    },
  }
}

export function makeSinkGroup(
  group: SinkGroupPart,
  all: ReadonlyMap<string, Channel>,
  surrounds: Surrounds,
): Stoppable {
  const members = group.sinks.map(part => makeSink(part, all, surrounds))
  const { clock, random } = surrounds.system
  const context = contextOf(
    group.name,
    group.processor === undefined ? `SINK.${group.name}` : `SINKGROUP.${group.name}`,
    surrounds,
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
        log: route === undefined ? log.child(members[0]!.name) : log,
        condition,
      }),
  )
  return {
    counters: members.flatMap(member => member.shown ?? []),
    get running() {
      return new Map(members.map(({ name }) => [`SINK.${name}`, isStarted]))
    },
    async start() {
      for (const { sink, name, counters } of members) {
        await sink.start()
        counters.startTime = clock.now()
        log.info(`Component type: SINK, name: ${name} started`)
      }
      for (const runner of runners) runner.start()
      isStarted = true
    },
    async stop(patienceMs) {
      isStarted = false
      await Promise.all(runners.map(runner => runner.stop(patienceMs)))
      for (const { sink, shown } of members) {
        await sink.stop()
        closeCounters(shown, surrounds)
      }
    },
  }
}

function makeSink(
  part: SinkPart,
  all: ReadonlyMap<string, Channel>,
  surrounds: Surrounds,
): { name: string; sink: Sink; channel: Channel; counters: Counters; shown: Counters | undefined } {
  const { context, shown } = countedContextOf('SINK', part, surrounds)
  const sink = part.definition.create(part.options, context)
  return { name: part.name, sink, channel: all.get(part.channel)!, counters: context.counters, shown }
}
