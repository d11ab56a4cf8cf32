// The ground a demonstration stands on: a directory that is its alone, a free port for agent B, and every
// reason why it cannot have them in one sentence.
import { join } from 'node:path'
import { Fault, messageOf } from '../errors.ts'
import { lockFileName } from '../system/directory-lock.ts'
import { emptyDirectory, makeOwnDirectory, removeTree, temporaryPath } from '../system/own-directory.ts'
import type { System } from '../system/system.ts'
import { DemoProblem } from './demo-problem.ts'
import type { DemoOptions } from './options.ts'

export const host = '127.0.0.1'

const unusedPollMs = 100

export interface Ground {
  readonly directory: string
  /** Whether it goes with the demonstration. */
  readonly isTemporary: boolean
  release(): Promise<void>
}

/** Rejects with a DemoProblem; nothing is left then. */
export async function takeGround(options: DemoOptions, { disk, random }: System): Promise<Ground> {
  const isTemporary = options.directory === null
  // One name for one port: who is killed leaves it behind, and the next one begins with clearing it.
  const mark = options.avroPort === 0 ? random.uuid() : String(options.avroPort)
  const directory = options.directory ?? join(temporaryPath('millrace-demo'), mark)
  try {
    if (isTemporary) await makeOwnDirectory(temporaryPath('millrace-demo'))
    await makeOwnDirectory(directory, !isTemporary)
    const lock = await disk.lockDirectory(directory, 'a Millrace demonstration')
    if (isTemporary) await emptyDirectory(directory, [lockFileName])
    return {
      directory,
      isTemporary,
      async release() {
        await lock.release()
        if (isTemporary) await removeTree(directory)
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

/** The port agent B shall listen on, found free; another program may still take it before B does. */
export async function freeAvroPort(port: number, { network }: System): Promise<number> {
  try {
    const listener = await network.listen({ host, port }, ({ stream }) => stream.destroy())
    await listener.close()
    return listener.port
  } catch (error) {
    throw new DemoProblem(
      `${messageOf(error)}, and agent B is to listen there: end it, or name another port with --avro-port`,
    )
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
      const lock = await disk.lockDirectory(directory, 'a Millrace demonstration')
      return await lock.release()
    } catch (error) {
      // Whatever else is wrong with it the agent will say.
      if (!(error instanceof Fault) || error.code !== 'DIRECTORY_IN_USE') return
      tell(error.message)
    }
    await clock.sleep(unusedPollMs, signal)
  }
}
