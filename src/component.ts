// The contracts of sources, interceptors, selectors, channels, sinks and sink processors, and the one
// value a component exports: its definition. A definition declares the options once; validation, types,
// defaults, reference pages and the lifecycle test are made from it. See docs/architecture.md.
import { join, resolve } from 'node:path'
import { Fault, messageOf, type FaultCode } from './errors.ts'
import type { Event } from './event.ts'
import type { Fields, OptionsOf, Vocabulary } from './fields.ts'
import type { ConditionMaker } from './observe/conditions.ts'
import type { Counters } from './observe/counters.ts'
import type { Logger } from './observe/log.ts'
import type { Say } from './settings/read-settings.ts'
import type { System } from './system/system.ts'

export type { Say }

// ---------------------------------------------------------------------------------------- channels

/** How long a put waits, and what ends the wait. */
export interface PutOptions {
  /** How long to wait for room before CHANNEL_FULL; the channel's keep-alive where absent, Infinity allowed. */
  readonly patienceMs?: number
  /** Gives the wait up: the put rejects with STOPPED and nothing was put. */
  readonly signal?: AbortSignal
}

/** The most that one take may return. */
export interface TakeLimit {
  readonly events: number
  /** Sum of encoded sizes; the first event always fits. */
  readonly bytes?: number
}

/** Events taken together: hidden from other takers until committed (gone) or rolled back (at the head again, in order). */
export interface Batch {
  readonly events: readonly Event[]
  /** Durable as the channel promises. Rejects when that failed; the events are then delivered again. */
  commit(): Promise<void>
  /** Gives all events back: they are at the head of the channel again, in order. Never rejects. */
  rollback(): Promise<void>
  /**
   * Ends the batch in two parts: `left` (events of it, in their order) are at the head of the channel
   * again at once; the others are gone, durably when this resolves. Rejects as commit does.
   */
  commitExcept(left: readonly Event[]): Promise<void>
}

/** What is used up in a channel that takes no more, in a clause, and what the operator can do. */
export interface FullChannel {
  readonly why: string
  readonly remedy: string
}

/** An event that was read without being taken. */
export interface PeekedEvent {
  readonly event: Event
  /** Whether a batch that is open holds it. */
  readonly isTaken: boolean
}

/** A buffer between sources and sinks, as Flume's `Channel`. Its transactions are `put` and the batches of `take`. */
export interface Channel {
  /** Events the channel can hold, and events one put or take may have. */
  readonly capacity: number
  readonly transactionCapacity: number
  /** Events inside, those of open takes included. */
  readonly size: number
  /** Of its files; absent or null where it has none, or they are not known. */
  readonly diskBytes?: number | null
  /** How long the event at the head has been inside, to 1 % of the longest wait; absent or null where that is not known. */
  readonly oldestEventAgeMs?: number | null
  /** Of the events inside: how many are gone when the agent ends; none where absent. */
  readonly volatileSize?: number
  /** Why the put that waits longest has no room; null where none waits. Its count of events where absent. */
  readonly full?: FullChannel | null
  /** Opens the channel with the events that it has kept. Rejects with a Fault that names the file or directory. */
  start(): Promise<void>
  /**
   * Takes changed options while running and keeps its events; false where these need a new channel.
   * Channels without it are stopped and made anew when a reload changes them.
   */
  reconfigure?(options: never): boolean
  /** Waiting puts and takes end with CHANNEL_CLOSED; open batches may still be committed before it resolves. */
  stop(): Promise<void>
  /**
   * All or none. Resolved means as durable as the channel promises. Puts are kept in the order in which
   * put was called: one that waits for room holds back those after it. Rejects with one of `putFaults`, or with
   * STOPPED.
   */
  put(events: readonly Event[], options?: PutOptions): Promise<void>
  /**
   * The next events, at once as soon as there is one; null when the signal was aborted first. Several
   * batches may be open at a time. When more than one is rolled back, the later one goes first.
   */
  take(limit: TakeLimit, signal: AbortSignal): Promise<Batch | null>
  /**
   * The oldest events, in their order, without taking them: nothing changes for those who do. What open batches hold is
   * among them; what they have committed is not. Fewer than there are where they would have to be read first.
   */
  peek?(limit: TakeLimit): Promise<readonly PeekedEvent[]>
}

