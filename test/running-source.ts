// A source as its runner runs it, with a processor that keeps what it is given: for tests of sources that fetch.
import { SourceRunner } from '../src/topology/source-runner.ts'
import type { Handovers, SourceDefinition } from '../src/component.ts'
import type { Event } from '../src/event.ts'
import type { System } from '../src/system/system.ts'
import { contextFor, optionsFor, type TestContext } from './context.ts'

export interface RunningSource {
  readonly context: TestContext
  readonly events: readonly Event[]
  /** Their bodies as text. */
  readonly bodies: readonly string[]
  /** The sizes of puts. */
  readonly puts: readonly number[]
  /** What the source said of the offsets that it handed over. */
  readonly handovers: Handovers
  /** Resolves when the condition holds; it is looked at with every put. */
  until(holds: () => boolean): Promise<void>
  stop(): Promise<void>
}

/** `put` decides what becomes of each put before its events count. */
export async function runSource(
  definition: SourceDefinition,
  given: Record<string, unknown>,
  put: (events: readonly Event[], signal: AbortSignal) => Promise<void> = async () => {},
  system?: System,
): Promise<RunningSource> {
  const context = contextFor('SOURCE', 'r1', definition.counters, system === undefined ? {} : { system })
  const events: Event[] = []
  const puts: number[] = []
  const handovers: Handovers[number][] = []
  const watchers = new Set<() => void>()
  const processUntilAccepted = async (some: readonly Event[], signal: AbortSignal, told: Handovers = []) => {
    await put(some, signal)
    events.push(...some)
    handovers.push(...told)
    puts.push(some.length)
    for (const look of watchers) look()
  }
  const source = definition.create(optionsFor(definition, given), {
    ...context,
    processor: {
      process: some => processUntilAccepted(some, new AbortController().signal),
      processUntilAccepted,
    },
  })
  const { clock, random } = context.system
  const runner = new SourceRunner({
    ...context,
    source,
    interceptors: [],
    onStarted: () => {},
    clock,
    random,
  })
  await runner.start()
  return {
    context,
    events,
    puts,
    handovers,
    get bodies() {
      return events.map(event => event.body.toString())
    },
    until: holds =>
      new Promise(resolve => {
        const look = () => {
          if (!holds()) return
          watchers.delete(look)
          resolve()
        }
        watchers.add(look)
        look()
      }),
    stop: () => runner.stop(),
  }
}
