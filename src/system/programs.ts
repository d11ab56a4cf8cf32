// The door to other programs.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** Runs the command and gives its first line. Rejects when it cannot run, fails, or takes longer. */
export async function firstLineOf(command: readonly string[], limitMs: number): Promise<string> {
  const [program, ...rest] = command
  const { stdout } = await promisify(execFile)(program!, rest, { timeout: limitMs })
  return stdout.split(/\r?\n/, 1)[0]!
}
