// The ground a demonstration stands on: a directory that is its alone, a free port for agent B, and every
// reason why it cannot have them in one sentence.
import { join } from 'node:path'
import { Fault, messageOf } from '../errors.ts'
import { lockFileName } from '../system/directory-lock.ts'
import type { Disk } from '../system/disk.ts'
import {
  emptyDirectory,
  makeOwnDirectory,
  makeTemporaryDirectory,
  removeTree,
  temporaryDirectories,
} from '../system/own-directory.ts'
import type { System } from '../system/system.ts'
import { DemoProblem } from './demo-problem.ts'
import type { DemoOptions } from './options.ts'

export const host = '127.0.0.1'

const unusedPollMs = 100

export interface Ground {
  readonly directory: string
  /** Whether it goes with the demonstration. */
  readonly isTemporary: boolean
  /** `keep`: names inside that stay, to look into; a temporary directory without any is removed. */
  release(keep: readonly string[]): Promise<void>
}

const temporaryName = 'millrace-demo'
const holder = 'a Millrace demonstration'

/** Rejects with a DemoProblem; nothing is left then. */
export async function takeGround(options: DemoOptions, { disk }: System): Promise<Ground> {
  const isTemporary = options.directory === null
  try {
    const directory = options.directory ?? (await makeTemporaryDirectory(temporaryName))
    if (!isTemporary) await makeOwnDirectory(directory)
    const lock = await disk.lockDirectory(directory, holder)
    if (isTemporary) await clearLeftBehind(directory, disk)
    return {
      directory,
      isTemporary,
      async release(keep) {
        await lock.release()
        if (!isTemporary) return
        if (keep.length > 0) await emptyDirectory(directory, keep)
        else await removeTree(directory)
      },
    }
  } catch (error) {
    if (error instanceof Fault && error.code === 'DIRECTORY_IN_USE')
      throw new DemoProblem(
        `${error.message.replace(/^directory /, '')}, which runs already: end it first, or give this one --port, --avro-port and --data-dir of its own`,
      )
    const remedy = isTemporary ? 'name another one with --data-dir' : 'choose another --data-dir'
    throw new DemoProblem(`${messageOf(error)}: ${remedy}`)
  }
}

/** Removes the directories of demonstrations that were killed: with a lock that nobody has. */
async function clearLeftBehind(own: string, disk: Disk): Promise<void> {
  for (const directory of await temporaryDirectories(temporaryName)) {
    if (directory === own || !(await disk.exists(join(directory, lockFileName)))) continue
    try {
      await (await disk.lockDirectory(directory, holder)).release()
      await removeTree(directory)
    } catch {
      // Somebody is at work there.
    }
  }
}

/** The port agent B shall listen on, found free; another program may still take it before B does. */
export async function freeAvroPort(port: number, { network }: System): Promise<number> {
  try {
    const listener = await network.listen({ host, port }, ({ stream }) => stream.destroy())
    await listener.close()
    return listener.port
  } catch (error) {
    const isTaken = error instanceof Fault && error.code === 'ADDRESS_IN_USE'
    const remedy = isTaken
      ? 'end it, or name another port with --avro-port'
      : 'name a port from 1024 on with --avro-port'
    throw new DemoProblem(`${messageOf(error)}, and agent B is to listen there: ${remedy}`)
  }
}

/**
 * Resolves when no process has the channel's directory any more: agents of a demonstration that was killed
 * take some seconds to stop. `tell` hears who has it. Gives up quietly when the signal is aborted.
 */
export async function whenUnused(
  directory: string,
  { disk, clock }: System,
  signal: AbortSignal,
  tell: (who: string) => void,
): Promise<void> {
  while (!signal.aborted && (await disk.exists(directory))) {
    try {
      const lock = await disk.lockDirectory(directory, holder)
      return await lock.release()
    } catch (error) {
      // Whatever else is wrong with it the agent will say.
      if (!(error instanceof Fault) || error.code !== 'DIRECTORY_IN_USE') return
      tell(error.message)
    }
    await clock.sleep(unusedPollMs, signal)
  }
}
