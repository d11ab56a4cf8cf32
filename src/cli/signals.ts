// Signals: what an agent, a broker and the demonstration do at each one that the system would end them by, and
// which are left alone because they were ignored when the process was started (nohup). The table of
// docs/guides/signals.md is made of the same rows; docs/decisions/0022-signals.md says why.
import { constants } from 'node:os'
import { isatty } from 'node:tty'
import type { Logger } from '../observe/log.ts'
import { npmStarter } from './npm-starter.ts'

export type SignalEffect =
  /** Ends cleanly; a second one ends at once. */
  | 'stop'
  /** Log files are opened again and the configuration is read again; ends cleanly where the terminal is gone. */
  | 'reload'
  /** Log files are opened again. */
  | 'reopen'
  /** The state goes to the log. */
  | 'report'
  | 'none'

/** Every signal whose default ends a process without a core and that a process can catch, and SIGQUIT. */
export const signalEffects: Readonly<Partial<Record<NodeJS.Signals, SignalEffect>>> = {
  SIGTERM: 'stop',
  SIGINT: 'stop',
  SIGXCPU: 'stop',
  SIGPWR: 'stop',
  SIGHUP: 'reload',
  SIGUSR1: 'reopen',
  SIGQUIT: 'report',
  SIGUSR2: 'none',
  SIGALRM: 'none',
  SIGVTALRM: 'none',
  SIGPROF: 'none',
  SIGIO: 'none',
  SIGSTKFLT: 'none',
}

const names = Object.keys(signalEffects) as NodeJS.Signals[]
const numberOf = (signal: NodeJS.Signals): number => constants.signals[signal]

/**
 * Node gives every signal its default back when it starts, so that the launcher (bin/find-node.sh) writes down which
 * were ignored: as Linux shows them, in hexadecimal, the lowest bit for signal 1.
 */
function readIgnored(): ReadonlySet<NodeJS.Signals> {
  const mask = process.env['MILLRACE_SIGIGN'] ?? ''
  delete process.env['MILLRACE_SIGIGN']
  if (!/^[0-9a-f]+$/i.test(mask)) return new Set()
  const bits = BigInt(`0x${mask}`)
  return new Set(names.filter(name => ((bits >> BigInt((numberOf(name) || 1) - 1)) & 1n) === 1n))
}

const ignored = readIgnored()
/** Standard streams that were a terminal at the start. */
const terminals = [0, 1, 2].filter(isatty)
/** A terminal that hung up is none any more: what it is asked fails with EIO. */
const isTerminalGone = () => terminals.some(fd => !isatty(fd))

/** npm, and npx, hand a signal on to the process that the terminal has told already: so soon it is the same one. */
const sameSignalMs = 700
/** A shell that ends tells its jobs first, and the terminal hangs up then. */
const hangUpMs = 1000
/** How often it is asked whether npm still runs, where that started the process. */
const starterEachMs = 500

/** For every command, first of all: what was ignored stays ignored, and Node's debugger does not open at SIGUSR1. */
export function keepSignals(): void {
  for (const signal of new Set<NodeJS.Signals>([...ignored, 'SIGUSR1'])) process.on(signal, () => {})
}

export interface SignalActions {
  /** The first signal that ends the process; `cause` is its name, with the reason where that is not plain. */
  stop(cause: string): void
  /** Another one while it stops: does not return. `code` is what a shell expects of a process that it ended. */
  stopAtOnce(code: number): void
  reload(): void
  reopen(): void
  report(): void
  /** What has happened has no effect: `what` is one sentence without its full stop. */
  none(what: string): void
}

/**
 * Calls `end` when npm, or npx, that started this process has gone. Not where it went with its terminal: Node takes
 * from npm what nohup gave it, and the shell's SIGHUP, which this process outlives, ends npm.
 */
function watchStarter(
  end: (cause: string) => void,
  goOn: (why: string) => void,
  hungUpAt: () => number,
): void {
  // nohup, or a shell script's `&`, between npm and this process: it is meant to outlive both.
  const starter = ignored.has('SIGHUP') || ignored.has('SIGINT') ? null : npmStarter()
  if (starter === null) return
  const timer = setInterval(() => {
    if (!starter.isGone()) return
    clearInterval(timer)
    const npm = `npm, pid ${starter.pid},`
    if (performance.now() - hungUpAt() > hangUpMs + starterEachMs)
      end(`${npm} which started this process, has ended`)
    else goOn(`${npm} has ended with its terminal; this process goes on`)
  }, starterEachMs).unref()
}

/** Listens from now on. The function given back stops as a first signal does, for another cause. */
export function onSignals(actions: SignalActions): (cause: string) => void {
  let stoppingSinceMs: number | null = null
  let hungUpAtMs = -Infinity
  const stop = (cause: string, code: number): void => {
    const now = performance.now()
    if (stoppingSinceMs === null) {
      stoppingSinceMs = now
      actions.stop(cause)
    } else if (now - stoppingSinceMs > sameSignalMs) actions.stopAtOnce(code)
  }
  const end = (cause: string): void => {
    if (stoppingSinceMs === null) stop(cause, 0)
  }
  const endWithTerminal = (): boolean => {
    if (!isTerminalGone()) return false
    end('SIGHUP, the terminal is gone')
    return true
  }
  for (const signal of names) {
    if (ignored.has(signal)) continue
    const effect = signalEffects[signal]!
    process.on(signal, () => {
      if (effect === 'stop') return stop(signal, 128 + numberOf(signal))
      if (effect === 'none') return actions.none(`${signal} has no effect`)
      if (effect === 'reload') {
        hungUpAtMs = performance.now()
        if (endWithTerminal()) return
        setTimeout(endWithTerminal, hangUpMs).unref()
      }
      if (stoppingSinceMs === null) actions[effect]()
    })
  }
  watchStarter(end, actions.none, () => hungUpAtMs)
  return end
}

/**
 * The same for a process that has a log and ends within `limitMs` of its first signal, whatever happens. Resolves at
 * that signal. `kept` says what is not lost when it has to end by force, with `forcedCode`.
 */
export function stopSignal(
  log: Logger,
  ending: { readonly limitMs: number; readonly forcedCode: number; readonly kept: string },
  effects: Pick<SignalActions, 'reload' | 'reopen' | 'report'>,
): { readonly stopping: Promise<void>; readonly stop: (cause: string) => void } {
  const { promise: stopping, resolve } = Promise.withResolvers<void>()
  const stop = onSignals({
    stop(cause) {
      log.info(`${cause}: stopping`)
      setTimeout(() => {
        log.error(
          `Shutdown timed out after ${ending.limitMs / 1000} s; the process exits now, and ${ending.kept}`,
        )
        process.exit(ending.forcedCode)
      }, ending.limitMs).unref()
      resolve()
    },
    stopAtOnce: code => process.exit(code),
    ...effects,
    none: what => log.info(what),
  })
  return { stopping, stop }
}
