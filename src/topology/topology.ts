// Topology: what an agent is made of, every part with its definition and its typed options, wired by
// name. A value: nothing runs yet. Two topologies can be compared, which is how a reload knows what
// changed.
import type {
  ChannelDefinition,
  InterceptorDefinition,
  SelectorDefinition,
  SinkDefinition,
  SinkProcessorDefinition,
  SourceDefinition,
} from '../component.ts'
import type { Place } from '../config/problem.ts'
import type { OptionsSnapshot } from '../observe/snapshot.ts'

/** A component's definition with its options as read from the configuration. */
interface Part<D> {
  readonly name: string
  readonly place: Place
  readonly definition: D
  /** Typed by the definition's fields; only the definition looks inside. */
  readonly options: never
  /** What of the options may be shown to anybody. */
  readonly shown: OptionsSnapshot
  /** Equal for two parts exactly when their configuration is equal. */
  readonly fingerprint: string
}

export type InterceptorPart = Part<InterceptorDefinition>
export type SelectorPart = Part<SelectorDefinition>
export type SinkProcessorPart = Part<SinkProcessorDefinition>
export type ChannelPart = Part<ChannelDefinition>

export interface SourcePart extends Part<SourceDefinition> {
  readonly channels: readonly string[]
  readonly interceptors: readonly InterceptorPart[]
  readonly selector: SelectorPart
}

export interface SinkPart extends Part<SinkDefinition> {
  readonly channel: string
}

/** Sinks driven by one runner: a sink group, or a sink that is in none. */
export interface SinkGroupPart {
  readonly name: string
  readonly sinks: readonly SinkPart[]
  /** Absent for a sink that is in no group. */
  readonly processor?: SinkProcessorPart
  readonly fingerprint: string
}

/** The parts of one agent, wired by name. */
export interface Topology {
  readonly agent: string
  readonly sources: readonly SourcePart[]
  readonly channels: readonly ChannelPart[]
  readonly sinkGroups: readonly SinkGroupPart[]
}

/** The names of what differs between two topologies: what is gone, new or changed. */
export interface Difference {
  readonly sources: ReadonlySet<string>
  readonly channels: ReadonlySet<string>
  readonly sinkGroups: ReadonlySet<string>
}

function changed(
  before: readonly { name: string; fingerprint: string }[],
  after: readonly { name: string; fingerprint: string }[],
): Set<string> {
  const old = new Map(before.map(part => [part.name, part.fingerprint]))
  const names = new Set<string>()
  for (const part of after) {
    if (old.get(part.name) !== part.fingerprint) names.add(part.name)
    old.delete(part.name)
  }
  for (const name of old.keys()) names.add(name)
  return names
}

/**
 * What a reload must stop and start. Sources and sinks on a changed channel count as changed: they hold
 * the channel that goes. `keptChannels` are changed channels that take their new options while running.
 */
export function compareTopologies(
  before: Topology,
  after: Topology,
  keptChannels: ReadonlySet<string>,
): Difference {
  const channels = changed(before.channels, after.channels)
  const sources = changed(before.sources, after.sources)
  const sinkGroups = changed(before.sinkGroups, after.sinkGroups)
  const replaced = new Set([...channels].filter(name => !keptChannels.has(name)))
  for (const { sources: all, sinkGroups: groups } of [before, after]) {
    for (const source of all) if (source.channels.some(name => replaced.has(name))) sources.add(source.name)
    for (const group of groups)
      if (group.sinks.some(sink => replaced.has(sink.channel))) sinkGroups.add(group.name)
  }
  return { sources, channels, sinkGroups }
}
