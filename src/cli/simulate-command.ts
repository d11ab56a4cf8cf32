// `millrace simulate`: runs the user's own agents on simulated machines, many lives of them by seed, and prints what
// would be lost, doubled, late or stuck. Nothing outside is touched.
import { commandLine } from '../system/launcher.ts'
import { Command } from 'commander'
import { namesIn } from '../config/settings-by-agent.ts'
import { problemLines } from '../config/problem.ts'
import { suggest } from '../did-you-mean.ts'
import type { ChainOutcome } from '../simulation/chain-plan.ts'
import { runChain } from '../simulation/chain-world.ts'
import { faultKinds, type FaultKind } from '../simulation/faults.ts'
import { planOfFiles, type FilesPlan } from '../simulation/plan-of-files.ts'
import { SeededRandom } from '../simulation/seeded-random.ts'
import { realClock } from '../system/clock.ts'
import type { Topology } from '../topology/topology.ts'
import { agentsOfFiles } from './agents-of-files.ts'
import type { Arguments } from './arguments.ts'
import { collect, readClassOptions } from './class-options.ts'
import { exitCodes } from './exit-codes.ts'
import { UsageError } from './usage-error.ts'

/** How long events come in and faults happen in each run, ms of its own time. */
const stormMs = 10_000
/** Most faults of one run. */
const mostFaults = 12
/** Runs of which lost or stuck events are told one by one. */
const toldRuns = 5

const exitCode = { well: 0, lost: 1 }

interface Options {
  readonly confFile: readonly string[]
  readonly name?: readonly string[]
  readonly runs: string
  readonly seed: string
  readonly events: string
  readonly faults: string
  readonly map?: readonly string[]
  readonly timeline?: boolean
}

/** Resolves with 0 where nothing was lost or stuck, 1 where something was, 2 where a file cannot run. */
export async function runSimulate({ rest, properties }: Arguments): Promise<number> {
  const options = new Command('millrace simulate')
    .description(
      `Runs agents on simulated machines with faults by seed, and prints what would be lost, doubled, late or stuck.
Every agent of the files takes part, unless some are named. Faults: ${faultKinds.join(', ')}.`,
    )
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .requiredOption('-f, --conf-file <file>', 'properties file, once for each file', collect)
    .option('-n, --name <agent>', 'an agent that takes part, once for each agent; all where absent', collect)
    .option('--runs <number>', 'lives to run, each with a seed of its own', '100')
    .option('--seed <number>', 'seed of the first run', '1')
    .option('--events <number>', 'events of one run', '200')
    .option('--faults <list>', 'kinds of faults, separated by commas', faultKinds.join(','))
    .option('--map <class=file>', 'module in place of a Java class, once for each class', collect)
    .option('--timeline', 'print what happens, line by line; for a single run')
    .parse([...rest], { from: 'user' })
    .opts<Options>()
  const count = (name: 'runs' | 'seed' | 'events', least: number, most: number): number => {
    const number = Number(options[name])
    if (Number.isInteger(number) && number >= least && number <= most) return number
    throw new UsageError(`--${name} ${options[name]}: write a whole number from ${least} to ${most}`)
  }
  const runs = count('runs', 1, 1_000_000)
  const seed = count('seed', 0, 0xffff_ffff)
  const events = count('events', 1, 100_000)
  const faults = readFaults(options.faults)
  if (options.timeline === true && runs > 1) throw new UsageError('--timeline needs --runs 1')
  const topologies = await load(options, properties)
  if (topologies === null) return exitCodes.configuration
  const files = planOfFiles(topologies, { records: events, stormMs })
  if (files.enters.length === 0) {
    process.stderr.write(
      'millrace: no event would enter these agents: they have no source that can be simulated\n',
    )
    return exitCodes.configuration
  }
  describe(files, topologies)
  const simulation = new Simulation(files, faults)
  const usual = await simulation.runWithoutFaults()
  if (usual !== null) {
    process.stdout.write(`\nWithout any fault: ${usual}\n`)
    return exitCode.lost
  }
  const outcomes: { seed: number; outcome: ChainOutcome }[] = []
  for (let next = seed; next < seed + runs; next++)
    outcomes.push({ seed: next, outcome: await simulation.run(next) })
  if (options.timeline === true)
    for (const line of outcomes[0]!.outcome.log) process.stdout.write(`${line}\n`)
  return report(outcomes, topologies)
}

