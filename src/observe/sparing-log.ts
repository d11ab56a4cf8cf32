// A log for lines that something outside can cause as often as it likes: a sender that does not behave, a request
// that fails each time. Of lines of a kind the first is written, then one a minute. And, at DEBUG, for lines about
// what goes well as often as it can.
import type { Clock } from '../system/clock.ts'
import type { Logger } from './log.ts'

const secondMs = 1000
const minuteMs = 60_000
/** Kinds that are told apart; what more there are share one. */
const mostKinds = 100

/** Lines are of a kind that differ in their larger numbers alone (ports, offsets). */
const kindOfText = (line: string): string => line.slice(0, 300).replaceAll(/\d{2,}/g, '#')

/** Spares warnings and errors; everything else goes on as it comes. */
export function sparing(log: Logger, clock: Clock, kindOf = kindOfText): Logger {
  /** Lines that were not written, by kind. */
  const kinds = new Map<string, { untold: number; last: string; cause?: unknown }>()
  const wait = (kind: string, level: 'warn' | 'error') =>
    clock.after(
      minuteMs,
      () => {
        const { untold, last, cause } = kinds.get(kind)!
        kinds.delete(kind)
        if (untold === 0) return
        log[level](untold === 1 ? last : `${last} (the last of ${untold} such lines within a minute)`, cause)
        kinds.set(kind, { untold: 0, last: '' })
        wait(kind, level)
      },
      { background: true },
    )
  const tell = (level: 'warn' | 'error') => (line: string, cause?: unknown) => {
    const own = `${level} ${kindOf(line)}`
    const kind = kinds.size < mostKinds || kinds.has(own) ? own : level
    const known = kinds.get(kind)
    if (known !== undefined) return void kinds.set(kind, { untold: known.untold + 1, last: line, cause })
    kinds.set(kind, { untold: 0, last: '' })
    log[level](line, cause)
    wait(kind, level)
  }
  return {
    ...log,
    info: line => log.info(line),
    debug: line => log.debug(line),
    error: tell('error'),
    warn: tell('warn'),
    child: name => sparing(log.child(name), clock, kindOf),
    get debugs() {
      return log.debugs
    },
  }
}

/** The same for lines that are of one kind, whatever they say. */
export const sparingOne = (log: Logger, clock: Clock): Logger => sparing(log, clock, () => '')

/** Writes at DEBUG what happens often: `line` is asked, once a second at most, for all that has happened since. */
export function oncePerSecond(log: Logger, clock: Clock, line: () => string): () => void {
  let isResting = false
  let isUntold = false
  const tell = (): void => {
    isUntold = isResting
    if (isResting) return
    isResting = true
    log.debug(line())
    const rest = () => {
      isResting = false
      if (isUntold) tell()
    }
    clock.after(secondMs, rest, { background: true })
  }
  return tell
}
