// Agent: a topology that runs. Starts channels, then sinks, then sources; stops in reverse; a reload
// touches only what changed. Resolved start means every channel is open and every source and sink has
// been started once; a source whose start fails is retried while the agent runs.
import type { Channel } from '../component.ts'
import { placeOf, sentence, sentenceOf, type Problem } from '../config/problem.ts'
import { Fault, messageOf } from '../errors.ts'
import { Pace } from '../system/pace.ts'
import { countOf, printable } from '../printable.ts'
import { type Condition, type ConditionMaker, Conditions } from '../observe/conditions.ts'
import type { Counters } from '../observe/counters.ts'
import type { EventView, Peek, TapSample } from '../observe/event-view.ts'
import { healthOf, type Health } from '../observe/health.ts'
import { LoopDelay } from '../observe/loop-delay.ts'
import { type AgentState, type Change, Changes, type Snapshot } from '../observe/snapshot.ts'
import { EventRates, snapshotOf } from './agent-snapshot.ts'
import { shownEvent } from './shown-event.ts'
import { Edges } from './taps.ts'
import {
  makeChannel,
  makeSinkGroup,
  makeSource,
  type Instance,
  tellStart,
  tellStop,
  type RunningContext,
} from './instances.ts'
import { compareTopologies, type ChannelPart, type Topology } from './topology.ts'

/**
 * What stopping may take, each with half a second of grace: from SIGTERM to exit must stay below 10 s. What
 * sources and drain leave of theirs, deliveries under way may have: one that is given up comes again.
 */
const stopMs = { sources: 2000, drain: 2000, sinkDelivery: 2000, sinks: 2000, channels: 1500 }

/** Most of one look into a channel. */
const peekLimit = { events: 100, bytes: 1024 * 1024 }

type Edge = EventView['edges'][number]

/** Nothing runs: what was started has been stopped again. */
export class StartFailure extends Error {
  override name = 'StartFailure'
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super(problems.map(sentenceOf).join('\n'))
    this.problems = problems
  }
}

interface RunningChannel {
  readonly part: ChannelPart
  readonly channel: Channel
  readonly counters: Counters
}

/** An agent that runs a topology. Made by `startAgent`, or from a topology for full control over what is around it. */
export class Agent implements EventView {
  #topology: Topology
  readonly #context: RunningContext
  readonly #channels = new Map<string, RunningChannel>()
  readonly #sources = new Map<string, Instance>()
  readonly #sinkGroups = new Map<string, Instance>()
  readonly #conditions: Conditions
  readonly #changes: Changes
  readonly #rates: EventRates
  readonly #refused: Condition
  readonly #loopDelay: LoopDelay
  #state: AgentState = 'not started'
  #busy: Promise<unknown> = Promise.resolve()
  readonly #closedLast: { close(): Promise<void> }[] = []