/** Why a channel takes no events: what its own options, its state or its disk ask for. */
const putFaults: ReadonlySet<FaultCode> = new Set([
  'CHANNEL_FULL',
  'TRANSACTION_TOO_LARGE',
  'CHANNEL_CLOSED',
  'CHANNEL_FAILED',
  'DISK_FULL',
])

/** Whether it is the channel that refused the events: what Flume calls a ChannelException. */
export const isPutFault = (error: unknown): error is Fault =>
  error instanceof Fault && putFaults.has(error.code)

// ----------------------------------------------------------------------------------------- sources

/** What a source hands its events to: interceptors, selector, then one put a channel. */
export interface ChannelProcessor {
  /**
   * Rejects as the first required channel that refused does, after its keep-alive; channels before it
   * keep the events. For sources whose sender is told and decides (Avro, HTTP, netcat).
   */
  process(events: readonly Event[]): Promise<void>
  /** Several calls of `process` as one put, where the only channel has room now; false: none was taken, each goes alone. */
  processTogether?(events: readonly Event[]): Promise<boolean>
  /**
   * The same, but waits for room and repeats failed puts until every required channel has taken the
   * events, once each; interceptors run once. Calls keep their order. What no transaction of a channel can
   * hold is put in parts; an event that is too large alone waits. Rejects with STOPPED when the signal is
   * aborted, and with what can never succeed. For sources that can wait. With `all` the headers
   * `millrace.origin` of the events name the offsets that each of them closes in its channel.
   */
  processUntilAccepted(events: readonly Event[], signal: AbortSignal, all?: Handovers): Promise<void>
  /** Events for which there is room in every channel but a full one: several batches may go in one call up to here. */
  readonly gathered?: number
}

/** Offsets that a source hands over in one call, by partition as `millrace.origin` names it, from where the last call ended. */
export type Handovers = readonly { readonly partition: string; readonly from: number; readonly to: number }[]

/** Brings events in, as Flume's `Source`: by itself, or in rounds that the runner asks for (`poll`). */
export interface Source {
  /**
   * Ready when resolved. Rejected: the runner reports it and retries every 3 s, as Flume's supervisor does. With the
   * signal a start that waits for others is given up.
   */
  start(signal?: AbortSignal): Promise<void>
  /** Takes nothing new; resolves when what was begun has ended. Also called after a failed start. */
  stop(): Promise<void>
  /**
   * Sources that fetch: one round, waiting for data itself (the runner calls again at once, there is
   * no idle sleep). A rejection is logged and followed by a back-off.
   */
  poll?(signal: AbortSignal): Promise<void>
}

// ------------------------------------------------------------------------------------------- sinks

interface AnySink {
  /** Events of one take. */
  readonly batchSize: number
  /** Prepares; a peer that is away is not a failure here. */
  start(): Promise<void>
  /** Resolves when nothing is open any more. Also called after a failed start. */
  stop(): Promise<void>
  /**
   * Where the sink can set aside what can never be delivered: durable elsewhere when resolved, and the
   * runner commits it. Called alone, with the UNDELIVERABLE fault. Rejects with UNDELIVERABLE where it
   * cannot be kept there either; anything else is an outage.
   */
  readonly divert?: ((event: Event, fault: Fault, signal: AbortSignal) => Promise<void>) | undefined
}

/** A sink that is one function: it is given one batch after the other. */
export interface SimpleSink extends AnySink {
  /**
   * Resolved: delivered, the runner commits. Rejected: the runner calls again later, with those events
   * that a DeliveryFault says are not delivered, else with all. UNDELIVERABLE with an event that it
   * names (or the only one of the call): that one can never be delivered as it is, and nothing else is wrong.
   */
  deliver(events: readonly Event[], signal: AbortSignal): Promise<void>
}

/** A sink that is given batches ahead, in sessions. */
export interface SessionSink extends AnySink {
  /** Takes that may be under way at once. */
  readonly window: number
  /** Most events of a take where more than a batch waits, unless a group spreads them; `batchSize` where absent. */
  readonly gathered?: number
  /** Called when nothing of the session before is under way. The signal gives up what is under way: it settles untried. */
  open(signal: AbortSignal): SinkSession
}

/** Delivers events, as Flume's `Sink`. */
export type Sink = SimpleSink | SessionSink

/**
 * Deliveries in their order. The first that fails ends the session: what has not left the sink by then, and
 * what is handed over later, however late, is not delivered but rejects. Those before it go on. What was not
 * delivered comes again, in a session that follows.
 */
