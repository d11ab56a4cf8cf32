// `millrace demo`: the broker, agents B and A as processes of their own, a stream of events into test3, and
// what of it arrives in test2. Everything that was started is stopped again, in the order in which events
// go: the stream, agent A, agent B, the broker.
import { commandLine } from '../system/launcher.ts'
import { join } from 'node:path'
import { Fault, messageOf } from '../errors.ts'
import { createProducer, type Producer } from '../kafka-client/kafka-client.ts'
import { producerDefaults } from '../kafka-client/settings.ts'
import { Conditions } from '../observe/conditions.ts'
import type { Logger } from '../observe/log.ts'
import type { System } from '../system/system.ts'
import { writeAgentFiles } from './agent-files.ts'
import { AgentKeeper } from './agent-keeper.ts'
import type { Launch } from './agent-process.ts'
import { readArrivals, type Arrivals } from './arrivals.ts'
import { agentA, agentB, channelDirectory, topics, type AgentFile } from './configuration-copy.ts'
import { DemoProblem } from './demo-problem.ts'
import { streamEvents } from './event-stream.ts'
import { freeAvroPort, host, takeGround, whenUnused, type Ground } from './ground.ts'
import { ensureTopic, startKafkaSide, type KafkaSide } from './kafka-side.ts'
import { Ledger } from './ledger.ts'
import type { DemoOptions } from './options.ts'
import type { Output } from './output.ts'
import { Observer } from './observer.ts'
import { reportOf } from './report.ts'
import { patiently } from './patience.ts'
import { formatMs, type Place } from './view.ts'

/** Exit codes: all went as it should; something is missing, doubled, out of order, or does not run. */
export const demoExitCodes = { good: 0, failed: 1 }

const startLimitMs = 60_000
const positionPollMs = 25
/** What is in flight when the stream ends has so long to arrive. */
const drainLimitMs = 10_000
/** An agent that was started again begins where its predecessor's session in the group has run out, 10 s later. */
const restartLimitMs = 30_000
/** Where everything stands still for so long, what has not arrived will not. */
const settledMs = 2000
const stalledMs = 60_000
const readRestMs = 5000
const lookMs = 50

export interface DemoParts {
  readonly system: System
  readonly launch: Launch
  readonly output: Output
  /** Opens the demonstration's own log in the directory. */
  readonly openLog: (directory: string) => Logger
  /** Where the agents' files stand as they were written. */
  readonly confDirectory: string
  /** Opens the console over the agents' monitoring pages and the brokers. */
  readonly openConsole: (
    agents: readonly string[],
    bootstrap: readonly string[],
  ) => Promise<AsyncDisposable & { readonly url: string }>
  /** Aborted when it shall end. */
  readonly stop: AbortSignal
  /** Monotonic ms at which the program was started. */
  readonly begunMs: number
}

export class Demo {
  readonly #options: DemoOptions
  readonly #parts: DemoParts
  readonly #run: string
  readonly #ledger: Ledger
  readonly #broken = Promise.withResolvers<never>()
  readonly #stopStream = new AbortController()
  readonly #giveUp = new AbortController()
  #ground: Ground | null = null
  #kafka: KafkaSide | null = null
  #log!: Logger
  /** Of its own Kafka clients. */
  readonly #conditions: Conditions
  #group = ''
  #avroPort = 0
  #a: AgentKeeper | null = null
  #b: AgentKeeper | null = null
  #producer: Producer | null = null
  #arrivals: Arrivals | null = null
  #stream: Promise<void> = Promise.resolve()
  #observer: Observer | null = null
  #console: (AsyncDisposable & { readonly url: string }) | null = null
  #isStopping = false

  constructor(options: DemoOptions, parts: DemoParts) {
    this.#options = options
    this.#parts = parts
    this.#run = parts.system.random.uuid().slice(0, 8)
    this.#ledger = new Ledger(this.#run)
    this.#conditions = new Conditions(parts.system.clock)
    this.#broken.promise.catch(() => {}) // told by whoever waits
  }

