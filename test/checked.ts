// What `millrace check` finds, without a process for it.
import { problemLines } from '../src/config/problem.ts'
import { readAgentOptions, readAgentSetup } from '../src/cli/agent-options.ts'
import { prepareAgent } from '../src/cli/agent-setup.ts'
import { readArguments } from '../src/cli/arguments.ts'
import { exitCodes } from '../src/cli/exit-codes.ts'

/** `words` as on the command line. Rejects with UsageError. */
export async function checked(words: readonly string[]): Promise<{ code: number; output: string }> {
  const given = readArguments(['check', ...words])
  const setup = await readAgentSetup(readAgentOptions(given.rest), given)
  const { topology, problems } = await prepareAgent(setup, { isCheck: true })
  return {
    code: topology === undefined ? exitCodes.configuration : 0,
    output: problemLines(problems)
      .map(({ line }) => line)
      .join('\n'),
  }
}
