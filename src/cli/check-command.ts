// `millrace check`: everything there is to say about a configuration, without starting anything.
import { Command } from 'commander'
import { formatProblem } from '../config/problem.ts'
import { exitCodes } from './exit-codes.ts'
import type { Arguments } from './arguments.ts'
import { readTexts } from './configuration-source.ts'
import { homeDirectory } from '../system/environment.ts'
import { loadTopology } from '../load-topology.ts'

export async function runCheck({ rest, properties }: Arguments): Promise<number> {
  const { name, confFile } = new Command('millrace check')
    .description(
      'Says everything there is to say about a configuration and starts nothing; 0 where it can run.',
    )
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .requiredOption('-n, --name <name>', 'the agent')
    .requiredOption('-f, --conf-file <file>', 'properties file', (value: string, before: string[] = []) => [
      ...before,
      value,
    ])
    .option('-c, --conf <directory>', 'accepted as the agent command has it; not read')
    .parse([...rest], { from: 'user' })
    .opts<{ name: string; confFile: string[] }>()
  const texts = await readTexts({ files: confFile, uris: [] })
  const { topology, problems } = await loadTopology(texts, {
    agent: name,
    environment: process.env,
    systemProperties: properties,
    home: homeDirectory(),
  })
  for (const problem of problems) process.stdout.write(`${formatProblem(problem)}\n`)
  const count = (severity: string) => problems.filter(one => one.severity === severity).length
  process.stdout.write(`agent ${name}: ${count('error')} errors, ${count('warning')} warnings\n`)
  return topology === undefined ? exitCodes.configuration : 0
}
