// Snapshot: all that can be seen of an agent at one moment, and the changes between two of them. Every page of
// monitoring is made of it. docs/guides/snapshot.md describes the JSON, field by field.
// Times are milliseconds since 1970; null stands for what is not known.

/**
 * All that can be seen of an agent at one moment, as `/snapshot` answers it (docs/guides/snapshot.md). Times are
 * ms since 1970.
 */
export interface Snapshot {
  readonly agent: string
  readonly state: AgentState
  /** When it was taken. */
  readonly takenAt: number
  readonly process: ProcessSnapshot
  readonly sources: readonly SourceSnapshot[]
  readonly channels: readonly ChannelSnapshot[]
  readonly sinks: readonly SinkSnapshot[]
  readonly sinkGroups: readonly SinkGroupSnapshot[]
  /** Which events of each origin partition have passed each step, since the agent was started. */
  readonly ledger: readonly LedgerStep[]
  /** Those that are raised, in the order in which they were. */
  readonly conditions: readonly ConditionSnapshot[]
}

/** The process of the agent: its memory and its event loop. */
export interface ProcessSnapshot {
  readonly pid: number
  /** The budget for what is received, unpacked and decoded, bytes; what counts in it now, and at most so far. */
  readonly memoryBudget: number
  readonly memoryUsed: number
  readonly memoryMostUsed: number
  /** Connections and partitions that wait for room in it. */
  readonly memoryWaiting: number
  /** How long the event loop was held up at most, ms: in the last 30 s, and since the start. */
  readonly loopDelayMs: number
  readonly longestLoopDelayMs: number
}

/** What an agent is doing as a whole. */
export type AgentState = 'not started' | 'starting' | 'running' | 'reloading' | 'stopping' | 'stopped'

/** An option's value as the component reads it. */
export type OptionValue = string | number | boolean | readonly string[] | null

/** An option, with what counts for it and where that is written. */
export interface OptionSnapshot {
  /** `[hidden]` where it may be a secret. */
  readonly value: OptionValue
  /** What counts where the key is not written. */
  readonly default: OptionValue
  /** File and line; null where it is not written. */
  readonly writtenAt: string | null
}

/** By key, as the reference page names it. */
export type OptionsSnapshot = Readonly<Record<string, OptionSnapshot>>

/** What has options and is neither started nor counted by itself: interceptors, selectors, sink processors. */
export interface PartSnapshot {
  readonly name: string
  readonly type: string
  /** File and line of the list that names it. */
  readonly writtenAt: string
  readonly options: OptionsSnapshot
}

/** Where events come from and go to, as the configuration says. */
export type FlowSnapshot =
  | {
      readonly does: 'read-topics'
      readonly servers: string
      readonly topics: readonly string[]
      /** Of names of topics; null where they are listed. */
      readonly pattern: string | null
      /** The consumer group; absent where it is none. */
      readonly group?: string
    }
  | {
      readonly does: 'write-topic'
      readonly servers: string
      readonly topic: string
      /** The header that names another topic, event by event; null where none does. */
      readonly topicHeader: string | null
    }
  | { readonly does: 'send' | 'receive'; readonly host: string; readonly port: number }

export interface ComponentSnapshot extends PartSnapshot {
  readonly state: 'running' | 'starting' | 'not running'
  /** Why it is not running; null while it is. */
  readonly reason: string | null
  readonly startedAt: number | null
  readonly stoppedAt: number | null
  /** Under Flume's names; null where Flume counts nothing, and while there is no such component. */
  readonly counters: Readonly<Record<string, number | boolean>> | null
  /** What Flume has no name for. */
  readonly ownCounters: Readonly<Record<string, number>>
  /** Events a second over the last 5 s; null where they are not counted, and in the first second. */
  readonly inPerSecond: number | null
  readonly outPerSecond: number | null
}

export interface SourceSnapshot extends ComponentSnapshot {
  readonly flows: readonly FlowSnapshot[]
  readonly channels: readonly string[]
  readonly selector: PartSnapshot
  readonly interceptors: readonly PartSnapshot[]
}

