// Text serializers: the body as it is, with or without a newline after it; and the same with the headers
// before it, as Java prints a map: {k=v, k2=v2} body.
import type { Event } from '../event.ts'
import type { Serializer } from './contract.ts'

const nothing = Buffer.alloc(0)

export function plainText(appendNewline: boolean): Serializer {
  return { head: nothing, encode: events => join(events, null, appendNewline) }
}

export function headerAndText(appendNewline: boolean): Serializer {
  return {
    head: nothing,
    encode(events) {
      const heads = events.map(event => {
        const pairs = [...event.headers].map(([key, value]) => `${key}=${value}`)
        return Buffer.from(`{${pairs.join(', ')}} `)
      })
      return join(events, heads, appendNewline)
    },
  }
}

function join(events: readonly Event[], heads: readonly Buffer[] | null, appendNewline: boolean): Buffer {
  let size = appendNewline ? events.length : 0
  for (const event of events) size += event.body.length
  for (const head of heads ?? []) size += head.length
  const target = Buffer.allocUnsafe(size)
  let at = 0
  for (const [index, event] of events.entries()) {
    if (heads !== null) at += heads[index]!.copy(target, at)
    at += event.body.copy(target, at)
    if (appendNewline) target[at++] = 0x0a
  }
  return target
}
