// Sinks in tests: driven without a runner, and wrapped so that a test sees, or changes, what passes.
import type { SessionSink, Sink, SinkSession } from '../src/component.ts'
import type { Event } from '../src/event.ts'
import { openSession } from '../src/topology/sink-runner.ts'

/** Delivers in a session, and after a failure, when nothing of it is under way any more, in the next. */
export function deliveriesOf(
  sink: Sink,
  signal = new AbortController().signal,
): (events: readonly Event[]) => Promise<void> {
  let session: SinkSession | null = null
  let underWay = 0
  let hasFailed = false
  return async events => {
    if (underWay === 0 && session?.isOver === true) session = null
    session ??= openSession(sink, signal)
    underWay++
    try {
      await session.deliver(events)
    } catch (error) {
      hasFailed = true
      throw error
    } finally {
      underWay--
      if (underWay === 0 && hasFailed) {
        session = null
        hasFailed = false
      }
    }
  }
}

/** The sink, but each delivery goes through `around`, which is given the sink's own. */
export function wrapSink(
  sink: Sink,
  around: (deliver: (events: readonly Event[]) => Promise<void>, events: readonly Event[]) => Promise<void>,
): SessionSink {
  return {
    batchSize: sink.batchSize,
    window: 'open' in sink ? sink.window : 1,
    divert: sink.divert,
    start: () => sink.start(),
    stop: () => sink.stop(),
    open(signal) {
      const session = openSession(sink, signal)
      return {
        deliver: events => around(one => session.deliver(one), events),
        get isOver() {
          return session.isOver === true
        },
        close: async () => session.close?.(),
      }
    },
  }
}
