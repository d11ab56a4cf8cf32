// What `millrace check` finds and what refuses a start of an agent, without a process for it.
import { problemLines, type Problem } from '../src/config/problem.ts'
import { readAgentOptions, readAgentSetup } from '../src/cli/agent-options.ts'
import { prepareAgent, type AgentSetup } from '../src/cli/agent-setup.ts'
import { readArguments } from '../src/cli/arguments.ts'
import { exitCodes } from '../src/cli/exit-codes.ts'

/** `words` as on the command line. Rejects with UsageError. */
export async function checked(words: readonly string[]): Promise<{ code: number; output: string }> {
  const { topology, problems } = await prepareAgent(await setupOf(words), { isCheck: true })
  return { code: topology === undefined ? exitCodes.configuration : 0, output: linesOf(problems) }
}

/** What an agent that does not start says and ends with; null where it is not refused before its components start. */
export async function refusedStart(
  words: readonly string[],
): Promise<{ code: number; output: string } | null> {
  const { topology, problems } = await prepareAgent(await setupOf(words))
  return topology === undefined ? { code: exitCodes.configuration, output: linesOf(problems) } : null
}

async function setupOf(words: readonly string[]): Promise<AgentSetup> {
  const given = readArguments(['check', ...words])
  return await readAgentSetup(readAgentOptions(given.rest), given)
}

const linesOf = (problems: readonly Problem[]): string =>
  problemLines(problems)
    .map(({ line }) => line)
    .join('\n')
