// Waiting with a word about it: what takes longer than a second says so, every second.
import { Fault } from '../errors.ts'
import type { Clock } from '../system/clock.ts'
import { DemoProblem } from './demo-problem.ts'
import type { Output } from './output.ts'

const sayEachMs = 1000

export interface Patience<T> {
  readonly clock: Clock
  readonly output: Output
  /** Completes "waiting for …". */
  readonly what: string
  readonly work: Promise<T>
  /** Rejects with STOPPED when it is aborted. */
  readonly stop?: AbortSignal
  /** Rejects with a DemoProblem after so long. */
  readonly limitMs?: number
  /** Why it may take so long, with the colon before it. */
  readonly trouble?: () => string
}

/** Gives a long text as it is the first time, and its beginning while it stays: it would hide what moves. */
export function saidOnce(): (text: string) => string {
  const mostAgain = 60
  let before = ''
  return text => {
    const beginning = text.slice(0, mostAgain)
    const isAgain = beginning === before && text.length > mostAgain
    before = beginning
    return isAgain ? `${beginning}...` : text
  }
}

export async function patiently<T>(given: Patience<T>): Promise<T> {
  const { clock, output, what, work, stop, limitMs = Infinity, trouble = () => '' } = given
  const over = new AbortController()
  const signal = stop === undefined ? over.signal : AbortSignal.any([stop, over.signal])
  const begun = clock.monotonic()
  const brief = saidOnce()
  const watch = async (): Promise<never> => {
    for (;;) {
      await clock.sleep(sayEachMs, signal)
      if (signal.aborted) throw new Fault('STOPPED', `${what}: stopped`)
      const waited = clock.monotonic() - begun
      if (waited > limitMs)
        throw new DemoProblem(`waited ${Math.round(waited / 1000)} s in vain for ${what}${trouble()}`)
      output.progress(`waiting for ${what}, ${Math.round(waited / 1000)} s${brief(trouble())}`)
    }
  }
  try {
    return await Promise.race([work, watch()])
  } finally {
    over.abort()
  }
}