function readFaults(list: string): FaultKind[] {
  const names = list
    .split(',')
    .map(one => one.trim())
    .filter(one => one !== '')
  const known = new Set<string>(faultKinds)
  const unknown = names.find(name => !known.has(name))
  if (unknown !== undefined)
    throw new UsageError(`--faults: there is no kind ${unknown}; write some of ${faultKinds.join(', ')}`)
  if (names.length === 0) throw new UsageError(`--faults: write some of ${faultKinds.join(', ')}`)
  return names as FaultKind[]
}

/** Every agent that takes part; null where one cannot run. */
async function load(
  { confFile, name: wanted, map }: Options,
  systemProperties: ReadonlyMap<string, string>,
): Promise<Topology[] | null> {
  const { members, problems, known, isWrong } = await agentsOfFiles(confFile, systemProperties, {
    wanted,
    classes: readClassOptions(map),
  })
  for (const { severity, line } of problemLines(problems))
    if (severity === 'error') process.stderr.write(`${line}\n`)
  const names = members.map(({ agent }) => agent)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined)
    throw new UsageError(`agent ${twice} is in more than one file: rename one, or simulate them apart`)
  const absent = wanted?.find(name => !names.includes(name))
  // What is in a file that cannot be read is not known.
  if (absent !== undefined && !isWrong) {
    const near = suggest(absent, known)
    const hint = near === undefined ? '' : `. Did you mean ${near}?`
    throw new UsageError(
      `no agent ${absent} in ${confFile.join(', ')}; what is described there: ${namesIn(known) || 'no agent'}${hint}`,
    )
  }
  if (members.length === 0 && !isWrong) throw new UsageError(`no agent in ${confFile.join(', ')}`)
  return isWrong ? null : members.map(({ topology }) => topology!)
}

function describe({ notes, enters, leaves, plan }: FilesPlan, topologies: readonly Topology[]): void {
  const lines = [
    `agents      ${topologies.map(({ agent }) => agent).join(', ')}`,
    `in by       ${enters.join(', ')}`,
    `out by      ${leaves.join(', ') || 'topics that the events name'}`,
    ...(plan.brokers.length > 1 ? [`clusters    ${plan.brokers.length}, of one broker each`] : []),
    ...notes.map(note => `note        ${note}`),
  ]
  process.stdout.write(`${lines.map(line => `  ${line}`).join('\n')}\n`)
}

class Simulation {
  readonly #files: FilesPlan
  readonly #faults: readonly FaultKind[]
  /** In how many copies each event arrives where nothing fails. */
  #copies: ReadonlyMap<string, number> = new Map()

  constructor(files: FilesPlan, faults: readonly FaultKind[]) {
    this.#files = files
    this.#faults = faults
  }

