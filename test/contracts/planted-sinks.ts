// A sink in memory that keeps to the contract, and such that break it in one way each: the checks must find them.
import type { SinkSession } from '../../src/component.ts'
import { DeliveryFault } from '../../src/delivery-fault.ts'
import { Fault } from '../../src/errors.ts'
import type { Event } from '../../src/event.ts'
import { realClock } from '../../src/system/clock.ts'
import { eventOf, type SinkPlan, type SinkStage } from './sink.ts'

interface Call {
  readonly left: Event[]
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** A peer in memory that takes one event in each turn, of the deliveries in their order; a session as it should be. */
export class ModelStage implements SinkStage {
  readonly taken: string[] = []
  refuses: (body: string) => boolean = () => false
  isHanging = false
  readonly sink

  constructor(open: (stage: ModelStage, signal: AbortSignal) => SinkSession, stop = async () => {}) {
    this.sink = {
      batchSize: 10,
      window: 4,
      start: async () => {},
      stop,
      open: (signal: AbortSignal) => open(this, signal),
    }
  }

  readonly arrived = (): readonly string[] => this.taken

  async [Symbol.asyncDispose](): Promise<void> {}
}

export function modelSession(stage: ModelStage, signal: AbortSignal): SinkSession {
  const calls: Call[] = []
  let fault: Fault | null = null
  const end = (reason: Fault, event: Event | null) => {
    fault = reason
    for (const [index, { left, reject }] of calls.splice(0).entries())
      reject(
        new DeliveryFault(index === 0 ? reason.code : 'PEER_CLOSED', reason.message, {
          undelivered: left,
          event: index === 0 ? event : null,
        }),
      )
  }
  const step = () => {
    const [call] = calls
    if (call === undefined || stage.isHanging) return
    const [event] = call.left
    const body = event!.body.toString()
    if (body === 'poison') return end(new Fault('UNDELIVERABLE', 'never'), event!)
    if (stage.refuses(body)) return end(new Fault('PEER_REFUSED', 'refused'), null)
    stage.taken.push(body)
    call.left.shift()
    if (call.left.length === 0) calls.shift()!.resolve()
    realClock.soon(step)
  }
  signal.addEventListener('abort', () => end(new Fault('STOPPED', 'given up'), null))
  return {
    deliver: events =>
      new Promise((resolve, reject) => {
        const reason = fault
        if (reason !== null)
          return reject(new DeliveryFault('PEER_CLOSED', reason.message, { undelivered: events }))
        calls.push({ left: [...events], resolve, reject })
        if (calls.length === 1) realClock.soon(step)
      }),
  }
}

export const planOf = (make: () => ModelStage): SinkPlan => ({
  open: async () => make(),
  canRefuse: true,
  limitMs: 1000,
  hang: stage => ((stage as ModelStage).isHanging = true),
  poison: { 'the peer never takes it': () => eventOf('poison') },
})

/** Another session for what comes after a failure, in the moment that `when` says. */
const reopening =
  (when: (reopen: () => void) => void) =>
  (stage: ModelStage, signal: AbortSignal): SinkSession => {
    let session = modelSession(stage, signal)
    return {
      deliver: async events => {
        const own = session
        try {
          await own.deliver(events)
        } catch (error) {
          when(() => (session = session === own ? modelSession(stage, signal) : session))
          throw error
        }
      },
    }
  }

/** The session with other deliveries. */
const changing =
  (change: (deliver: SinkSession['deliver'], events: readonly Event[]) => Promise<void>) =>
  (stage: ModelStage, signal: AbortSignal): SinkSession => {
    const session = modelSession(stage, signal)
    return { deliver: events => change(one => session.deliver(one), events) }
  }

const faultOf = async (delivery: Promise<void>): Promise<DeliveryFault> => {
  const fault: unknown = await delivery.then(
    () => null,
    (error: unknown) => error,
  )
  if (!(fault instanceof DeliveryFault)) throw new Resolved()
  return fault
}
class Resolved extends Error {}

const rejecting =
  (change: (fault: DeliveryFault, events: readonly Event[]) => unknown) =>
  (stage: ModelStage, signal: AbortSignal): SinkSession =>
    changing(async (deliver, events) => {
      try {
        throw change(await faultOf(deliver(events)), events)
      } catch (error) {
        if (!(error instanceof Resolved)) throw error
      }
    })(stage, signal)

export const planted: Readonly<Record<string, (stage: ModelStage, signal: AbortSignal) => SinkSession>> = {
  'a session that survives its failure': reopening(reopen => reopen()),
  'a session that refuses what comes later for a turn alone': reopening(reopen => realClock.soon(reopen)),
  'a failure that is taken for a delivery': changing((deliver, events) => deliver(events).catch(() => {})),
  'a delivery that is confirmed before it is done': changing(async (deliver, events) => {
    deliver(events).catch(() => {})
  }),
  'what is not delivered is not named': rejecting(
    ({ code, message, event }) => new DeliveryFault(code, message, { undelivered: [], event }),
  ),
  'what is delivered is named as not delivered': rejecting(
    ({ code, message, event }, events) => new DeliveryFault(code, message, { undelivered: events, event }),
  ),
  'the first of what is not delivered is forgotten': rejecting(
    ({ code, message, event, undelivered }) =>
      new DeliveryFault(code, message, { undelivered: undelivered.slice(1), event }),
  ),
  'events that were not handed over are named': rejecting(
    ({ code, message }) => new DeliveryFault(code, message, { undelivered: [eventOf('0')] }),
  ),
  'an event that never can be delivered is an outage': rejecting(
    ({ message, undelivered }) => new DeliveryFault('PEER_REFUSED', message, { undelivered }),
  ),
  'an event that never can be delivered is not named': rejecting(
    ({ code, message, undelivered }) => new DeliveryFault(code, message, { undelivered }),
  ),
  'a delivery behind the failure that never ends': changing((deliver, events) =>
    deliver(events).catch((error: unknown) => {
      if (error instanceof DeliveryFault && error.code === 'PEER_CLOSED') return new Promise<void>(() => {})
      throw error
    }),
  ),
  'two batches that change places': (stage, signal) => {
    const session = modelSession(stage, signal)
    let held: (() => void) | null = null
    return {
      deliver: events =>
        new Promise((resolve, reject) => {
          const go = () => void session.deliver(events).then(resolve, reject)
          const other = held
          held = null
          if (other === null) {
            held = go
            realClock.soon(() => {
              if (held !== go) return
              held = null
              go()
            })
          } else {
            go()
            other()
          }
        }),
    }
  },
  'a signal that nobody heeds': stage => modelSession(stage, new AbortController().signal),
}
