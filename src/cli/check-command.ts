// `millrace check`: everything there is to say about an agent's configuration, without starting anything. Takes what
// `flume-ng agent` takes, and finds what that would refuse. Without an agent's name it checks all agents of the files
// together (check-set-command.ts).
import { problemLines } from '../config/problem.ts'
import { readAgentOptions, readAgentSetup } from './agent-options.ts'
import { prepareAgent } from './agent-setup.ts'
import type { Arguments } from './arguments.ts'
import { exitCodes } from './exit-codes.ts'
import { checkUsage } from './usage.ts'
import { countOf } from '../printable.ts'

/** Options that only one agent's check has; flume.opts of --conf may hold its name. */
const ofOneAgent = /^(-n|-c|-u|--name|--conf|--conf-uri)(=|$)|^-[ncu]\w/

export async function runCheck(given: Arguments): Promise<number> {
  if (!given.rest.some(word => ofOneAgent.test(word)))
    return (await import('./check-set-command.ts')).runCheckSet(given)
  const options = readAgentOptions(given.rest)
  if (options.help === true) {
    process.stdout.write(checkUsage)
    return 0
  }
  const setup = await readAgentSetup(options, given)
  const { topology, problems } = await prepareAgent(setup, { isCheck: true })
  for (const { line } of problemLines(problems)) process.stdout.write(`${line}\n`)
  const count = (severity: string) => problems.filter(one => one.severity === severity).length
  process.stdout.write(
    `agent ${setup.name}: ${countOf(count('error'), 'error')}, ${countOf(count('warning'), 'warning')}\n`,
  )
  return topology === undefined ? exitCodes.configuration : 0
}
