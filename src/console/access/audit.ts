// The audit log: who changed, or tried to change, what, from where, when, and what came of it. One JSON object a line in a
// file that only its owner reads (audit.file), a line of the log, and the last entries in memory for the page.
import { mayBeSecret } from '../../config/properties.ts'
import { diskFault } from '../../errors.ts'
import type { Logger } from '../../observe/log.ts'
import { hidden, withoutCredentials } from '../../printable.ts'
import type { Clock } from '../../system/clock.ts'
import type { Disk } from '../../system/disk.ts'
import type { AuditEntry } from '../api/session.ts'
import { Refused } from '../refused.ts'

/** Entries that the page shows. */
const mostKept = 500
const longestText = 200
const mostItems = 50
const readByOthers = 0o077

export interface AuditOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly log: Logger
  /** Null: the log alone. */
  readonly path: string | null
}

export class Audit {
  readonly #options: AuditOptions
  /** The newest first. */
  readonly #entries: AuditEntry[] = []
  #writing: Promise<void> = Promise.resolve()

  constructor(options: AuditOptions) {
    this.#options = options
  }

  /** Reads the last entries. Rejects with DISK where the file cannot be written, or where others may read it. */
  async open(): Promise<void> {
    const { disk, path } = this.#options
    if (path === null) return
    await this.#append('')
    const mode = (await disk.permissions?.(path)) ?? 0
    if ((mode & readByOthers) !== 0)
      throw diskFault(`${path} may be read or changed by others`, new Error(`chmod 600 ${path}`))
    const lines = (await disk.readText(path)).split('\n').slice(-mostKept)
    for (const line of lines) {
      const entry = entryOf(line)
      if (entry !== null) this.#entries.unshift(entry)
    }
  }

  get entries(): readonly AuditEntry[] {
    return this.#entries
  }

  /** Rejects with 503 where the file cannot be written: what cannot be audited is not done. */
  async require(): Promise<void> {
    await this.#append('').catch(() => {
      throw new Refused(
        503,
        'the audit log cannot be written, and nothing is changed without it',
        'Look at the log of the console, and at the disk of audit.file.',
      )
    })
  }

  /** `details` may hold secrets: values under such names are hidden. */
  async write(entry: Omit<AuditEntry, 'at'>): Promise<void> {
    const { clock, log, path } = this.#options
    const details = withoutSecrets(entry.details) as Record<string, unknown>
    const whole: AuditEntry = { at: clock.now(), ...entry, why: withoutCredentials(entry.why), details }
    this.#entries.unshift(whole)
    this.#entries.splice(mostKept)
    const line = JSON.stringify({ ...whole, at: new Date(whole.at).toISOString() })
    log.info(`audit: ${line}`)
    await this.#append(`${line}\n`).catch((error: unknown) =>
      log.error(`the audit log ${path} cannot be written; the entry is in this log alone`, error),
    )
  }

  /** Opened each time, so that a file that was rotated away is left. */
  #append(text: string): Promise<void> {
    const { disk, path } = this.#options
    if (path === null) return Promise.resolve()
    const work = this.#writing.then(async () => {
      const file = await disk.open(path, 'append').catch((error: unknown) => {
        throw diskFault(`cannot write ${path}`, error)
      })
      try {
        if (text !== '') await file.write(Buffer.from(text), await file.size())
      } finally {
        await file.close()
      }
    })
    this.#writing = work.catch(() => {})
    return work
  }
}

function entryOf(line: string): AuditEntry | null {
  try {
    const entry = JSON.parse(line) as AuditEntry & { at: unknown }
    return { ...entry, at: Date.parse(String(entry.at)) }
  } catch {
    // An empty line, or one that a crash has cut.
    return null
  }
}

/**
 * Whatever stands under a name that may be a secret's, also where name and value are two properties beside each other,
 * is hidden; long texts and lists are cut.
 */
export function withoutSecrets(value: unknown): unknown {
  if (typeof value === 'string')
    return withoutCredentials(value.length > longestText ? `${value.slice(0, longestText)}…` : value)
  if (Array.isArray(value)) return value.slice(0, mostItems).map(withoutSecrets)
  if (typeof value !== 'object' || value === null) return value
  const all = Object.entries(value)
  const named = all.some(
    ([key, text]) => /^(name|key)$/.test(key) && typeof text === 'string' && mayBeSecret(text),
  )
  return Object.fromEntries(
    all.slice(0, mostItems).map(([key, one]) => {
      const isSecret = mayBeSecret(key) || (named && !/^(name|key)$/.test(key))
      return [key, isSecret && one !== null ? hidden : withoutSecrets(one)]
    }),
  )
}
