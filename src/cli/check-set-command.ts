// `millrace check` without --name: all agents of several files, or of a directory, seen together. Nothing is started and
// nothing of this machine is looked at; --live asks the brokers.
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import { checkSet } from '../agent-set/check-set.ts'
import { setAgentsOf, type Finding } from '../agent-set/set-agent.ts'
import type { ClassMap } from '../config/class-map.ts'
import { isOwnInterceptor } from '../load-topology.ts'
import { homeDirectory } from '../system/environment.ts'
import { agentsOfFiles } from './agents-of-files.ts'
import type { Arguments } from './arguments.ts'
import { collect, readClassOptions } from './class-options.ts'
import { formats, type Format, type SetReport } from './check-report.ts'
import { readTexts } from './configuration-source.ts'
import { UsageError } from './usage-error.ts'
import { checkUsage } from './usage.ts'

interface Options {
  readonly confFile?: readonly string[]
  readonly format: string
  readonly live?: boolean
  readonly map?: readonly string[]
  readonly help?: boolean
}

const exitCode = { well: 0, wrong: 1 }

/** Resolves with 0 where there is no error, and 1 where there is one. Rejects with UsageError. */
export async function runCheckSet({ rest, properties }: Arguments): Promise<number> {
  const parser = new Command('millrace check')
    .helpOption(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .argument('[paths...]')
    .option('-f, --conf-file <file>', '', collect)
    .option('--format <format>', '', 'text')
    .option('--live')
    .option('--map <class=file>', '', collect)
    .option('-h, --help')
    .parse([...rest], { from: 'user' })
  const { confFile = [], format, live = false, map, help = false } = parser.opts<Options>()
  if (help) {
    process.stdout.write(checkUsage)
    return exitCode.well
  }
  if (!Object.hasOwn(formats, format))
    throw new UsageError(`--format ${format}: write ${Object.keys(formats).join(', ')}`)
  const report = await examineSet([...confFile, ...parser.args], {
    systemProperties: properties,
    live,
    classes: readClassOptions(map),
  })
  process.stdout.write(formats[format as Format](report))
  return report.findings.some(({ severity }) => severity === 'error') ? exitCode.wrong : exitCode.well
}

/** All that is found about the agents of these files and directories. Rejects with UsageError. */
export async function examineSet(
  paths: readonly string[],
  {
    systemProperties,
    live,
    classes = new Map(),
  }: {
    readonly systemProperties: ReadonlyMap<string, string>
    readonly live: boolean
    readonly classes?: ClassMap
  },
): Promise<SetReport> {
  if (paths.length === 0)
    throw new UsageError('no configuration: add --conf-file FILE for each file, or a directory')
  const files = (await Promise.all(paths.map(filesAt))).flat()
  const { members, problems } = await agentsOfFiles([...new Set(files)], systemProperties, {
    isOfSet: true,
    classes,
  })
  const withoutAgent = files.filter(
    file =>
      !members.some(one => one.file === file) && !problems.some(({ problem }) => problem.includes(file)),
  )
  const usable = members.flatMap(({ topology, config, file }) =>
    topology === undefined || config === undefined ? [] : [{ topology, config, file }],
  )
  const agents = setAgentsOf(usable, isOwnInterceptor)
  const { findings, loops } = checkSet(agents, { home: homeDirectory(), systemProperties })
  const asked = live ? await (await import('./check-brokers.ts')).askBrokers(agents, systemProperties) : []
  const isComplete = usable.length === members.length && withoutAgent.length === 0
  return {
    agents: members.map(({ agent, file }) => ({ name: agent, file })),
    loops: loops === 'none' && !isComplete ? 'unknown' : loops,
    findings: inOrder([
      ...problems.map((one): Finding => ({ ...one, rule: 'configuration' })),
      ...withoutAgent.map((file): Finding => ({
        rule: 'configuration',
        severity: 'error',
        place: { file, line: 1 },
        problem: 'the file describes no agent',
        fix: 'write lines such as a1.sources = r1, or leave the file out',
      })),
      ...findings,
      ...asked,
    ]),
  }
}

/** The file itself; of a directory those that describe an agent, by name. */
async function filesAt(path: string): Promise<string[]> {
  const isDirectory = await stat(path).then(
    found => found.isDirectory(),
    () => false,
  )
  if (!isDirectory) return [path]
  const names = (await readdir(path)).filter(name => /\.(conf|properties)$/.test(name)).sort()
  const files = names.map(name => join(path, name))
  const described = await Promise.all(
    files.map(async file => {
      const [text] = await readTexts({ files: [file], uris: [] }).catch(() => [])
      // What cannot be read is reported.
      return (
        text === undefined ||
        /^\s*[^#!\s.]+\.(sources|sinks|channels)\s*[=: ]/m.test(Buffer.from(text.bytes).toString())
      )
    }),
  )
  const found = files.filter((_, index) => described[index])
  if (found.length === 0)
    throw new UsageError(`no agent in ${path}: there is no .conf or .properties file that describes one`)
  return found
}

/** File by file and line by line; those without a place first. */
function inOrder(findings: readonly Finding[]): Finding[] {
  const files = [...new Set(findings.map(({ place }) => place?.file))]
  const rank = ({ place }: Finding) => (place === undefined ? -1 : files.indexOf(place.file))
  return findings.toSorted((a, b) => rank(a) - rank(b) || (a.place?.line ?? 0) - (b.place?.line ?? 0))
}
