// Reads the agents' files as they were written, writes the copies the demonstration runs, and says how these
// differ.
import { join } from 'node:path'
import type { Disk } from '../system/disk.ts'
import { writeText } from '../system/own-directory.ts'
import { agentA, agentB, copyOfA, copyOfB, groupOf, type CopyTarget } from './configuration-copy.ts'
import { unifiedDiff } from './unified-diff.ts'

export interface AgentFiles {
  /** The group that agent A reads in. */
  readonly group: string
  /** Lines of a unified diff, of both files. */
  readonly differences: readonly string[]
}

/** Rejects with DISK, or a ConfigurationCopyProblem. */
export async function writeAgentFiles(
  disk: Disk,
  confDirectory: string,
  to: CopyTarget,
): Promise<AgentFiles> {
  const differences: string[] = []
  const write = async (file: string, copyOf: typeof copyOfA): Promise<string> => {
    const text = await disk.readText(join(confDirectory, file))
    const copy = copyOf(text, to)
    const path = join(to.directory, file)
    await writeText(path, copy)
    differences.push(...unifiedDiff({ name: `conf/${file}`, text }, { name: path, text: copy }))
    return copy
  }
  await write(agentB.file, copyOfB)
  return { group: groupOf(await write(agentA.file, copyOfA)), differences }
}
