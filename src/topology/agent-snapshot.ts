// The snapshot of an agent: its topology, with what its running components, their counters and the raised
// conditions say at the moment.
import type { Channel, Flow } from '../component.ts'
import { placeOf } from '../config/problem.ts'
import type { RaisedCondition } from '../observe/conditions.ts'
import { flowCounters, type CounterKind, type Counters } from '../observe/counters.ts'
import { Rate } from '../observe/rate.ts'
import type {
  AgentState,
  ComponentSnapshot,
  FlowSnapshot,
  LedgerStep,
  PartSnapshot,
  Snapshot,
} from '../observe/snapshot.ts'
import type { LoopDelay } from '../observe/loop-delay.ts'
import { hidden } from '../printable.ts'
import type { Clock, Timer } from '../system/clock.ts'
import type { MemoryBudget } from '../system/memory-budget.ts'
import type { ChannelPart, SinkPart, SourcePart, Topology } from './topology.ts'

const sampleMs = 1000

/**
 * Events a second of each component. The counts are looked at every second, whoever asks, so that the first
 * question has an answer and readers do not spoil one another's.
 */
export class EventRates {
  readonly #clock: Clock
  readonly #counters: () => Iterable<Counters>
  readonly #rates = new WeakMap<Counters, readonly [inward: Rate, outward: Rate]>()
  #timer: Timer | null = null
  #lookedAt = 0

  constructor(clock: Clock, counters: () => Iterable<Counters>) {
    this.#clock = clock
    this.#counters = counters
  }

  start(): void {
    const now = this.#clock.monotonic()
    for (const group of this.#counters()) {
      const known = this.#rates.get(group)
      const rates = known ?? ([new Rate(), new Rate()] as const)
      this.#rates.set(group, rates)
      for (const [at, attribute] of flowCounters[group.kind].entries()) {
        const count = group.get(attribute)
        if (typeof count !== 'number') continue
        // It was not there when the others were looked at last.
        if (known === undefined) rates[at]!.sample(0, this.#lookedAt)
        rates[at]!.sample(count, now)
      }
    }
    this.#lookedAt = now
    this.#timer = this.#clock.after(sampleMs, () => this.start(), { background: true })
  }

  stop(): void {
    this.#timer?.cancel()
  }

  of(group: Counters | undefined): Pick<ComponentSnapshot, 'inPerSecond' | 'outPerSecond'> {
    const [inward, outward] = (group && this.#rates.get(group)) ?? []
    return { inPerSecond: inward?.perSecond ?? null, outPerSecond: outward?.perSecond ?? null }
  }
}

export interface AgentParts {
  readonly topology: Topology
  readonly state: AgentState
  readonly clock: Clock
  readonly memory: MemoryBudget
  readonly loopDelay: LoopDelay
  /** Those that are open, by name. */
  readonly channels: ReadonlyMap<string, Channel>
  readonly counters: Iterable<Counters>
  /** Sources and sinks that run, as /metrics names them. */
  readonly running: readonly string[]
  readonly ledger: Iterable<LedgerStep>
  readonly conditions: readonly RaisedCondition[]
  readonly rates: EventRates
}

type Part = Pick<ChannelPart, 'name' | 'place' | 'shown'> & { readonly definition: { readonly type: string } }

export function snapshotOf(parts: AgentParts): Snapshot {
  const { topology, state, clock, memory, loopDelay, channels, conditions, rates } = parts
  const groups = new Map([...parts.counters].map(group => [group.component, group]))
  const running = new Set([...parts.running, ...[...channels.keys()].map(name => `CHANNEL.${name}`)])
  const takenAt = clock.now()
  const sinceStart = takenAt - clock.monotonic()

  const partOf = ({ name, definition, place, shown }: Part): PartSnapshot => ({
    name,
    type: definition.type,
    writtenAt: placeOf(place),
    options: shown,
  })
  const componentOf = (kind: CounterKind, part: Part): ComponentSnapshot => {
    const label = `${kind}.${part.name}`
    const group = groups.get(label)
    const isRunning = running.has(label)
    const failure = conditions.find(({ component, name }) => component === label && name === 'start')
    const isStarting = failure === undefined && (state === 'starting' || state === 'reloading')
    return {
      ...partOf(part),
      state: isRunning ? 'running' : isStarting ? 'starting' : 'not running',
      reason: isRunning ? null : (failure?.problem ?? `the agent is ${state}`),
      startedAt: group?.startTime || null,
      stoppedAt: group?.stopTime || null,
      counters: group === undefined || group.values.size === 0 ? null : Object.fromEntries(group.values),
      ownCounters: Object.fromEntries(group?.own ?? []),
      ...rates.of(group),
    }
  }

  return {
    agent: topology.agent,
    state,
    takenAt,
    process: {
      pid: process.pid,
      memoryBudget: memory.limitBytes,
      memoryUsed: memory.usedBytes,
      memoryMostUsed: memory.mostUsedBytes,
      memoryWaiting: memory.waiting,
      loopDelayMs: loopDelay.recentMs,
      longestLoopDelayMs: loopDelay.longestMs,
    },
    sources: topology.sources.map(part => ({
      ...componentOf('SOURCE', part),
      flows: flowsOf(part),
      channels: part.channels,
      selector: partOf(part.selector),
      interceptors: part.interceptors.map(partOf),
    })),
    channels: topology.channels.map(part => {
      const channel = channels.get(part.name)
      return {
        ...componentOf('CHANNEL', part),
        size: channel?.size ?? null,
        // One without a bound has Infinity, which no JSON has.
        capacity: Number.isFinite(channel?.capacity) ? channel!.capacity : null,
        diskBytes: channel?.diskBytes ?? null,
        oldestEventAgeMs: channel?.oldestEventAgeMs ?? null,
      }
    }),
    sinks: topology.sinkGroups.flatMap(({ name, sinks, processor }) =>
      sinks.map(part => ({
        ...componentOf('SINK', part),
        flows: flowsOf(part),
        channel: part.channel,
        group: processor === undefined ? null : name,
      })),
    ),
    sinkGroups: topology.sinkGroups.flatMap(({ name, sinks, processor }) =>
      processor === undefined
        ? []
        : [{ name, sinks: sinks.map(sink => sink.name), processor: partOf(processor) }],
    ),
    ledger: [...parts.ledger],
    conditions: conditions.map(({ component, name, problem, remedy, since, isRed }) => ({
      component,
      name,
      problem,
      remedy,
      since: Math.round(sinceStart + since),
      isRed,
    })),
  }
}

/** What a component does with headers is no part of it. */
function flowsOf({ definition, options, shown }: SourcePart | SinkPart): FlowSnapshot[] {
  // Of options whose values may not be shown, what is shown in their place.
  const secret = Object.entries(shown).filter(([, { value }]) => String(value).includes(hidden))
  const open = {
    ...(options as object),
    ...Object.fromEntries(secret.map(([key, { value }]) => [key, value])),
  }
  return (definition.flow?.(open as never) ?? []).flatMap((flow: Flow): FlowSnapshot[] => {
    switch (flow.does) {
      case 'read-topics': {
        const { does, servers, topics, pattern, group } = flow
        const member = group === undefined ? {} : { group }
        return [{ does, servers, topics, pattern: pattern?.source ?? null, ...member }]
      }
      case 'write-topic': {
        const { does, servers, topic, topicHeader } = flow
        return [{ does, servers, topic, topicHeader }]
      }
      case 'send':
      case 'receive':
        return [{ does: flow.does, host: flow.host, port: flow.port }]
      default:
        return []
    }
  })
}
