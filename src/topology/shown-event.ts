// What is shown of an event: headers and body as text, without what may be a secret, cut to a bounded size.
import { isUtf8 } from 'node:buffer'
import { mayBeSecret } from '../config/properties.ts'
import type { Event } from '../event.ts'
import type { ShownEvent } from '../observe/event-view.ts'
import { hidden, withoutCredentials } from '../printable.ts'

const mostBodyBytes = 4096
const mostHeaders = 32
const mostHeaderLetters = 256

/** Of one that cannot be decoded, its size. */
export function shownEvent(event: Event): ShownEvent {
  try {
    return decoded(event)
  } catch {
    return { headers: {}, body: '', isText: true, bytes: event.size, isCut: true }
  }
}

function decoded(given: Event): ShownEvent {
  // The event itself is on its way: what is decoded here must not stay with it.
  const event = given.clone()
  const { headers, body } = event
  const some = [...headers].slice(0, mostHeaders)
  const beginning = wholeLetters(body.subarray(0, mostBodyBytes))
  const isText = isUtf8(beginning)
  return {
    headers: Object.fromEntries(
      some.map(([name, value]) => [
        name.slice(0, mostHeaderLetters),
        isSecretName(name) ? hidden : withoutSecrets(value.slice(0, mostHeaderLetters)),
      ]),
    ),
    body: isText ? withoutSecrets(beginning.toString('utf8')) : beginning.toString('hex'),
    isText,
    bytes: body.length,
    isCut:
      beginning.length < body.length ||
      some.length < headers.size ||
      some.some(([name, value]) => Math.max(name.length, value.length) > mostHeaderLetters),
  }
}

/** Without the beginning of a letter that is cut in the middle: UTF-8 has at most 3 bytes behind the first. */
function wholeLetters(bytes: Buffer): Buffer {
  if (bytes.length < mostBodyBytes) return bytes
  for (let back = 1; back <= 3; back++) {
    const byte = bytes[bytes.length - back]!
    if (byte < 0x80) return bytes
    if (byte >= 0xc0) return bytes.subarray(0, bytes.length - back)
  }
  return bytes
}

/** A name before its value: of JSON, also within a text of JSON, of forms and of settings. */
const nameBefore = /(?<![\w.-])([\w.-]+)(?:\\?["'])?\s{0,8}[:=]\s{0,8}/g
/** A value, as far as it is there; of an object or a list all that follows. */
const valueAfter = /\\"[^"]*"?|"(?:[^"\\]|\\.)*"?|'[^']*'?|[[{][^]*|[^\s,;&}\]]*/y
const element = /<([\w:.-]{1,100})>[^<]+/g
const authorization = /\b(Bearer|Basic)\s+[\w.~+/=-]{4,}/gi

/** Most events hold none of these, and need no closer look. */
const mayHoldSecret = /pass|pwd|secret|jaas|credential|token|key|authorization|bearer|basic|:\/\//i

const isSecretName = (name: string): boolean => mayBeSecret(name) || /^(proxy-)?authorization$/i.test(name)

/** The text with `[hidden]` in place of values whose names say that they are secret. */
export function withoutSecrets(given: string): string {
  if (!mayHoldSecret.test(given)) return given
  const text = withoutCredentials(given)
    .replaceAll(element, (whole, name: string) => (isSecretName(name) ? `<${name}>${hidden}` : whole))
    .replaceAll(authorization, `$1 ${hidden}`)
  let open = ''
  let at = 0
  for (const found of text.matchAll(nameBefore)) {
    const begin = found.index + found[0].length
    if (found.index < at || !isSecretName(found[1]!)) continue
    valueAfter.lastIndex = begin
    const value = valueAfter.exec(text)?.[0] ?? ''
    open += `${text.slice(at, begin)}${hidden}`
    at = begin + value.length
  }
  return open + text.slice(at)
}
