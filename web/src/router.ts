// Where the reader is: everything that a link has to bring back is in the address.
import { computed, signal } from '@preact/signals'

const address = signal(new URL(location.href))
addEventListener('popstate', () => (address.value = new URL(location.href)))

/** The parts of the path, decoded: ['topics', 'test3']. */
export const path = computed(() =>
  address.value.pathname
    .split('/')
    .filter(part => part !== '')
    .map(decodeURIComponent),
)

export const parameter = (name: string): string | null => address.value.searchParams.get(name)

export function go(to: string): void {
  history.pushState(null, '', to)
  address.value = new URL(location.href)
  scrollTo(0, 0)
}

/** Null takes it away. `isStep`: a step back undoes it. */
export function setParameter(name: string, value: string | null, isStep = true): void {
  const url = new URL(location.href)
  if (value === null || value === '') url.searchParams.delete(name)
  else url.searchParams.set(name, value)
  if (url.href === location.href) return
  if (isStep) history.pushState(null, '', url)
  else history.replaceState(null, '', url)
  address.value = url
}

/** Links are followed without loading the page again; those with a modifier key as the browser does. */
export function followLinks(event: MouseEvent): void {
  const link = (event.target as Element).closest?.('a[href]') as HTMLAnchorElement | null
  if (link === null || event.defaultPrevented || event.button !== 0) return
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || link.target !== '') return
  if (link.origin !== location.origin || link.getAttribute('href')!.startsWith('#')) return
  if (new URL(link.href).pathname.startsWith('/api/')) return
  event.preventDefault()
  go(link.pathname + link.search)
}

export const pathOf = (...parts: readonly string[]): string => `/${parts.map(encodeURIComponent).join('/')}`
