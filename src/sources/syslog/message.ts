// What the messages of all syslog sources have in common: the fields that may stay in the body, and how a message that was
// read, or could not be, is marked.
import { Event, type Headers } from '../../event.ts'
import { field } from '../../fields.ts'

/** Says how a message could not be read whole: Invalid, or Incomplete where it is longer than eventSize. */
export const statusHeader = 'flume.syslog.status'

/** As they stand in front of the body. */
const keepable = ['priority', 'version', 'timestamp', 'hostname'] as const
type Keepable = (typeof keepable)[number]

/** Fields that stay in the body; `all`: the body is the message as it came. */
export type KeptFields = ReadonlySet<Keepable> | 'all'

export const keepFields = field<
  KeptFields,
  { readonly doc: string; readonly default: KeptFields; readonly example: string }
>(
  'list',
  `none, all, or some of ${keepable.join(', ')}`,
  {
    doc: 'Fields that stay in the body. With `all` it is the message as it came.',
    default: Object.assign(new Set<Keepable>(), { name: 'none' }),
    example: 'priority timestamp hostname',
  },
  raw => {
    const words = raw.trim().toLowerCase()
    if (words === 'all' || words === 'true') return { value: 'all' }
    if (words === 'none' || words === 'false') return { value: new Set() }
    // Flume looks for the names anywhere in the text.
    const value = new Set(keepable.filter(name => words.includes(name)))
    const odd = words.split(/[\s,]+/).find(word => word !== '' && !keepable.some(name => word.includes(name)))
    return odd === undefined
      ? { value }
      : {
          value,
          problem: `"${odd}" is none of the fields`,
          fix: `write all, none, or some of ${keepable.join(', ')}`,
        }
  },
)

/** What stands in front of the text of the message, as it was written; `-` where the sender had nothing to write. */
export interface Fields {
  readonly priority: string
  readonly version: string
  readonly timestamp: string
  readonly hostname: string
}

/** The fields that are kept, in front of the body. */
export function keptOf(kept: ReadonlySet<Keepable>, fields: Fields): string {
  const { priority, version, timestamp, hostname } = fields
  return [
    kept.has('priority') ? `<${priority}>` : '',
    kept.has('version') && version !== '' ? `${version} ` : '',
    kept.has('timestamp') ? `${timestamp} ` : '',
    kept.has('hostname') ? `${hostname} ` : '',
  ].join('')
}

/** Whether the message could not be read, and whether it was cut at eventSize. */
export interface Marks {
  readonly isInvalid: boolean
  readonly isIncomplete: boolean
}

export function eventOf(headers: Headers, body: Buffer, { isInvalid, isIncomplete }: Marks): Event {
  if (isInvalid) headers.set(statusHeader, 'Invalid')
  else if (isIncomplete) headers.set(statusHeader, 'Incomplete')
  return Event.of(headers, body)
}

export interface ReadMessage extends Marks {
  readonly event: Event
}

/** Reads the bytes of one message, its line end left out. */
export type MessageReader = (bytes: Buffer, isIncomplete: boolean) => ReadMessage
