// One agent as the checks of a set see it: what its parts do with topics, addresses, headers and channels, and how they
// are wired.
import type { Flow } from '../component.ts'
import type { Place } from '../config/problem.ts'
import type { Topology } from '../topology/topology.ts'
import type { InterceptorFlows } from './known-headers.ts'

export interface FlowAgent {
  readonly name: string
  /** Its name in messages, where others have the same name. */
  readonly label?: string
  readonly sources: readonly FlowSource[]
  readonly sinks: readonly FlowSink[]
}

export interface FlowSource {
  readonly name: string
  readonly place: Place
  readonly channels: readonly string[]
  readonly flows: readonly Flow[]
  readonly interceptors: InterceptorFlows
  /** What the selector does; null where that is not known, and `select-all` where absent. */
  readonly selector?: Flow | null
}

export interface FlowSink {
  readonly name: string
  readonly place?: Place
  readonly channel: string
  readonly flows: readonly Flow[]
}

/** `isOurs`: whether an interceptor that declares no flow is known to touch no header. */
export function flowAgentOf(topology: Topology, isOurs: (type: string) => boolean): FlowAgent {
  const flows = (part: { definition: { flow?: (options: never) => readonly Flow[] }; options: never }) =>
    part.definition.flow?.(part.options) ?? []
  return {
    name: topology.agent,
    sources: topology.sources.map(source => ({
      name: source.name,
      place: source.place,
      channels: source.channels,
      flows: flows(source),
      interceptors: source.interceptors.map(part => (isOurs(part.definition.type) ? flows(part) : null)),
      selector: flows(source.selector)[0] ?? null,
    })),
    sinks: topology.sinkGroups.flatMap(group =>
      group.sinks.map(sink => ({
        name: sink.name,
        place: sink.place,
        channel: sink.channel,
        flows: flows(sink),
      })),
    ),
  }
}
