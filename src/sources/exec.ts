// The exec source: every line that a command writes becomes an event. There is no way to ask a command for a line again,
// so that nothing is guaranteed: lines in the pipe and in the hands of the source are gone with the agent.
import { defineSource, type Source, type SourceContext } from '../component.ts'
import { Fault, messageOf } from '../errors.ts'
import { Event } from '../event.ts'
import { flag, int, text, type OptionsOf } from '../fields.ts'
import { charset } from '../java/java-charset.ts'
import type { Condition } from '../observe/conditions.ts'
import { sourceCounters } from '../observe/counters.ts'
import { countOf } from '../printable.ts'
import { Pace } from '../system/pace.ts'
import type { OpenProgram, ProgramEnd } from '../system/programs.ts'
import { LineCutter } from './line-cutter.ts'

/** Puts under way at once, so that the channel makes them durable together. */
const putsUnderWay = 16
/** More lines are not held: a channel that is full holds the command back. */
const mostHeldBytes = 4 * 1024 * 1024
/** A command that was sent SIGTERM may take so long before it is sent SIGKILL, and what it wrote so long to be put. */
const graceMs = 800
const stopMs = 1700
/** Whether a turn of the event loop has lasted long enough is looked at after so many lines. */
const lookedAfter = 64
/** Of a line of standard error in the log. */
const mostErrorChars = 1000

const options = {
  command: text({
    doc: 'The command. Without `shell` it is split at blanks: there are no quotes, variables, wildcards or pipes.',
    required: true,
    example: 'tail -F /var/log/syslog',
  }),
  shell: text({
    doc: 'Shell that runs the command, which is its last argument.',
    example: '/bin/sh -c',
  }),
  restart: flag({ doc: 'Runs the command again when it has ended.', default: false }),
  restartThrottle: int({ doc: 'How long that waits.', default: 10_000, min: 0, unit: 'ms' }),
  logStdErr: flag({
    doc: 'Writes the lines of standard error to the log. They are read and discarded otherwise.',
    default: false,
  }),
  batchSize: int({ doc: 'Most events of one put.', default: 20, min: 1, unit: 'events' }),
  batchTimeout: int({
    doc: 'How long lines wait for a batch to become full.',
    default: 3000,
    min: 0,
    unit: 'ms',
  }),
  charset: charset({
    doc: 'Character set of the lines.',
    default: 'UTF-8',
    differs:
      'The body is the bytes of the line, whatever they are (Flume replaces those that are not of the set). UTF-16 and UTF-32 are refused: a line end is looked for as one byte.',
  }),
  maxLineBytes: int({
    doc: 'A line of more bytes becomes several events.',
    default: 16_777_216,
    min: 1,
    max: 1_073_741_824,
    unit: 'bytes',
    since: 'ours',
  }),
}
type Options = OptionsOf<typeof options>