  constructor(topology: Topology, shared: Omit<RunningContext, 'conditions' | 'changes' | 'pace' | 'edges'>) {
    const { clock } = shared.system
    this.#topology = topology
    this.#changes = new Changes(
      () => clock.now(),
      error => shared.log.error('a reader of what changes in the agent failed', error),
    )
    this.#conditions = new Conditions(clock, ({ component, name, problem, remedy, isRed }, isRaised) => {
      const what = isRaised ? 'condition raised' : 'condition cleared'
      this.#changes.tell({ what, component, name, problem, remedy, isRed })
    })
    this.#context = {
      ...shared,
      conditions: this.#conditions,
      changes: this.#changes,
      pace: new Pace(clock),
      edges: new Edges(clock),
    }
    this.#rates = new EventRates(clock, () => this.counters())
    this.#refused = this.conditionsOf('AGENT')('configuration', { isRed: false })
    const isLong = this.#conditions.of('AGENT', shared.log)('event loop', { level: 'warn', isRed: false })
    this.#loopDelay = new LoopDelay(clock, isLong)
  }

  /** Rejects with StartFailure, every problem at once, when a channel cannot open or a part cannot be made. */
  start(): Promise<void> {
    return this.#alone(async () => {
      this.#state = 'starting'
      this.#rates.start()
      this.#loopDelay.start()
      try {
        await this.#bringUp(this.#topology)
        this.#state = 'running'
      } catch (error) {
        this.#rates.stop()
        this.#loopDelay.stop()
        await this.#takeDown(this.#topology)
        this.#state = 'not started'
        throw error
      }
    })
  }

  /**
   * Changes the running agent into `next`; what is equal in both is not touched. Rejects with
   * StartFailure when a new part cannot start: the old topology then runs again.
   */
  reload(next: Topology): Promise<void> {
    return this.#alone(async () => {
      if (this.#state === 'stopped') return
      const before = this.#topology
      this.#state = 'reloading'
      try {
        await this.#change(before, next)
        this.#topology = next
        this.#changes.tell({ what: 'configuration changed' })
        this.#refused.clear('the configuration is accepted again')
      } catch (error) {
        await this.#change(next, before)
        this.refuse(error)
        throw error
      } finally {
        this.#state = 'running'
      }
    })
  }

  /**
   * A changed configuration cannot be used, for the errors of a StartFailure or for another reason, and the agent runs
   * on as before: a condition, until one is accepted.
   */
  refuse(error: unknown): void {
    const problems = error instanceof StartFailure ? error.problems : []
    const errors = problems.filter(({ severity }) => severity === 'error')
    const [first] = errors
    const told = first === undefined ? messageOf(error) : errors.map(sentenceOf).join(' ')
    this.#changes.tell({ what: 'configuration refused', problem: told })
    const place = first?.place === undefined ? '' : `${placeOf(first.place)}: `
    const reason = first === undefined ? told : `${place}${first.problem}`
    const more = errors.length > 1 ? `, and ${countOf(errors.length - 1, 'further error')}` : ''
    const problem = printable(`the change is refused and the agent runs on as before: ${reason}${more}`)
    const remedy = `${first === undefined ? '' : `${sentence(first.fix)} `}The next change will be seen.`
    // What is raised already writes no line for another reason.
    if (this.#refused.isRaised) this.#context.log.error(`${problem}. ${remedy}`)
    this.#refused.raise(problem, { remedy })
  }

  /** Sources that wait in their start for others wait no longer: `stop` follows. */
  giveUp(): void {
    for (const source of this.#sources.values()) source.giveUp?.()
  }

  /** Resolves when all has stopped, within 10 s; a second call waits for the first. */
  stop(): Promise<void> {
    this.giveUp()
    return this.#alone(async () => {
      if (this.#state === 'stopped') return
      this.#state = 'stopping'
      this.#rates.stop()
      await this.#takeDown(this.#topology)
      this.#loopDelay.stop()
      this.#state = 'stopped'
      for (const one of this.#closedLast) await one.close()
    })
  }

  /** What shows the agent to others: closed when everything else has stopped. */
  closeAtStop(one: { close(): Promise<void> }): void {
    this.#closedLast.push(one)
  }

  /** Counter groups of all that is made, empty ones too; a snapshot has their values. */
  *counters(): Iterable<Counters> {
    for (const { counters } of this.#channels.values()) yield counters
    for (const { counters } of this.#sinkGroups.values()) yield* counters
    for (const { counters } of this.#sources.values()) yield* counters
  }

  /** All that can be seen of the agent at this moment. */
  snapshot(): Snapshot {
    return snapshotOf({
      topology: this.#topology,
      state: this.#state,
      clock: this.#context.system.clock,
      channels: new Map([...this.#channels].map(([name, { channel }]) => [name, channel])),
      counters: this.counters(),
      running: [...this.#sinkGroups.values(), ...this.#sources.values()].flatMap(({ running }) => running),
      ledger: this.#context.edges.ledger(
        [...this.#sinkGroups.values()].flatMap(({ underWay = [] }) => underWay),
      ),
      conditions: this.#conditions.raised,
      rates: this.#rates,
      memory: this.#context.system.memory,
      loopDelay: this.#loopDelay,
    })
  }

  /** `read` is called with each change from now on, at once: it must be short. The answer ends that. */
  watch(read: (change: Change) => void): () => void {
    return this.#changes.watch(read)
  }

  get edges(): readonly Edge[] {
    const { sources, sinkGroups } = this.#topology
    return [
      ...sources.flatMap(({ name, channels }) =>
        channels.map((channel): Edge => [`SOURCE.${name}`, `CHANNEL.${channel}`]),
      ),
      ...sinkGroups.flatMap(({ sinks }) =>
        sinks.map(({ name, channel }): Edge => [`CHANNEL.${channel}`, `SINK.${name}`]),
      ),
    ]
  }

  /** `read` is called with samples of the events that pass, until the answer is called; null where there is no such edge. */
  tap(from: string, to: string, read: (sample: TapSample) => void): (() => void) | null {
    if (!this.edges.some(edge => edge[0] === from && edge[1] === to)) return null
    return this.#context.edges.between(from, to).tap(read)
  }

  /** The oldest events of a channel, none of which is taken by this; null where no such channel is open. */
  async peek(name: string, events: number): Promise<Peek | null> {
    const channel = this.#channels.get(name)?.channel
    if (channel?.peek === undefined) return null
    const limit = { events: Math.min(events, peekLimit.events), bytes: peekLimit.bytes }
    const found = await channel.peek(limit)
    return {
      at: this.#context.system.clock.now(),
      size: channel.size,
      events: found.map(({ event, isTaken }) => ({ ...shownEvent(event), isTaken })),
    }
  }

  /** Conditions of what belongs to the agent and is no component of its topology. */
  conditionsOf(name: string): ConditionMaker {
    return this.#conditions.of(name, this.#context.log)
  }

  /** What is wrong at the moment, and which components run; one that does not is started again until it does. */
  health(): Health {
    return healthOf(this.snapshot())
  }

  /** Start, reload and stop follow one another. */
  #alone(work: () => Promise<void>): Promise<void> {
    const result = this.#busy.then(work)
    this.#busy = result.catch(() => {})
    return result
  }

  async #change(from: Topology, to: Topology): Promise<void> {
    const kept = this.#reconfigure(from, to)
    const difference = compareTopologies(from, to, kept)
    const within = (topology: Topology): Topology => ({
      agent: topology.agent,
      sources: topology.sources.filter(part => difference.sources.has(part.name)),
      channels: topology.channels.filter(part => difference.channels.has(part.name) && !kept.has(part.name)),
      sinkGroups: topology.sinkGroups.filter(part => difference.sinkGroups.has(part.name)),
    })
    await this.#takeDown(within(from))
    await this.#bringUp(within(to))
  }

  /** Hands new options to channels that can take them while running; gives their names. */
  #reconfigure(from: Topology, to: Topology): Set<string> {
    const kept = new Set<string>()
    for (const part of to.channels) {
      const old = from.channels.find(one => one.name === part.name)
      const running = this.#channels.get(part.name)
      if (old === undefined || running === undefined || old.fingerprint === part.fingerprint) continue
      if (old.definition !== part.definition || running.channel.reconfigure?.(part.options) !== true) continue
      this.#channels.set(part.name, { ...running, part })
      kept.add(part.name)
    }
    return kept
  }

  async #bringUp(topology: Topology): Promise<void> {
    const problems: Problem[] = []
    for (const part of topology.channels)
      try {
        const made = makeChannel(part, this.#context)
        await made.channel.start()
        this.#channels.set(part.name, { part, ...made })
        tellStart(made.counters, this.#context)
      } catch (error) {
        problems.push(problemOf('channel', part, error))
      }
    if (problems.length > 0) throw new StartFailure(problems)
    const channels = new Map([...this.#channels].map(([name, { channel }]) => [name, channel]))
    const starts: (() => Promise<void>)[] = []
    const attempt = <P extends { name: string }>(
      kind: string,
      part: P,
      place: Problem['place'],
      make: (part: P) => Instance,
      into: Map<string, Instance>,
    ) => {
      try {
        const made = make(part)
        into.set(part.name, made)
        starts.push(() =>
          made.start().catch((error: unknown) => {
            problems.push(problemOf(kind, { name: part.name, place }, error))
          }),
        )
      } catch (error) {
        problems.push(problemOf(kind, { name: part.name, place }, error))
      }
    }
    for (const part of topology.sinkGroups)
      attempt(
        'sink',
        part,
        part.sinks[0]?.place,
        one => makeSinkGroup(one, channels, this.#context),
        this.#sinkGroups,
      )
    const sinkStarts = starts.splice(0)
    for (const part of topology.sources)
      attempt('source', part, part.place, one => makeSource(one, channels, this.#context), this.#sources)
    if (problems.length > 0) throw new StartFailure(problems)
    for (const some of [sinkStarts, starts]) {
      await Promise.all(some.map(start => start()))
      if (problems.length > 0) throw new StartFailure(problems)
    }
  }

  async #takeDown(topology: Topology): Promise<void> {
    const { clock } = this.#context.system
    const end = clock.monotonic() + stopMs.sources + stopMs.drain
    const sources = pick(this.#sources, topology.sources)
    await this.#within(
      stopMs.sources,
      'sources',
      [...sources.values()].map(one => one.stop(stopMs.sources)),
    )
    for (const name of sources.keys()) this.#sources.delete(name)
    await this.#drain(topology)
    const groups = pick(this.#sinkGroups, topology.sinkGroups)
    const leftMs = Math.max(0, end - clock.monotonic())
    await this.#within(
      stopMs.sinks + leftMs,
      'sinks',
      [...groups.values()].map(one => one.stop(stopMs.sinkDelivery + leftMs)),
    )
    for (const name of groups.keys()) this.#sinkGroups.delete(name)
    const channels = pick(this.#channels, topology.channels)
    for (const [name, { channel }] of channels)
      if (volatileSize(channel) > 0)
        this.#context.log.warn(
          `channel ${name}: ${countOf(volatileSize(channel), 'event')} in memory ${volatileSize(channel) === 1 ? 'is' : 'are'} lost`,
        )
    await this.#within(
      stopMs.channels,
      'channels',
      [...channels.values()].map(({ channel }) => channel.stop()),
    )
    for (const [name, { counters }] of channels) {
      this.#channels.delete(name)
      tellStop(counters, this.#context)
    }
    for (const { name } of topology.sources) this.#conditions.close(`SOURCE.${name}`)
    for (const { name } of topology.channels) this.#conditions.close(`CHANNEL.${name}`)
    for (const { name, sinks } of topology.sinkGroups)
      for (const label of [`SINKGROUP.${name}`, ...sinks.map(sink => `SINK.${sink.name}`)])
        this.#conditions.close(label)
  }

  /** Gives the sinks of channels that live in memory a moment to empty them. */
  async #drain(topology: Topology): Promise<void> {
    const { clock } = this.#context.system
    const drained = new Set(topology.sinkGroups.flatMap(group => group.sinks.map(sink => sink.channel)))
    const volatile = [...pick(this.#channels, topology.channels)]
      .filter(([name, { channel }]) => volatileSize(channel) > 0 && drained.has(name))
      .map(([, { channel }]) => channel)
    const end = clock.monotonic() + stopMs.drain
    while (volatile.some(channel => volatileSize(channel) > 0) && clock.monotonic() < end)
      await clock.sleep(10)
  }

  /** Waits for all, but not for ever: what does not end is named and left. */
  async #within(limitMs: number, what: string, stops: readonly Promise<void>[]): Promise<void> {
    const { log, system } = this.#context
    const settled = Promise.allSettled(stops).then(results => {
      for (const result of results)
        if (result.status === 'rejected') log.error(`stopping the ${what}: ${messageOf(result.reason)}`)
      return true
    })
    let expire = (): void => {}
    const expired = new Promise<boolean>(resolve => (expire = () => resolve(false)))
    const timer = system.clock.after(limitMs + 500, expire)
    if (!(await Promise.race([settled, expired])))
      log.warn(`the ${what} did not stop within ${Math.round(limitMs)} ms and are left`)
    timer.cancel()
  }
}

const volatileSize = ({ volatileSize = 0 }: Channel): number => volatileSize

function pick<V>(running: ReadonlyMap<string, V>, parts: readonly { name: string }[]): Map<string, V> {
  const found = new Map<string, V>()
  for (const { name } of parts) {
    const value = running.get(name)
    if (value !== undefined) found.set(name, value)
  }
  return found
}

/** What keeps a part from starting. */
export function problemOf(
  kind: string,
  part: { name: string; place?: Problem['place'] },
  error: unknown,
): Problem {
  const fix = error instanceof Fault ? error.remedy.replace(/\.$/, '') : 'correct its settings'
  // Many say themselves of what they are.
  const reason = messageOf(error).replace(`${kind} ${part.name}: `, '')
  return {
    severity: 'error',
    ...(part.place === undefined ? {} : { place: part.place }),
    problem: `${kind} ${part.name} cannot start: ${reason}`,
    fix,
  }
}