export interface ChannelSnapshot extends ComponentSnapshot {
  /** Events inside, those of open transactions included. */
  readonly size: number | null
  readonly capacity: number | null
  readonly diskBytes: number | null
  /** How long the event at the head has been inside; null where none is, or it was there when the channel opened. */
  readonly oldestEventAgeMs: number | null
}

export interface SinkSnapshot extends ComponentSnapshot {
  readonly flows: readonly FlowSnapshot[]
  readonly channel: string
  /** The sink group it belongs to. */
  readonly group: string | null
}

/** A sink group, and what chooses among its sinks. */
export interface SinkGroupSnapshot {
  readonly name: string
  readonly sinks: readonly string[]
  readonly processor: PartSnapshot
}

/** One step of the ledger, for one partition. */
export interface LedgerStep {
  /** The partition as `millrace.origin` names it; null: events without that header. */
  readonly origin: string | null
  /** As /metrics names it: SOURCE.r for `read` and `dropped`, CHANNEL.c, SINK.k. */
  readonly component: string
  /**
   * `dropped`: by interceptors, or because the selector chose no channel. `delivered` of a channel: by any of its sinks,
   * or set aside. `under way`: taken by the sink and not known to be delivered.
   */
  readonly step: 'read' | 'dropped' | 'put' | 'delivered' | 'under way' | 'set aside'
  /** Of `read`: 0, because offsets alone are known. */
  readonly events: number
  /** Those of the events that had passed this step before. */
  readonly repeated: number
  /** Offsets that the events close, from and to; null where they are only counted. */
  readonly ranges: readonly (readonly [from: number, to: number])[] | null
  /** Nothing is known of offsets below. */
  readonly forgottenBelow: number
  /** Offsets of the repeated events, the latest ones of many. */
  readonly repeats: readonly (readonly [from: number, to: number])[] | null
}

/** A condition that is raised: what is wrong with a component, since when, and what to do. */
export interface ConditionSnapshot {
  /** As /metrics names it: SINK.k1. */
  readonly component: string
  readonly name: string
  readonly problem: string
  /** What the operator can do; empty where there is nothing to say. */
  readonly remedy: string
  readonly since: number
  /** Whether health is red because of it. */
  readonly isRed: boolean
}

/** What has happened to an agent, with the time. */
export type Change = { readonly at: number } & (
  | ({ readonly what: 'condition raised' | 'condition cleared' } & Pick<
      ConditionSnapshot,
      'component' | 'name' | 'problem' | 'remedy' | 'isRed'
    >)
  | { readonly what: 'component started' | 'component stopped'; readonly component: string }
  | { readonly what: 'configuration changed' }
  /** With its errors; the agent runs on as before. */
  | { readonly what: 'configuration refused'; readonly problem: string }
)

type Unstamped<C> = C extends Change ? Omit<C, 'at'> : never

/** Tells readers of an agent what changes. */
export class Changes {
  readonly #readers = new Set<(change: Change) => void>()
  readonly #now: () => number
  readonly #onFailed: (error: unknown) => void

  /** `onFailed` hears of a reader that throws: that must not disturb what has changed. */
  constructor(now: () => number, onFailed: (error: unknown) => void) {
    this.#now = now
    this.#onFailed = onFailed
  }

  /** `read` is called at once with each change. The answer ends that. */
  watch(read: (change: Change) => void): () => void {
    const own = (change: Change) => read(change)
    this.#readers.add(own)
    return () => void this.#readers.delete(own)
  }

  tell(what: Unstamped<Change>): void {
    const change = { at: this.#now(), ...what } as Change
    for (const read of this.#readers)
      try {
        read(change)
      } catch (error) {
        this.#onFailed(error)
      }
  }
}

/** Components in the order of /metrics and /health, with their names there. */
export function* componentsOf(
  snapshot: Pick<Snapshot, 'channels' | 'sinks' | 'sources'>,
): Iterable<readonly [kind: 'CHANNEL' | 'SINK' | 'SOURCE', component: ComponentSnapshot]> {
  for (const one of snapshot.channels) yield ['CHANNEL', one]
  for (const one of snapshot.sinks) yield ['SINK', one]
  for (const one of snapshot.sources) yield ['SOURCE', one]
}