export const execSource = defineSource({
  type: 'exec',
  aliases: ['org.apache.flume.source.ExecSource'],
  summary: 'Runs a command and turns every line of its standard output into an event.',
  description: `**There is no guarantee that every line arrives, as in Flume.** A command cannot be asked for a line again. What it
wrote while the agent was not running, what is in the pipe when the agent ends, and lines that no channel has yet (up to 4 MiB) are lost.
Use the spooling directory source for files, or a source whose sender can repeat.

Lines end at LF, CR or CR LF; what follows the last of them is an event as well when the command ends. A full channel holds the
command back: its output is not read meanwhile, and no line is lost (Flume ends the command, and loses the lines that it
holds). Full batches are put at once, several at a time and in order.

The command runs in a process group of its own. At the stop of the source the group gets SIGTERM, and SIGKILL after 0.8 s; what
the command has written by then is put, for at most 1.7 s. A command that cannot be started is retried every 3 s. One that
has ended is run again with \`restart = true\`; otherwise the source reads nothing more until it is started again, with a warning, and
health is red where the command did not end with code 0. A command outlives an agent that is killed with SIGKILL until it
writes again.`,
  counters: sourceCounters,
  options,
  batchSize: given => given.batchSize,
  check({ command, shell, charset: { name } }, say) {
    if (partsOf(command).length === 0) say.error('command', 'is empty', 'write a command')
    if (shell !== undefined && partsOf(shell).length === 0)
      say.error('shell', 'is empty', 'write a shell, e.g. /bin/sh -c, or leave it out')
    if (shell === undefined && /["'`|<>;&*$]/.test(command))
      say.warning(
        'command',
        'has signs that only a shell understands, and is run without one: the program gets them as they are',
        'write shell = /bin/sh -c',
      )
    if (/^UTF-(16|32)/.test(name))
      say.error('charset', `${name} cannot be read line by line here`, 'write UTF-8 or a one-byte set')
  },
  create: (given, context) => new ExecSource(given, context),
})

/** At the blanks of Java's \s. */
const partsOf = (text: string): string[] => text.split(/[ \t\n\v\f\r]+/).filter(part => part !== '')

type Chunk = IteratorResult<Buffer, unknown>

class ExecSource implements Source {
  readonly #options: Options
  readonly #context: SourceContext
  readonly #pace: Pace
  readonly #command: readonly string[]
  readonly #trouble: Condition
  readonly #done: Condition
  #program: OpenProgram | null = null
  /** The end of one that writes nothing more. */
  #ending: Promise<ProgramEnd> | null = null
  #chunks: AsyncIterator<Buffer> | null = null
  /** What the pipe brings next, and the lines of what it brought last. */
  #reading: Promise<Chunk> | null = null
  #lines: Iterator<Buffer> | null = null
  #cutter: LineCutter
  #held: Event[] = []
  #heldBytes = 0
  /** Monotonic ms: when the oldest of those held came. */
  #heldSince = 0
  /** Monotonic ms: when the command is to be run again; null while it runs, or where it is not. */
  #restartAt: number | null = null
  #isCutting = false
  #isStopping = false

  constructor(given: Options, context: SourceContext) {
    const { shell, command } = given
    this.#options = given
    this.#context = context
    this.#pace = new Pace(context.system.clock)
    this.#command = shell === undefined ? partsOf(command) : [...partsOf(shell), command]
    this.#trouble = context.condition('command')
    this.#done = context.condition('end of the command', { level: 'warn', isRed: false })
    this.#cutter = this.#newCutter()
  }

  #newCutter(): LineCutter {
    return new LineCutter({ ends: 'LF or CR', mostBytes: this.#options.maxLineBytes })
  }

  async start(): Promise<void> {
    this.#isStopping = false
    await this.#run()
    this.#context.log.info(`exec source runs ${this.#command[0]}`)
  }

  /** Rejects with COMMAND where the command cannot be started. */
  async #run(): Promise<void> {
    const { system } = this.#context
    try {
      this.#program = await system.programs.open(this.#command)
    } catch (cause) {
      throw new Fault('COMMAND', `the command ${this.#command[0]} cannot be started: ${messageOf(cause)}`, {
        cause,
      })
    }
    this.#restartAt = null
    this.#cutter = this.#newCutter()
    this.#chunks = this.#program.output.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>
    void this.#readErrors(this.#program)
  }

  async #readErrors({ errors }: OpenProgram): Promise<void> {
    const { log } = this.#context
    if (!this.#options.logStdErr) return void errors.on('error', () => {}).resume()
    const cutter = new LineCutter({ ends: 'LF or CR', mostBytes: mostErrorChars })
    const tell = (line: Buffer) => log.info(`standard error of the command: ${line.toString('utf8')}`)
    try {
      for await (const chunk of errors as AsyncIterable<Buffer>)
        for (const line of cutter.add(chunk)) {
          tell(line)
          if (this.#pace.isOver) await this.#pace.turn()
        }
    } catch (error) {
      log.debug(`standard error of the command: ${messageOf(error)}`)
    }
    const rest = cutter.rest()
    if (rest !== null) tell(rest)
  }

  async poll(signal: AbortSignal): Promise<void> {
    await this.#fill(signal)
    if (!signal.aborted) await this.#put(signal)
  }

  /** Reads until a batch is full, or lines have waited long enough, or the command has ended. */
  async #fill(signal: AbortSignal): Promise<void> {
    const { clock } = this.#context.system
    const { batchSize, batchTimeout } = this.#options
    while (!signal.aborted) {
      await this.#cut()
      if (this.#held.length >= batchSize || this.#heldBytes >= mostHeldBytes) return
      if (this.#chunks === null) {
        if (this.#held.length > 0 || this.#isStopping) return
        await this.#waitForNext(signal)
        continue
      }
      this.#reading ??= this.#chunks.next().catch(() => ({ done: true, value: undefined }))
      const leftMs = this.#held.length === 0 ? Infinity : this.#heldSince + batchTimeout - clock.monotonic()
      if (leftMs <= 0) return
      const chunk = await this.#within(leftMs, this.#reading, signal)
      if (chunk !== null) this.#take(chunk)
    }
  }

  /** Null where the time is over, or the signal was aborted, before. */
  async #within<T>(ms: number, promise: Promise<T>, signal: AbortSignal): Promise<T | null> {
    const enough = new AbortController()
    const end = () => enough.abort()
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
    const over = this.#context.system.clock.sleep(ms, enough.signal).then(() => null)
    try {
      return await Promise.race([promise, over])
    } finally {
      signal.removeEventListener('abort', end)
      end()
    }
  }

  #take(chunk: Chunk): void {
    this.#reading = null
    if (chunk.done !== true) return void (this.#lines = this.#cutter.add(chunk.value))
    this.#chunks = null
    const rest = this.#cutter.rest()
    if (rest !== null) this.#hold(rest)
  }

  /** The command has written all: its end, then the next run. */
  async #waitForNext(signal: AbortSignal): Promise<void> {
    if (this.#program === null) return await this.#waitForRestart(signal)
    this.#ending ??= this.#endOf(this.#program)
    const end = await this.#within(Infinity, this.#ending, signal)
    if (end !== null) this.#ended(end)
  }

  /** One that has closed its output and goes on is ended, as by Flume. */
  async #endOf({ ended, signalGroup }: OpenProgram): Promise<ProgramEnd> {
    const { clock } = this.#context.system
    const timers = [
      clock.after(graceMs, () => signalGroup('SIGTERM')),
      clock.after(2 * graceMs, () => signalGroup('SIGKILL')),
    ]
    const end = await ended
    for (const timer of timers) timer.cancel()
    return end
  }

  /** As many lines as are put at a time, of what was read. */
  async #cut(): Promise<void> {
    const most = this.#options.batchSize * putsUnderWay
    while (this.#lines !== null && this.#held.length < most && this.#heldBytes < mostHeldBytes) {
      const next = this.#lines.next()
      if (next.done === true) this.#lines = null
      else this.#hold(next.value)
      if (this.#held.length % lookedAfter === 0 && this.#pace.isOver) await this.#pace.turn()
    }
  }

  #hold(line: Buffer): void {
    const { counters, system, log } = this.#context
    if (this.#held.length === 0) this.#heldSince = system.clock.monotonic()
    this.#held.push(Event.of(new Map(), line))
    this.#heldBytes += line.length
    counters.add('EventReceivedCount')
    if (line.length < this.#options.maxLineBytes || this.#isCutting) return
    this.#isCutting = true
    log.warn(
      `a line of the command has ${this.#options.maxLineBytes} bytes or more (maxLineBytes); such lines become several events (reported once)`,
    )
  }

  /** Everything that is held, in batches; what is not accepted is held still. */
  async #put(signal: AbortSignal): Promise<void> {
    const { processor, counters } = this.#context
    const { batchSize } = this.#options
    const batches: Event[][] = []
    for (let at = 0; at < this.#held.length; at += batchSize)
      batches.push(this.#held.slice(at, at + batchSize))
    const results = await Promise.allSettled(
      batches.map(batch => processor.processUntilAccepted(batch, signal)),
    )
    const refused = batches.filter((_, index) => results[index]!.status === 'rejected').flat()
    counters.add('EventAcceptedCount', this.#held.length - refused.length)
    this.#held = refused
    this.#heldBytes = refused.reduce((sum, event) => sum + event.body.length, 0)
    const failure = results.find(one => one.status === 'rejected')
    if (failure !== undefined) throw failure.reason
  }

  #ended({ code, signal }: ProgramEnd): void {
    const { log, system } = this.#context
    const { restart, restartThrottle } = this.#options
    const how = signal === null ? `with code ${code}` : `by ${signal}`
    this.#program = this.#ending = null
    if (restart) this.#restartAt = system.clock.monotonic() + restartThrottle
    if (restart && code === 0) return log.info(`the command ended with code 0 and is run again`)
    const condition = code === 0 ? this.#done : this.#trouble
    condition.raise(
      `the command ${this.#command[0]} ended ${how}; ${restart ? `it is run again every ${restartThrottle} ms` : 'the source reads nothing more'}`,
      {
        remedy: restart
          ? 'See what it writes to standard error: logStdErr = true has it in the log.'
          : 'Write restart = true to run it again by itself, or restart the agent.',
      },
    )
  }

  async #waitForRestart(signal: AbortSignal): Promise<void> {
    const { clock } = this.#context.system
    const waitMs = this.#restartAt === null ? Infinity : this.#restartAt - clock.monotonic()
    await clock.sleep(Math.max(0, waitMs), signal)
    if (signal.aborted || this.#restartAt === null) return
    try {
      await this.#run()
      this.#trouble.clear('The command runs again')
    } catch (error) {
      this.#restartAt = clock.monotonic() + this.#options.restartThrottle
      this.#trouble.fail('Running the command again', error)
    }
  }

  /** Ends the command, and puts what it has written by then. */
  async stop(): Promise<void> {
    const { clock } = this.#context.system
    this.#isStopping = true
    const program = this.#program
    const patience = new AbortController()
    const timers = [clock.after(stopMs, () => patience.abort())]
    program?.signalGroup('SIGTERM')
    if (program !== null) timers.push(clock.after(graceMs, () => program.signalGroup('SIGKILL')))
    await this.#putRest(patience.signal)
    program?.signalGroup('SIGKILL')
    // Whoever has left the group may have the outputs still.
    program?.output.destroy()
    program?.errors.destroy()
    if (program !== null) await this.#within(graceMs, program.ended, new AbortController().signal)
    for (const timer of timers) timer.cancel()
    this.#program = this.#ending = this.#chunks = this.#reading = this.#lines = this.#restartAt = null
    this.#held = []
    this.#heldBytes = 0
  }

  async #putRest(signal: AbortSignal): Promise<void> {
    const { log } = this.#context
    const hasRest = () => this.#chunks !== null || this.#lines !== null || this.#held.length > 0
    try {
      while (!signal.aborted && hasRest()) {
        if (this.#chunks !== null || this.#lines !== null) await this.#fill(signal)
        await this.#put(signal)
      }
    } catch (error) {
      log.debug(`putting the last lines of the command failed: ${messageOf(error)}`)
    }
    if (hasRest())
      log.warn(
        `${countOf(this.#held.length, 'line')} of the command, and what was still in its pipe, were not put within ${stopMs} ms and are lost`,
      )
  }
}