export interface SinkSession {
  /** As SimpleSink.deliver, but called before earlier deliveries have resolved, up to the sink's window. */
  deliver(events: readonly Event[]): Promise<void>
  /** True where the next batch should go to another session, though none has failed: a connection was closed. */
  readonly isOver?: boolean
  /** Nothing is under way and nothing comes any more. */
  close?(): Promise<void>
}

/** Decides which sink of a group serves next. Names are those of the group's sinks. */
export interface SinkProcessor {
  /** Batches may be with several sinks at once, and order does not survive; else with one at a time. */
  readonly spreads?: boolean
  /** Sinks to try for the next batch, best first; empty while all of them rest. `now` is monotonic ms. */
  order(now: number): readonly string[]
  /** The next batch goes to this sink. */
  assigned?(sink: string): void
  /** A batch that was assigned to the sink is delivered. `now` is monotonic ms. */
  delivered(sink: string, now: number): void
  /** A batch that was assigned to the sink has failed. `now` is monotonic ms. */
  failed(sink: string, now: number): void
}

// -------------------------------------------------------------------- interceptors and selectors

/** Changes or drops the events of one source, as Flume's `Interceptor`. */
export interface Interceptor {
  /** Called before the first event. Rejects where the interceptor cannot work. */
  start?(): Promise<void>
  /** Called behind the last event. */
  stop?(): Promise<void>
  /** The event, changed in place or another; null drops it. */
  intercept(event: Event): Event | null
}

/** The channels that an event goes to. */
export interface Selection {
  /** Names of channels that must take the event, and of channels that may. */
  readonly required: readonly string[]
  readonly optional: readonly string[]
}

/** Chooses the channels of each event of a source, as Flume's `ChannelSelector`. */
export interface Selector {
  /** Synchronous, and without changes of the event. */
  select(event: Event): Selection
}

// ------------------------------------------------------------------------------------- definitions

/** What all components of an agent have in common. */
export interface AgentContext {
  readonly agent: string
  readonly system: System
  readonly log: Logger
  /** The user's home directory as Flume finds it (the password database, not $HOME). */
  readonly home: string
  /** Whether event bodies may be written to the log (-Dorg.apache.flume.log.rawdata=true). */
  readonly logRawData: boolean
  /** -D properties, e.g. javax.net.ssl.trustStore. */
  readonly systemProperties: ReadonlyMap<string, string>
}

/** What every component is given; the log is its own. */
export interface ComponentContext extends AgentContext {
  readonly name: string
  /** Makes a named condition, to be raised and cleared: what is wrong with the component. Health is red meanwhile. */
  readonly condition: ConditionMaker
}

/** What channels and sinks are given: with a group of counters. */
export interface CountedContext extends ComponentContext {
  readonly counters: Counters
}

/** What sources are given: with the place where events go. */
export interface SourceContext extends CountedContext {
  readonly processor: ChannelProcessor
}

/** What selectors are given. */
export interface SelectorContext extends ComponentContext {
  /** The source's channels, in the order written. */
  readonly channels: readonly string[]
}

/** What sink processors are given. */
export interface SinkProcessorContext extends ComponentContext {
  /** The group's sinks, in the order written. */
  readonly sinks: readonly string[]
}

/** For `examine`: says as an error of `key` why the work fails, where it does. */
export async function sayFailure(work: Promise<unknown>, say: Say, key: string, fix: string): Promise<void> {
  await work.catch((error: unknown) => say.error(key, messageOf(error), fix))
}

/**
 * What a component does with topics, addresses, headers and channels, as far as its options alone tell it. The checks
 * of several agents are made of these (src/agent-set/).
 */
