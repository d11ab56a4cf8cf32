// Where events enter and leave a simulated chain when not by Kafka: a source that makes numbered events and hands
// them over until they are taken, and a sink that takes whatever comes. They stand for components with an
// outside world of their own, by the contract that these keep.
import { defineSink, defineSource, type SinkDefinition, type SourceDefinition } from '../component.ts'
import { Event } from '../event.ts'
import { bodyOf, type ChainLedger } from './ledger.ts'

export interface DoorParts {
  readonly ledger: ChainLedger
  /** Its number among the doors. */
  readonly door: number
  readonly events: number
  /** Mean wait between two batches, ms. */
  readonly meanMs: number
  readonly batchEvents: number
  onDone(): void
}

/** A source that hands over `events` events, each until it is taken, over all its lives. */
export function modelSource(parts: DoorParts): SourceDefinition {
  const { ledger, door, events, meanMs, batchEvents } = parts
  let next = 0
  return defineSource({
    type: 'model',
    aliases: [],
    summary: 'Numbered events, each handed over until it is taken.',
    options: {},
    create: (_, { processor, system: { clock, random } }) => {
      const stopping = new AbortController()
      let running = Promise.resolve()
      const hand = async (): Promise<void> => {
        while (next < events && !stopping.signal.aborted) {
          const count = Math.min(events - next, 1 + Math.floor(random.next() * batchEvents))
          const ids = Array.from({ length: count }, (_, index) => ledger.send(door, next + index))
          const batch = ids.map((_, index) => Event.of(new Map(), bodyOf(door, next + index)))
          const isTaken = await processor.process(batch).then(
            () => true,
            () => false,
          )
          if (isTaken) {
            for (const id of ids) ledger.acknowledge(id, false)
            next += count
            if (next >= events) parts.onDone()
          }
          await clock.sleep(random.next() * 2 * (isTaken ? meanMs : 200), stopping.signal)
        }
      }
      return {
        start: async () => {
          running = hand()
        },
        stop: async () => {
          stopping.abort()
          await running
        },
      }
    },
  })
}

export function modelSink(ledger: ChainLedger): SinkDefinition {
  return defineSink({
    type: 'model',
    aliases: [],
    summary: 'Takes whatever comes.',
    options: {},
    create: (_, { system: { clock, random } }) => ({
      batchSize: 100,
      start: async () => {},
      stop: async () => {},
      deliver: async events => {
        await clock.sleep(random.next() * 3)
        for (const { body } of events) ledger.arrive(body)
      },
    }),
  })
}
