// Who sent something, as Flume's headers name it: the address as Java writes it, and the name by reverse lookup.
import { text } from '../../fields.ts'
import type { Clock } from '../../system/clock.ts'
import type { Network } from '../../system/network.ts'

/** Names that are remembered, for how long, and how long a lookup may take. */
const mostNames = 1000
const keptMs = 600_000
const patienceMs = 5000

/** IPv4 also where it came by a socket of IPv6; IPv6 in eight groups, as in 0:0:0:0:0:0:0:1. */
export function javaAddress(address: string): string {
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? []
  if (mapped !== undefined || !address.includes(':')) return mapped ?? address
  const [text = '', zone] = address.split('%')
  const [before = [], after] = text.split('::').map(half => half.split(':').filter(group => group !== ''))
  const gap = after === undefined ? 0 : 8 - before.length - after.length
  const groups = [...before, ...Array<string>(gap).fill('0'), ...(after ?? [])]
  return `${groups.map(group => Number.parseInt(group, 16).toString(16)).join(':')}${zone === undefined ? '' : `%${zone}`}`
}

export const senderFields = {
  clientIPHeader: text({ doc: "Header for the sender's address; none where absent.", since: '1.9' }),
  clientHostnameHeader: text({
    doc: "Header for the sender's name by reverse lookup, or its address where it has none within 5 s; none where absent.",
    since: '1.9',
    differs: 'Names are remembered for ten minutes.',
  }),
}

export interface SenderOptions {
  readonly clientIPHeader: string | undefined
  readonly clientHostnameHeader: string | undefined
}

/** Makes the headers that name senders. */
export class Senders {
  readonly #options: SenderOptions
  readonly #system: { readonly network: Network; readonly clock: Clock }
  readonly #names = new Map<string, { readonly name: Promise<string | null>; readonly since: number }>()

  constructor(options: SenderOptions, system: { readonly network: Network; readonly clock: Clock }) {
    this.#options = options
    this.#system = system
  }

  /** As they are put behind the others. An address without a name stands for itself, as in Java. */
  async headersOf(remoteAddress: string): Promise<readonly (readonly [name: string, value: string])[]> {
    const { clientIPHeader, clientHostnameHeader } = this.#options
    const address = javaAddress(remoteAddress)
    const headers: [string, string][] = []
    if (clientIPHeader !== undefined) headers.push([clientIPHeader, address])
    if (clientHostnameHeader !== undefined)
      headers.push([clientHostnameHeader, (await this.#nameOf(remoteAddress)) ?? address])
    return headers
  }

  #nameOf(address: string): Promise<string | null> {
    const { clock, network } = this.#system
    const now = clock.monotonic()
    const known = this.#names.get(address)
    if (known !== undefined && now - known.since < keptMs) return known.name
    if (this.#names.size >= mostNames) this.#names.clear()
    const name = new Promise<string | null>(resolve => {
      const timer = clock.after(patienceMs, () => resolve(null), { background: true })
      void network.nameOf(address).then(found => {
        timer.cancel()
        resolve(found)
      })
    })
    this.#names.set(address, { name, since: now })
    return name
  }
}
