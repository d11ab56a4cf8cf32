// A stream of server-sent events by fetch, which says why it is refused and is closed for good when it is left: a search
// and a tail are worth nothing when the browser opens them again by itself.
import type { Refusal } from '../../src/console/api.ts'

export interface StreamOptions {
  readonly on: Readonly<Record<string, (data: never) => void>>
  /** The server ended it, or it broke: then with why. Not called after `close`. */
  readonly over: (refusal: Refusal | null) => void
}

/** Gives what closes it. */
export function openStream(url: string, { on, over }: StreamOptions): () => void {
  const closing = new AbortController()
  const run = async (): Promise<Refusal | null> => {
    const answer = await fetch(url, { signal: closing.signal, headers: { accept: 'text/event-stream' } })
    if (!answer.ok) return (await answer.json()) as Refusal
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return null
      text += value
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const [, name, data] = /^event: (\w+)\ndata: ([^]*)$/.exec(text.slice(0, end)) ?? []
        text = text.slice(end + 2)
        if (name !== undefined) on[name]?.(JSON.parse(data!) as never)
      }
    }
  }
  run().then(
    refusal => closing.signal.aborted || over(refusal),
    () =>
      closing.signal.aborted ||
      over({
        error: 'The connection to the console was lost.',
        remedy: 'Check that millrace console is running.',
      }),
  )
  return () => closing.abort()
}
