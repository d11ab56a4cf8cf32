// Who may ask, put together from the settings: login, certificate, names and proxies. Files that change while it runs
// are read again; where they are wrong, what was read before goes on counting.
import { isLoopback } from '../../address.ts'
import { formatProblem, type Problem } from '../../config/problem.ts'
import { diskFault, explanationOf, Fault } from '../../errors.ts'
import type { Logger } from '../../observe/log.ts'
import type { Clock, Timer } from '../../system/clock.ts'
import type { Disk } from '../../system/disk.ts'
import { addressesOf, type ConsoleSettings } from '../settings.ts'
import { certificateOf, type Certificate } from './certificate.ts'
import type { OwnNames } from './guard.ts'
import { localUser } from './local-user.ts'
import { Login, type Doorkeeper } from './login.ts'
import { parseUsers, type Users } from './users.ts'

/** Files are looked at so often. */
const lookMs = 5000
const readByOthers = 0o077
const writtenOrReadByAnybody = 0o027

interface Reading {
  readonly disk: Disk
  readonly clock: Clock
  readonly log: Logger
}

export class Access {
  readonly login: Login | null
  readonly doorkeeper: Doorkeeper
  readonly names: OwnNames
  readonly isProxy: (address: string) => boolean
  #certificate: Certificate | null
  readonly #reading: Reading
  readonly #settings: ConsoleSettings
  /** What each file held when it was last looked at. */
  readonly #seen: Map<string, string>
  #timer: Timer | null = null
  #isStopped = false
  /** Called with another certificate when it was replaced. */
  onCertificate: (certificate: Certificate) => void = () => {}

  private constructor(
    settings: ConsoleSettings,
    reading: Reading,
    read: { users: Users | null; certificate: Certificate | null; seen: Map<string, string> },
  ) {
    this.#settings = settings
    this.#reading = reading
    this.#seen = read.seen
    this.#certificate = read.certificate
    this.isProxy = addressesOf(settings['auth.proxy.addresses'])
    this.login =
      read.users === null
        ? null
        : new Login({
            clock: reading.clock,
            users: read.users,
            proxyHeader: settings['auth.proxy.header']?.toLowerCase() ?? null,
            isProxy: this.isProxy,
            idleMs: settings['session.idle.minutes'] * 60_000,
            longestMs: settings['session.longest.hours'] * 3_600_000,
          })
    this.doorkeeper = this.login ?? localUser()
    const further = new Set(settings['host.names'].map(name => name.toLowerCase()))
    const isProxied = settings['auth.proxy.addresses'].length > 0
    this.names = {
      isOurs: host =>
        isLoopback(host) || further.has(host.toLowerCase()) || this.#certificate?.isFor(host) === true,
      schemes: read.certificate !== null ? ['https'] : isProxied ? ['http', 'https'] : ['http'],
    }
    this.#lookLater()
  }

  /** `given` counts where settings name no users file. Rejects with DISK, TLS or ADDRESS, naming what is wrong with a file. */
  static async open(settings: ConsoleSettings, reading: Reading, given: Users | null): Promise<Access> {
    const seen = new Map<string, string>()
    const users = (await readUsers(settings, reading.disk, seen)) ?? given
    const certificate = await readCertificate(settings, reading.disk, seen)
    return new Access(settings, reading, { users, certificate, seen })
  }

  get certificate(): Certificate | null {
    return this.#certificate
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
    this.login?.stop()
  }

  /** Reads what has changed. */
  async look(): Promise<void> {
    const { disk, log, clock } = this.#reading
    const again = async <T>(
      read: (seen: Map<string, string>) => Promise<T | null>,
      what: string,
      use: (one: T) => void,
    ) => {
      const seen = new Map(this.#seen)
      try {
        const found = await read(seen)
        const isNew = [...seen].some(([path, text]) => this.#seen.get(path) !== text)
        if (!isNew || found === null || this.#isStopped) return
        use(found)
        log.info(`${what} was read again`)
      } catch (error) {
        const text = explanationOf(error)
        // Said once, until it is something else.
        if (this.#seen.get(what) === text) return
        seen.set(what, text)
        log.error(
          `${what} has changed and cannot be used. The console keeps the version that it read before`,
          error,
        )
      } finally {
        for (const [path, text] of seen) this.#seen.set(path, text)
      }
    }
    await again(
      seen => readUsers(this.#settings, disk, seen),
      'the users file',
      users => {
        if (this.login !== null) this.login.users = users
      },
    )
    await again(
      seen => readCertificate(this.#settings, disk, seen),
      'the certificate',
      certificate => {
        this.#certificate = certificate
        this.onCertificate(certificate)
        if (certificate.endsAt < clock.now()) log.warn('the certificate has ended: browsers refuse it')
      },
    )
  }

  #lookLater(): void {
    this.#timer = this.#reading.clock.after(
      lookMs,
      () => void this.look().then(() => (this.#isStopped ? undefined : this.#lookLater())),
      { background: true },
    )
  }
}

async function readUsers(
  settings: ConsoleSettings,
  disk: Disk,
  seen: Map<string, string>,
): Promise<Users | null> {
  const path = settings['users.file']
  if (path === undefined) return null
  const text = await readPrivate(path, disk, readByOthers, seen)
  const { users, problems } = parseUsers(Buffer.from(text, 'utf8'), path)
  if (problems.length > 0) throw new Fault('AUTHENTICATION', linesOf(problems))
  return users
}

async function readCertificate(
  settings: ConsoleSettings,
  disk: Disk,
  seen: Map<string, string>,
): Promise<Certificate | null> {
  const [certificate, key] = [settings['tls.certificate'], settings['tls.key']]
  if (certificate === undefined || key === undefined) return null
  const texts = {
    certificate: await readPrivate(certificate, disk, 0, seen),
    key: await readPrivate(key, disk, writtenOrReadByAnybody, seen),
  }
  return certificateOf(texts, { certificate, key })
}

/** Rejects with DISK where the file cannot be read, or where others have one of the rights in `forbidden`. */
async function readPrivate(
  path: string,
  disk: Disk,
  forbidden: number,
  seen: Map<string, string>,
): Promise<string> {
  const mode =
    (await disk.permissions?.(path).catch((error: unknown) => {
      throw diskFault(`cannot read ${path}`, error)
    })) ?? 0
  if ((mode & forbidden) !== 0)
    throw new Fault(
      'DISK',
      `${path} may be read or changed by others (mode ${mode.toString(8).padStart(4, '0')})`,
      {
        remedy: `Take the rights away: chmod 600 ${path}`,
      },
    )
  const text = await disk.readText(path).catch((error: unknown) => {
    throw diskFault(`cannot read ${path}`, error)
  })
  seen.set(path, text)
  return text
}

const mostProblems = 20
const linesOf = (problems: readonly Problem[]): string =>
  `the users file cannot be used: ${problems.slice(0, mostProblems).map(formatProblem).join(' ')}`