export type Flow =
  | {
      does: 'read-topics'
      servers: string
      topics: readonly string[]
      pattern?: RegExp
      topicHeader: string | null
      /** Of the consumer group; absent where it is none. */
      group?: string
      /** Values are whole events, whose headers stay but for those that the source overwrites. */
      flumeFormat?: boolean
      /** Events name the record that they were made of. */
      hasOrigins?: boolean
      /** Event header -> the record header it comes from. */
      recordHeaders?: Readonly<Record<string, string>>
    }
  | {
      does: 'write-topic'
      servers: string
      /** With escapes where a header may name another topic. */
      topic: string
      topicHeader: string | null
      flumeFormat?: boolean
      /** Event header -> the record header it becomes. */
      recordHeaders?: Readonly<Record<string, string>>
      /** Record headers that came from a topic are written as they were. */
      isExact?: boolean
      /** As brokers are asked: -1 for all in-sync replicas. */
      acks?: number
      /** Each record once, and the flow that keeps what was written; null: that of agent and sink. Absent: at least once. */
      onceIn?: string | null
      /** The topic takes only what cannot be delivered elsewhere. */
      isDeadLetter?: boolean
    }
  /** The protocol is Avro where absent. */
  | { does: 'send'; host: string; port: number; protocol?: string; deflate?: boolean; tls?: boolean }
  | { does: 'receive'; host: string; port: number; protocol?: string; deflate?: boolean; tls?: boolean }
  /** A selector: to all channels, to one in turn, or by a header's value (lists of channels). */
  | { does: 'select-all' }
  | { does: 'select-one' }
  | {
      does: 'select-by-header'
      header: string
      mapping: ReadonlyMap<string, readonly string[]>
      fallback: readonly string[]
    }
  | { does: 'set-header'; header: string; value: string | null; overwrite: boolean }
  | { does: 'remove-header'; header: string | RegExp }

/** Places outside the options that defaults depend on. */
export interface Surroundings {
  readonly home: string
  /** -D properties; a check may have to know what stands there. */
  readonly systemProperties?: ReadonlyMap<string, string>
}

/** The path of an option that holds one: without blanks around it, `~/` in front is the user's home directory. */
export function pathOf(given: string, home: string): string {
  const path = given.trim()
  return resolve(path.startsWith('~/') ? join(home, path.slice(2)) : path)
}

/** What lies outside of the configuration, for a look at what its options name. */
export interface Outside extends Required<Surroundings> {
  readonly system: System
}

interface Declaration<F extends Fields> extends Vocabulary<F> {
  /** As written in `type =`: the alias, or the class name where Flume has no alias. */
  readonly type: string
  /** Flume's class name and other spellings that mean the same. */
  readonly aliases: readonly string[]
  /** One sentence for the reference page. */
  readonly summary: string
  /** Longer text for the reference page, Markdown: semantics, headers, differences from Flume. */
  readonly description?: string
  /** Rules over several options. */
  readonly check?: (options: OptionsOf<F>, say: Say, surroundings?: Surroundings) => void
  /** Rules about the names around it: the channels of a selector's source, the sinks of a processor's group. */
  readonly checkNames?: (options: OptionsOf<F>, names: readonly string[], say: Say) => void
  /**
   * Looks at what the options name outside of the configuration (directories, files, stores) and says what keeps the
   * component from running as it is asked to. Every start begins with it, and so does the check: an error refuses the
   * start. Changes nothing.
   */
  readonly examine?: (options: OptionsOf<F>, say: Say, outside: Outside) => Promise<void>
  /** What the component does with topics, addresses and headers, for `millrace check` and the console. */
  readonly flow?: (options: OptionsOf<F>) => readonly Flow[]
  /** Things only one component may have, e.g. "directory /a/b" or "port 0.0.0.0:44444". */
  readonly claims?: (options: OptionsOf<F>, surroundings: Surroundings) => readonly string[]
}

interface Counted {
  /** Attributes of the component's counter group; absent where Flume has none. */
  readonly counters?: readonly string[]
}

