// AgentConfig: a configuration file's text put in order by Flume's grammar, nothing yet judged by
// what the components accept. Every value still knows where it was written.
import type { Place } from './problem.ts'

export interface Setting {
  /** The whole key as written, e.g. a1.sources.r1.port. */
  readonly key: string
  /** After lookups and config filters. */
  readonly value: string
  readonly place: Place
  /** The value came, in part, from a lookup or a config filter: it may be a secret and is not printed. */
  readonly looked?: boolean
  /** Another setting's ${…} names this one. */
  readonly referred?: boolean
}

/** One component's part: its settings by the key below it (`port`, `selector.type`, `interceptors.i1.type`). */
export interface ComponentConfig {
  readonly name: string
  /** Where the list that names it stands. */
  readonly place: Place
  readonly type: Setting
  readonly settings: ReadonlyMap<string, Setting>
}

export interface InterceptorConfig extends ComponentConfig {}

export interface SourceConfig extends ComponentConfig {
  /** Names from `channels`, in order. */
  readonly channels: readonly string[]
  readonly interceptors: readonly InterceptorConfig[]
  /** `selector.*` with the prefix taken off; type `replicating` where not written. */
  readonly selector: ComponentConfig
}

export interface SinkConfig extends ComponentConfig {
  readonly channel: string
}

export interface SinkGroupConfig {
  readonly name: string
  readonly place: Place
  readonly sinks: readonly string[]
  /** `processor.*` with the prefix taken off. */
  readonly processor: ComponentConfig
}

export interface AgentConfig {
  readonly name: string
  readonly sources: readonly SourceConfig[]
  readonly channels: readonly ComponentConfig[]
  readonly sinks: readonly SinkConfig[]
  readonly sinkGroups: readonly SinkGroupConfig[]
}
