// Signals of killed programs. Node keeps what AbortSignal.any made, with all that listens to it, until it is aborted or
// nobody listens any more; a program that was killed does neither, and its whole world would stay in memory.

/** From now on such signals are kept by their sources alone; the answer ends that. */
export function letSignalsGo(): () => void {
  const before = AbortSignal.any
  AbortSignal.any = signals => {
    const either = new AbortController()
    for (const signal of signals) {
      const end = (): void => either.abort(signal.reason)
      if (signal.aborted) end()
      else signal.addEventListener('abort', end, { once: true })
    }
    return either.signal
  }
  return () => void (AbortSignal.any = before)
}
