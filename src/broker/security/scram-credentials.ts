// The SCRAM credentials of users, kept in a journal of their own (`scram.journal`): what proves a login and
// the broker, not the password and nothing one could log in with. Entries in JSON:
//   {"user": name, "mechanism": name, "salt": base64, "iterations": n, "storedKey": base64, "serverKey": base64}
//   {"removed": user, "mechanism": name}
import { join } from 'node:path'
import type { Logger } from '../../observe/log.ts'
import { Journal } from '../../storage/journal.ts'
import { either, object, readJson, text, whole, type Shape } from '../../json-shape.ts'
import type { Clock } from '../../system/clock.ts'
import type { Disk } from '../../system/disk.ts'
import { derivePbkdf2 } from '../../system/threads.ts'
import type { JournalPlace } from '../log-directories.ts'
import {
  scramDetails,
  scramMechanisms,
  serverKeyOf,
  storedKeyOf,
  type ScramMechanism,
} from '../../wire/kafka/scram-keys.ts'

export interface ScramCredential {
  readonly salt: Buffer
  readonly iterations: number
  readonly storedKey: Buffer
  readonly serverKey: Buffer
}

interface StoredCredential {
  readonly user: string
  readonly mechanism: ScramMechanism
  readonly salt: string
  readonly iterations: number
  readonly storedKey: string
  readonly serverKey: string
}
type Entry = StoredCredential | { readonly removed: string; readonly mechanism: ScramMechanism }

const mechanism: Shape = value => scramMechanisms.some(({ name }) => name === value)
const entryShape = either(
  object({ removed: text, mechanism }),
  object({ user: text, mechanism, salt: text, iterations: whole, storedKey: text, serverKey: text }),
)

const encode = (entry: Entry): Buffer => Buffer.from(JSON.stringify(entry))
const keyOf = (user: string, mechanism: ScramMechanism): string => `${mechanism} ${user}`

export class ScramCredentials {
  readonly #stored = new Map<string, StoredCredential>()
  #journal: Journal | null = null

  /** Rejects with DISK, CORRUPT or STATE_MISSING. */
  async open(disk: Disk, log: Logger, place: JournalPlace): Promise<void> {
    this.#journal = await Journal.open({
      disk,
      log,
      path: join(place.home, 'scram.journal'),
      mustHold: place.mustHold('the users of SCRAM'),
      apply: payload => {
        const entry = readJson<Entry>(payload, entryShape)
        if (entry === null) return false
        if ('removed' in entry) this.#stored.delete(keyOf(entry.removed, entry.mechanism))
        else this.#stored.set(keyOf(entry.user, entry.mechanism), entry)
        return true
      },
      snapshot: () => [...this.#stored.values()].map(encode),
      onFailed: fault => log.error(`users can no longer be changed: ${fault.message}`),
    })
  }

  get(user: string, mechanism: ScramMechanism): ScramCredential | undefined {
    const stored = this.#stored.get(keyOf(user, mechanism))
    if (stored === undefined) return undefined
    const [salt, storedKey, serverKey] = [stored.salt, stored.storedKey, stored.serverKey].map(text =>
      Buffer.from(text, 'base64'),
    )
    return { salt: salt!, iterations: stored.iterations, storedKey: storedKey!, serverKey: serverKey! }
  }

  /** Mechanisms and iterations, by user. */
  list(): Map<string, { mechanism: ScramMechanism; iterations: number }[]> {
    return Map.groupBy(this.#stored.values(), one => one.user)
  }

  /** Keeps what the salted password gives. Resolves when it is durable. */
  async put(
    user: string,
    mechanism: ScramMechanism,
    given: { salt: Buffer; iterations: number; saltedPassword: Buffer },
  ): Promise<void> {
    const { salt, iterations, saltedPassword } = given
    const details = scramDetails(mechanism)
    await this.#journal!.append(
      encode({
        user,
        mechanism,
        salt: salt.toString('base64'),
        iterations,
        storedKey: storedKeyOf(details, saltedPassword).toString('base64'),
        serverKey: serverKeyOf(details, saltedPassword).toString('base64'),
      }),
    )
  }

  async putPassword(
    user: string,
    mechanism: ScramMechanism,
    given: { password: string; salt: Buffer; iterations: number },
    clock: Pick<Clock, 'isSimulated'>,
  ): Promise<void> {
    const { salt, iterations } = given
    const { hash, size } = scramDetails(mechanism)
    const saltedPassword = await derivePbkdf2({ ...given, hash, size }, clock)
    await this.put(user, mechanism, { salt, iterations, saltedPassword })
  }

  /** Resolves when it is durable. */
  async remove(user: string, mechanism: ScramMechanism): Promise<void> {
    await this.#journal!.append(encode({ removed: user, mechanism }))
  }

  async close(): Promise<void> {
    await this.#journal?.close()
  }
}