  /** A sentence where the agents do not do their work even so. */
  async runWithoutFaults(): Promise<string | null> {
    const plan = { ...this.#files.plan, faults: [], faultCount: 0, copies: new Map() }
    const outcome = await runChain(0, plan, realClock.soon)
    this.#copies = outcome.copies
    const arrived = outcome.copies.size
    if (outcome.changed > 0)
      return `${outcome.changed} events arrive with another body. Events are followed by their bodies: leave out what changes them (search_replace, say) and simulate again.`
    if (arrived === 0)
      return `no event arrives. See ${commandLine('millrace', 'check')}, and the topics and addresses of the files.`
    const dropped = outcome.sent - arrived
    const copies = [...outcome.copies.values()].reduce((sum, one) => sum + one, 0)
    process.stdout.write(
      `  no fault    ${arrived} of ${outcome.sent} events arrive${copies > arrived ? `, in ${copies} copies` : ''}${dropped > 0 ? `; the ${dropped} others are dropped by the configuration` : ''}\n`,
    )
    return null
  }

  run(seed: number): Promise<ChainOutcome> {
    const random = new SeededRandom(seed ^ 0xfa17)
    const faultCount = 1 + random.below(mostFaults)
    const faults = this.#faults.filter(() => random.chance(0.6))
    return runChain(
      seed,
      {
        ...this.#files.plan,
        copies: this.#copies,
        faults: faults.length > 0 ? faults : this.#faults,
        faultCount,
      },
      realClock.soon,
    )
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0)

function report(
  outcomes: readonly { seed: number; outcome: ChainOutcome }[],
  topologies: readonly Topology[],
): number {
  const all = outcomes.map(({ outcome }) => outcome)
  const lost = outcomes.filter(({ outcome }) => outcome.missing > 0 && !outcome.isStuck)
  const stuck = outcomes.filter(({ outcome }) => outcome.isStuck)
  const doubled = all.filter(({ repeats }) => repeats > 0)
  const others = outcomes.filter(
    ({ outcome }) => outcome.violations.length > 0 && outcome.missing === 0 && !outcome.isStuck,
  )
  const faults = faultKinds
    .map(kind => ({ kind, times: sum(all.map(one => one.faults[kind] ?? 0)) }))
    .filter(({ times }) => times > 0)
  const drained = all
    .map(({ drainedMs }) => drainedMs)
    .filter(Number.isFinite)
    .sort((one, other) => one - other)
  const secondsAt = (part: number): string =>
    ((drained[Math.min(drained.length - 1, Math.floor(drained.length * part))] ?? 0) / 1000).toFixed(1)
  const first = outcomes[0]!.seed
  const runsOf = (count: number): string => `${count} ${count === 1 ? 'run' : 'runs'}`
  const lines = [
    `${runsOf(all.length)}, seeds ${first} to ${first + all.length - 1}: ${sum(all.map(({ sent }) => sent))} events, ${sum(faults.map(({ times }) => times))} faults (${faults.map(({ kind, times }) => `${kind} ${times}`).join(', ')})`,
    `  lost      ${sum(lost.map(({ outcome }) => outcome.missing))} events in ${runsOf(lost.length)}`,
    `  doubled   ${sum(doubled.map(({ repeats }) => repeats))} events in ${runsOf(doubled.length)}`,
    `  stuck     ${runsOf(stuck.length)}`,
    `  late      ${drained.length === 0 ? 'nothing has drained' : `all there ${secondsAt(0.5)} s after the last fault in half of the runs, ${secondsAt(1)} s in the slowest`}`,
  ]
  for (const { seed, outcome } of [...lost, ...stuck].slice(0, toldRuns))
    lines.push(
      `  seed ${seed}: ${outcome.isStuck ? outcome.violations[0] : `${outcome.missing} events lost`}`,
    )
  for (const { seed, outcome } of others.slice(0, toldRuns))
    lines.push(`  seed ${seed}: ${outcome.violations[0]}`)
  if (lost.length > 0)
    for (const { agent, channels } of topologies)
      for (const { name, definition, options } of channels)
        if (definition.keepsInMemory?.(options) === true)
          lines.push(
            `  channel ${name} of ${agent} keeps events in memory: a kill or a power cut loses what is in it`,
          )
  const bad = [...lost, ...stuck, ...others][0]
  if (bad !== undefined)
    lines.push(`  to see one: the same command with --runs 1 --seed ${bad.seed} --timeline`)
  process.stdout.write(`${lines.join('\n')}\n`)
  return bad === undefined ? exitCode.well : exitCode.lost
}