  /** Until it is stopped or, with `exits`, until all events have arrived. Resolves with the exit code. */
  async run(): Promise<number> {
    let failure: unknown
    try {
      await this.#start()
      await this.#play()
    } catch (error) {
      if (!this.#parts.stop.aborted || error instanceof DemoProblem) failure = error
    }
    return this.#finish(failure)
  }

  /** Ends the agents at once. What remains is the caller's process. */
  kill(): string | null {
    this.#a?.kill()
    this.#b?.kill()
    return this.#ground?.isTemporary === true ? this.#ground.directory : null
  }

  /** Has the agents open their log files again. */
  reopenLogs(): void {
    this.#a?.reopenLog()
    this.#b?.reopenLog()
  }

  // ------------------------------------------------------------------------------------------ start

  async #start(): Promise<void> {
    const { system, output } = this.#parts
    this.#ground = await takeGround(this.#options, system)
    const { directory } = this.#ground
    this.#avroPort = await freeAvroPort(this.#options.avroPort, system)
    this.#log = this.#parts.openLog(join(directory, 'logs'))
    const starting = startKafkaSide({ system, log: this.#log, options: this.#options, directory })
    this.#kafka = await this.#patiently('the broker', starting)
    const kafka = this.#kafka
    output.say(
      `Kafka    ${kafka.bootstrap.join(',')}${kafka.isEmbedded ? ', the embedded broker' : ', a Kafka of yours'}`,
    )
    for (const topic of [topics.from, topics.to]) {
      let why: string | null = null
      const made = await this.#patiently(
        `topic ${topic} at ${kafka.bootstrap.join(',')}`,
        ensureTopic(kafka, topic, system, this.#parts.stop, problem => (why = problem)),
        () => why,
      )
      output.say(
        `topic    ${topic}${made === 'made' ? ', made' : ', there already: what it holds is left alone'}`,
      )
    }
    await this.#startAgents()
    const from = await this.#patiently(`the end of ${topics.to}`, kafka.admin.offsets.of(topics.to))
    const connection = { ...producerDefaults, bootstrapServers: kafka.bootstrap, clientId: 'millrace-demo' }
    const conditionOf = (name: string, log: Logger) => ({ log, condition: this.#conditions.of(name, log) })
    const producer = createProducer({
      system,
      ...conditionOf('producer', this.#log.child('producer')),
      settings: { ...connection, acks: -1 },
    })
    this.#producer = producer
    const arrivals = readArrivals({
      system,
      ...conditionOf('reader', this.#log.child('reader')),
      bootstrap: kafka.bootstrap,
      from,
      ledger: this.#ledger,
    })
    this.#arrivals = arrivals
    arrivals.done.catch((error: unknown) =>
      this.#broken.reject(new DemoProblem(`${topics.to} cannot be read: ${messageOf(error)}`)),
    )
    await this.#agentsReady()
  }

  async #startAgents(): Promise<void> {
    const { system, confDirectory, output, launch } = this.#parts
    const { directory } = this.#ground!
    const { bootstrap, isEmbedded } = this.#kafka!
    const { group, differences } = await writeAgentFiles(system.disk, confDirectory, {
      bootstrap,
      avroHost: host,
      avroPort: this.#avroPort,
      directory,
      // On a Kafka of the user's the group of the file may be at work, or have positions that count.
      group: isEmbedded ? null : `millrace-demo-${this.#run}`,
    })
    for (const line of differences) output.say(line)
    this.#group = group
    for (const { letter } of [agentB, agentA]) {
      let why: string | null = null
      const data = channelDirectory(directory, letter)
      const free = whenUnused(data, system, this.#parts.stop, who => (why = who))
      await this.#patiently(`agent ${letter} of the last run to stop`, free, () => why)
    }
    const start = (file: AgentFile) => {
      const tell = (sentence: string) => {
        this.#log.warn(sentence)
        output.say(sentence)
      }
      const agent = new AgentKeeper({ launch, file, directory, clock: system.clock, tell })
      agent.broken.catch((error: unknown) => this.#broken.reject(error))
      return agent
    }
    this.#b = start(agentB)
    this.#a = start(agentA)
  }

  async #agentsReady(): Promise<void> {
    const { system, output, stop } = this.#parts
    const [a, b] = [this.#a!, this.#b!]
    await this.#patiently('agent B to start', b.started, () => b.trouble)
    await this.#patiently('agent A to start', a.started, () => a.trouble)
    const position = async () => {
      // Until it has one, what is sent may come before the end at which agent A begins.
      while (!stop.aborted && !this.#isStopping) {
        const known = await this.#kafka!.admin.groups.committed(this.#group).catch(() => [])
        const found = known.find(one => one.topic === topics.from && one.partition === 0)
        if (found !== undefined) return found.offset
        await system.clock.sleep(positionPollMs, stop)
      }
      throw new Fault('STOPPED', 'the position was waited for')
    }
    const offset = await this.#patiently('agent A to know its position', position(), () => a.trouble)
    output.say(`agent B  listens at ${host}:${this.#avroPort}, log ${b.logFile}`)
    output.say(`agent A  reads ${topics.from} from offset ${offset}, log ${a.logFile}`)
    // Who waits for an end looks at no pages.
    if (!this.#options.exits) await this.#openConsole(a, b)
    // On a board they stand all the time.
    if (!output.isBoard)
      for (const { label, text } of this.#places()) output.say(`${label.padEnd(8)} ${text}`)
  }

  async #openConsole(...agents: readonly AgentKeeper[]): Promise<void> {
    const pages = agents.map(agent => `${host}:${agent.monitoringPort}`)
    try {
      this.#console = await this.#parts.openConsole(pages, this.#kafka!.bootstrap)
    } catch (error) {
      // The demonstration can do without.
      this.#log.warn('the console is not there', error)
    }
  }

  // ------------------------------------------------------------------------------------------- play

  async #play(): Promise<void> {
    const { system, output, stop } = this.#parts
    const { clock } = system
    const { events, exits, rate } = this.#options
    const ledger = this.#ledger
    const producer = this.#producer!
    this.#observer = new Observer({
      system,
      output,
      ledger,
      admin: this.#kafka!.admin,
      group: this.#group,
      agents: { a: this.#a!, b: this.#b! },
      trouble: () => this.#conditions.red[0]?.problem ?? null,
      rate,
      events,
      places: () => this.#places(),
    })
    await this.#observer.start()
    this.#stream = streamEvents(
      { producer, clock, ledger, run: this.#run, topic: topics.from, rate, events },
      this.#stopStream.signal,
      this.#giveUp.signal,
    )
    this.#stream.catch((error: unknown) =>
      this.#broken.reject(new DemoProblem(`events cannot be sent: ${messageOf(error)}`)),
    )
    await this.#guarded(this.#until(() => ledger.firstArrivedMs !== null || stop.aborted))
    if (ledger.firstArrivedMs !== null)
      this.#observer.first(formatMs(ledger.firstArrivedMs - this.#parts.begunMs))
    await this.#guarded(this.#until(() => stop.aborted || (exits && this.#isOver())))
  }

  #moved = { arrived: 0, sent: 0, at: -Infinity }

  /** With --exit: everything has arrived, or what has not will not. */
  #isOver(): boolean {
    const isSettled = this.#isSettled()
    if (this.#parts.system.clock.monotonic() - this.#moved.at > stalledMs)
      throw new DemoProblem(`nothing has moved for ${stalledMs / 1000} s${this.#because()}`)
    return this.#ledger.sent === this.#options.events && isSettled
  }

  /** Nothing is in flight, or nothing moves while test3 and both channels are empty: then it is lost. */
  #isSettled(): boolean {
    const { arrived, sent, inFlight } = this.#ledger
    const now = this.#parts.system.clock.monotonic()
    if (arrived !== this.#moved.arrived || sent !== this.#moved.sent) this.#moved = { arrived, sent, at: now }
    return inFlight === 0 || (now - this.#moved.at > settledMs && this.#observer!.isSettled(this.#moved.at))
  }

  #because(): string {
    const why = this.#observer!.trouble ?? this.#a!.trouble ?? this.#b!.trouble
    return why === null ? '' : `: ${why}`
  }

  #places(): Place[] {
    const { directory, isTemporary } = this.#ground!
    const { bootstrap } = this.#kafka!
    const page = (agent: AgentKeeper) =>
      `http://${host}:${agent.monitoringPort}/metrics, process ${agent.pid}`
    return [
      ...(this.#console === null ? [] : [{ label: 'console', text: this.#console.url }]),
      { label: 'Kafka', text: bootstrap.join(',') },
      {
        label: 'look',
        text: commandLine('millrace', 'consume', '--bootstrap-server', bootstrap[0]!, '--topic', topics.to),
      },
      {
        label: 'send',
        text: `echo hello | ${commandLine('millrace', 'produce', '--bootstrap-server', bootstrap[0]!, '--topic', topics.from)}`,
      },
      { label: 'agent A', text: page(this.#a!) },
      { label: 'agent B', text: page(this.#b!) },
      { label: 'files', text: `${directory}${isTemporary ? ' (removed at the end)' : ''}` },
    ]
  }

  // ----------------------------------------------------------------------------------------- finish

  async #finish(failure: unknown): Promise<number> {
    const { output, stop } = this.#parts
    const { events } = this.#options
    const observer = this.#observer
    let isWhole = false
    this.#stopStream.abort()
    if (observer !== null && failure === undefined) {
      observer.state = 'draining'
      isWhole = await this.#drain().catch((error: unknown) => {
        failure = error
        return false
      })
    }
    this.#isStopping = true
    await observer?.stop()
    output.endBoard()
    this.#giveUp.abort()
    await this.#console?.[Symbol.asyncDispose]()
    await this.#stream.catch(() => {})
    if (this.#a !== null || this.#b !== null) {
      await this.#stopAgent(this.#a)
      await this.#stopAgent(this.#b)
    }
    if (isWhole) await this.#patientlyToTheEnd(`the end of ${topics.to}`, this.#readRest())
    this.#arrivals?.close()
    await this.#producer?.close()
    if (this.#kafka !== null) {
      if (!this.#kafka.isEmbedded) await this.#forgetGroup(this.#kafka)
      await this.#patientlyToTheEnd('the broker to stop', this.#kafka.stop())
    }
    // What a sentence about an agent names must be there to be read.
    const keep = failure !== undefined && this.#b !== null ? ['logs', agentA.file, agentB.file] : []
    if (this.#ground !== null)
      await this.#patientlyToTheEnd('the files to be removed', this.#ground.release(keep))
    let code = demoExitCodes.good
    if (failure !== undefined) {
      code = demoExitCodes.failed
      output.complain(messageOf(failure))
      if (failure instanceof DemoProblem) for (const line of failure.lines) output.complain(`  ${line}`)
      else if (!(failure instanceof Fault)) throw failure
    }
    if (observer !== null) {
      const { lines, faults } = reportOf(
        this.#ledger,
        this.#parts.begunMs,
        isWhole,
        (this.#a?.restarts ?? 0) + (this.#b?.restarts ?? 0),
      )
      for (const line of lines) output.say(line)
      for (const fault of faults) output.complain(fault)
      if (faults.length > 0 || this.#ledger.inFlight > 0) code = demoExitCodes.failed
      if (failure === undefined && events !== null && this.#ledger.sent < events) {
        code = demoExitCodes.failed
        output.complain(`stopped after ${this.#ledger.sent} of ${events} events`)
      }
    } else if (failure === undefined && stop.aborted) {
      if (events !== null) code = demoExitCodes.failed
      output.say('stopped before the first event was sent')
    }
    if (this.#b !== null) await this.#tellFiles(keep)
    return code
  }

  /** Where files are now, if any are left: somebody else may have removed them. */
  async #tellFiles(keep: readonly string[]): Promise<void> {
    const { directory, isTemporary } = this.#ground!
    if (!(await this.#parts.system.disk.exists(directory))) return
    if (!isTemporary) this.#parts.output.say(`files are kept in ${directory}`)
    else if (keep.length > 0)
      this.#parts.output.say(`logs and configurations are kept in ${directory}, all else was removed`)
  }

  /** What was sent is acknowledged and arrives; false when the time is over first. */
  async #drain(): Promise<boolean> {
    const { clock } = this.#parts.system
    const begunMs = clock.monotonic()
    const isOver = () => {
      const restarts = [this.#a!, this.#b!].map(one => (one.lastRestartMs ?? -Infinity) + restartLimitMs)
      return clock.monotonic() > Math.max(begunMs + drainLimitMs, ...restarts)
    }
    let isSent = false
    void this.#stream.then(
      () => (isSent = true),
      () => (isSent = true),
    )
    let isSettled = false
    await this.#guarded(
      this.#until(() => {
        isSettled = isSent && this.#isSettled()
        return isSettled || isOver()
      }),
    )
    return isSettled
  }

  async #stopAgent(agent: AgentKeeper | null): Promise<void> {
    if (agent !== null) await this.#patientlyToTheEnd(`agent ${agent.file.letter} to stop`, agent.stop())
  }

  /** What agent B wrote last may still be unread: what comes twice often comes late. */
  async #readRest(): Promise<void> {
    const { clock } = this.#parts.system
    const until = clock.monotonic() + readRestMs
    const ends = await this.#kafka!.admin.offsets.of(topics.to).catch(() => [])
    await this.#until(() => this.#arrivals!.hasRead(ends) || clock.monotonic() > until)
  }

  async #forgetGroup({ admin }: KafkaSide): Promise<void> {
    if (this.#a === null) return
    const deleting = admin.groups.delete(this.#group).catch((error: unknown) => {
      // Kafka before 1.1 cannot.
      this.#log.warn(`group ${this.#group} was not deleted`, error)
      this.#parts.output.say(`group ${this.#group} stays until Kafka forgets it (offsets.retention.minutes)`)
    })
    await this.#patientlyToTheEnd(`group ${this.#group} to be deleted`, deleting)
  }

  // ---------------------------------------------------------------------------------------- waiting

  /** Fails as soon as an agent, the stream or the reader does. */
  #guarded<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#broken.promise])
  }

  /** Says what is waited for, ends with the demonstration, and gives up in the end. */
  #patiently<T>(what: string, work: Promise<T>, why: () => string | null = () => null): Promise<T> {
    const { system, output, stop } = this.#parts
    const trouble = () => (why() === null ? '' : `: ${why()}`)
    return this.#guarded(
      patiently({ clock: system.clock, output, what, work, stop, limitMs: startLimitMs, trouble }),
    )
  }

  #patientlyToTheEnd<T>(what: string, work: Promise<T>): Promise<T> {
    const { system, output } = this.#parts
    return patiently({ clock: system.clock, output, what, work })
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.#parts.system.clock.sleep(lookMs)
  }
}
