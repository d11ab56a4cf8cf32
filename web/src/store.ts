// What the pages show: the flow, as the server sends it, and answers of the API that are asked for again while a page is
// open. Paused, nothing changes.
import { computed, signal } from '@preact/signals'
import { useEffect, useState } from 'preact/hooks'
import type { Clusters, Flow, Refusal, Role, Session } from '../../src/console/api.ts'
import { mayDo } from '../../src/console/access/roles.ts'
import { shareStream, silentMs } from './shared-stream.ts'

export const isPaused = signal(false)
/** Whether single keys do something. This browser remembers it. */
export const hasKeys = signal(localStorage.getItem('keys') !== 'off')
export function switchKeys(isOn: boolean): void {
  hasKeys.value = isOn
  localStorage.setItem('keys', isOn ? 'on' : 'off')
}
/** The last flow; null before the first. */
export const flow = signal<Flow | null>(null)
/** When something last came from the server, and whether it can be reached. */
export const heardAt = signal(Date.now())
export const isCutOff = signal(false)
/** Advances every second. */
export const now = signal(Date.now())
export const clusters = signal<Clusters>([])

/** Whether the reader has to log in: over: once more. */
export const entry = signal<'unknown' | 'in' | 'login' | 'over'>('unknown')
/** Who is logged in; null until it is known. */
export const session = signal<Session | null>(null)

/**
 * Whether a control is shown that changes something: for the topic; for some topic where none is named; for everything
 * where it is null. The server decides for itself.
 */
export const may = (role: Role, topic?: string | null): boolean =>
  session.value?.isReadOnly === false && mayLook(role, topic)

/** The same of what changes nothing, such as a sample of events. */
export const mayLook = (role: Role, topic?: string | null): boolean =>
  session.value !== null && mayDo(session.value.grants, role, topic)

/** What was changed last: stands on the page that follows, until it is dismissed or something else is changed. */
export const notice = signal<string | null>(null)

export const worst = computed(() => flow.value?.verdict.level ?? 'off')

const againMs = 500

/**
 * Server-sent events, for as long as the page is there. A browser gives up a stream that a server that starts refuses, and
 * notices nothing of one that died while the machine slept: then it is opened again.
 */
function listenTo(url: string, name: string, read: (data: unknown) => void): void {
  let heard = Date.now()
  const tryAgain = shareStream(url, name, {
    read(data) {
      heard = Date.now()
      read(data)
    },
    lost(isRefused) {
      isCutOff.value = true
      // A stream does not say why it was refused.
      if (isRefused) void askForSession()
    },
  })
  const renew = () => {
    if (Date.now() - heard > silentMs) isCutOff.value = true
    if (isCutOff.value && entry.value === 'in') tryAgain()
  }
  setInterval(renew, againMs)
  for (const event of ['online', 'pageshow', 'visibilitychange']) addEventListener(event, renew)
}

export function listen(): void {
  void askForSession().then(follow)
  setInterval(() => (now.value = Date.now()), 1000)
}

async function askForSession(): Promise<void> {
  const found = await ask<Session>('/api/session')
  if ('data' in found) session.value = found.data
  // Where the server is away, the pages say so.
  if (entry.value === 'unknown') entry.value = 'in'
}

function follow(): void {
  if (entry.value !== 'in') return
  listenTo('/api/flow/stream', 'flow', data => {
    isCutOff.value = false
    heardAt.value = Date.now()
    if (!isPaused.value) flow.value = data as Flow
  })
  void ask<Clusters>('/api/clusters').then(found => {
    if ('data' in found) clusters.value = found.data
  })
}

export type Asked<T> = { data: T; refusal?: Refusal } | { data?: T; refusal: Refusal } | Record<string, never>

type Answer<T> = { data: T } | { refusal: Refusal }

/** Has the server change something. */
export const tell = <T>(
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  url: string,
  body: object = {},
): Promise<Answer<T>> =>
  ask<T>(url, {
    method,
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', 'x-millrace-token': session.value?.token ?? '' },
  })

export async function ask<T>(url: string, request?: RequestInit): Promise<Answer<T>> {
  try {
    const answer = await fetch(url, request)
    const body = (await answer.json()) as T | Refusal
    if (answer.status === 401 && url !== '/api/login') entry.value = entry.value === 'in' ? 'over' : 'login'
    return answer.ok ? { data: body as T } : { refusal: body as Refusal }
  } catch {
    return {
      refusal: {
        error: 'The console’s server does not answer.',
        remedy: 'Check that millrace console is running.',
      },
    }
  }
}

/**
 * The answer, asked for again every `everyMs` while the page is seen; the last one stays while the next is waited for. Nothing is asked
 * where the URL is empty.
 */
export function useLook<T>(url: string, everyMs = 3000): Asked<T> {
  const [known, setKnown] = useState<{ url: string; asked: Asked<T> }>({ url, asked: {} })
  useEffect(() => {
    let isOver = false
    let timer = 0
    const look = async () => {
      if (url !== '' && !isPaused.value && !document.hidden) {
        const found = await ask<T>(url)
        if (isOver) return
        setKnown(before => {
          const old = before.url === url ? before.asked.data : undefined
          const asked =
            'data' in found ? found : { refusal: found.refusal, ...(old === undefined ? {} : { data: old }) }
          return { url, asked }
        })
      }
      timer = setTimeout(() => void look(), everyMs)
    }
    void look()
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [url, everyMs])
  return known.url === url ? known.asked : {}
}
