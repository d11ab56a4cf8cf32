// Text serializers: the body as it is, with or without a newline after it; and the same with the headers
// before it, as Java prints a map: {k=v, k2=v2} body.
import type { Event } from '../event.ts'
import type { Steps } from '../wire/kafka/record.ts'
import type { Serializer } from './contract.ts'

const nothing = Buffer.alloc(0)
const newline = Buffer.from('\n')

export function plainText(appendNewline: boolean): Serializer {
  return { head: nothing, encode: events => join(events, () => nothing, appendNewline) }
}

export function headerAndText(appendNewline: boolean): Serializer {
  return {
    head: nothing,
    encode: events => join(events, headOf, appendNewline),
  }
}

function headOf({ headers }: Event): Buffer {
  const pairs = [...headers].map(([key, value]) => `${key}=${value}`)
  return Buffer.from(`{${pairs.join(', ')}} `)
}

function* join(
  events: readonly Event[],
  head: (event: Event) => Buffer,
  appendNewline: boolean,
): Steps<Buffer> {
  const parts: Buffer[] = []
  for (const event of events) {
    parts.push(head(event), event.body)
    if (appendNewline) parts.push(newline)
    yield
  }
  return Buffer.concat(parts)
}