/** A source as the catalogue holds it; made by `defineSource`. */
export interface SourceDefinition<F extends Fields = Fields> extends Declaration<F>, Counted {
  readonly kind: 'source'
  /** Most events of one put, where the source bounds it. */
  readonly batchSize?: (options: OptionsOf<F>) => number
  /** Makes the source; it is started later. Throws where it cannot be made. */
  readonly create: (options: OptionsOf<F>, context: SourceContext) => Source
}
/** A channel as the catalogue holds it; made by `defineChannel`. */
export interface ChannelDefinition<F extends Fields = Fields> extends Declaration<F>, Counted {
  readonly kind: 'channel'
  /** Most events of one put or take. */
  readonly transactionCapacity?: (options: OptionsOf<F>) => number
  /** Whether a kill loses events inside, all of them or some; absent: none. */
  readonly keepsInMemory?: (options: OptionsOf<F>) => boolean
  /**
   * Meets what `start` of the channel would meet in its directories. Rejects as that does, and changes nothing. For the
   * check; nobody else uses the directories.
   */
  readonly rehearse?: (options: OptionsOf<F>, context: CountedContext) => Promise<void>
  /** Makes the channel; it is started later. Throws where it cannot be made. */
  readonly create: (options: OptionsOf<F>, context: CountedContext) => Channel
}
/** A sink as the catalogue holds it; made by `defineSink`. */
export interface SinkDefinition<F extends Fields = Fields> extends Declaration<F>, Counted {
  readonly kind: 'sink'
  /** Most events of one take. */
  readonly batchSize?: (options: OptionsOf<F>) => number
  /** Makes the sink; it is started later. Throws where it cannot be made. */
  readonly create: (options: OptionsOf<F>, context: CountedContext) => Sink
}
/** An interceptor as the catalogue holds it; made by `defineInterceptor`. */
export interface InterceptorDefinition<F extends Fields = Fields> extends Declaration<F> {
  readonly kind: 'interceptor'
  /** Makes the interceptor; it is started later. Throws where it cannot be made. */
  readonly create: (options: OptionsOf<F>, context: ComponentContext) => Interceptor
}
/** A selector as the catalogue holds it; made by `defineSelector`. */
export interface SelectorDefinition<F extends Fields = Fields> extends Declaration<F> {
  readonly kind: 'selector'
  /** Makes the selector. Throws where it cannot be made. */
  readonly create: (options: OptionsOf<F>, context: SelectorContext) => Selector
}
/** A sink processor as the catalogue holds it; made by `defineSinkProcessor`. */
export interface SinkProcessorDefinition<F extends Fields = Fields> extends Declaration<F> {
  readonly kind: 'sink-processor'
  /** Makes the processor. Throws where it cannot be made. */
  readonly create: (options: OptionsOf<F>, context: SinkProcessorContext) => SinkProcessor
}

/** What a component's module exports. */
export type Definition =
  | SourceDefinition
  | ChannelDefinition
  | SinkDefinition
  | InterceptorDefinition
  | SelectorDefinition
  | SinkProcessorDefinition
/** The kinds of components, as `Definition` names them. */
export type ComponentKind = Definition['kind']
/** The definition of one kind. */
export type DefinitionOf<K extends ComponentKind> = Extract<Definition, { kind: K }>

type Given<D extends { kind: unknown }> = Omit<D, 'kind'>

// The cast forgets the option types: the reader parses by the fields, so they hold by construction.
/** Declares a source. A module that a configuration names by its path exports the result. */
export const defineSource = <F extends Fields>(given: Given<SourceDefinition<F>>): SourceDefinition =>
  ({ ...given, kind: 'source' }) as unknown as SourceDefinition
/** Declares a channel. A module that a configuration names by its path exports the result. */
export const defineChannel = <F extends Fields>(given: Given<ChannelDefinition<F>>): ChannelDefinition =>
  ({ ...given, kind: 'channel' }) as unknown as ChannelDefinition
/** Declares a sink. A module that a configuration names by its path exports the result. */
export const defineSink = <F extends Fields>(given: Given<SinkDefinition<F>>): SinkDefinition =>
  ({ ...given, kind: 'sink' }) as unknown as SinkDefinition
/** Declares an interceptor. A module that a configuration names by its path exports the result. */
export const defineInterceptor = <F extends Fields>(
  given: Given<InterceptorDefinition<F>>,
): InterceptorDefinition => ({ ...given, kind: 'interceptor' }) as unknown as InterceptorDefinition
/** Declares a selector. A module that a configuration names by its path exports the result. */
export const defineSelector = <F extends Fields>(given: Given<SelectorDefinition<F>>): SelectorDefinition =>
  ({ ...given, kind: 'selector' }) as unknown as SelectorDefinition
/** Declares a sink processor. A module that a configuration names by its path exports the result. */
export const defineSinkProcessor = <F extends Fields>(
  given: Given<SinkProcessorDefinition<F>>,
): SinkProcessorDefinition => ({ ...given, kind: 'sink-processor' }) as unknown as SinkProcessorDefinition

// --------------------------------------------------------------------------------------- catalogue

/** One line of the catalogue: a component, loaded when a configuration names it, or why there is none. */
export interface CatalogueEntry {
  readonly kind: ComponentKind
  /** Alias and class names; compared without regard to case. */
  readonly names: readonly string[]
  /** Loads the module of the component; absent where there is none. */
  readonly load?: () => Promise<Definition>
  /** Where there is no component yet: one sentence saying so and what to use instead. */
  readonly absent?: string
}
