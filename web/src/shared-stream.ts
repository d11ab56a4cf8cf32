// One stream of server-sent events for all tabs of a browser. The tab that holds the lock reads the stream and passes on
// what comes; the others wait for the lock, and the next of them gets it when that tab closes. A tab that is seen takes
// the lock away from one that is silent, such as one that the browser has frozen.

/** The stream comes every second: after so long without a word the connection is dead, or the tab that reads it. */
export const silentMs = 8000
/** What one try may take. */
const patienceMs = 2000

export interface StreamReader {
  readonly read: (data: unknown) => void
  /** It broke. `isRefused`: and the browser does not open it again, for a reason that it keeps to itself. */
  readonly lost: (isRefused: boolean) => void
}

type Word = { readonly data: string } | { readonly isRefused: boolean } | 'anything new?'

/** For as long as the page is there. The answer retries, where it is time to. */
export function shareStream(url: string, name: string, { read, lost }: StreamReader): () => void {
  const channel = new BroadcastChannel(url)
  let stream: EventSource | null = null
  let last: string | null = null
  let [openedAt, heardAt] = [0, Date.now()]
  let queue = new AbortController()

  const take = (word: Exclude<Word, string>) => {
    heardAt = Date.now()
    if (!('data' in word)) return lost(word.isRefused)
    last = word.data
    read(JSON.parse(word.data))
  }
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that of a window, not of a channel
  const say = (word: Word) => channel.postMessage(word)
  const pass = (word: Exclude<Word, string>) => {
    say(word)
    take(word)
  }
  channel.addEventListener('message', ({ data }: MessageEvent<Word>) => {
    if (data !== 'anything new?') take(data)
    else if (stream !== null && last !== null) say({ data: last })
  })

  const open = () => {
    openedAt = Date.now()
    stream?.close()
    const own = new EventSource(url)
    stream = own
    own.addEventListener(name, ({ data }) => pass({ data }))
    own.addEventListener('error', () => pass({ isRefused: own.readyState === EventSource.CLOSED }))
  }
  const lead = (isTaken: boolean) => {
    openedAt = Date.now()
    // Browsers know no locks where the page came over plain HTTP from another machine.
    if (navigator.locks === undefined) return open()
    queue.abort()
    queue = new AbortController()
    const { signal } = queue
    navigator.locks
      .request(url, isTaken ? { steal: true } : { signal }, () => {
        open()
        return new Promise<never>(() => {})
      })
      .catch(() => {
        if (signal.aborted) return
        // Another tab has taken it.
        stream?.close()
        stream = null
        lead(false)
      })
  }
  lead(false)
  say('anything new?')

  return () => {
    const now = Date.now()
    if (now - openedAt < patienceMs) return
    if (stream !== null) open()
    else if (!document.hidden && now - heardAt > silentMs) lead(true)
  }
}
