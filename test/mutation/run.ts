// node test/mutation/run.ts [part of a name, or of a test's path]: plants the faults of mutations.ts one at a time in a copy of the
// tree and runs the tests that must fail then. Prints a table, and puts the results into docs/durability-mutations.md.
// Exit code 1 where one was not found.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { chainMutations } from './chain-mutations.ts'
import { mutations as channelMutations, type Mutation } from './mutations.ts'

const root = join(import.meta.dirname, '../..')
const only = process.argv[2]
const usualSeeds = 3_000
/** What one test may take: seeds that find nothing take minutes, and more beside other work. */
const mostMs = 900_000
const mutations: readonly Mutation[] = [...channelMutations, ...chainMutations]

const environment: NodeJS.ProcessEnv = { ...process.env }
delete environment['NODE_TEST_CONTEXT']

/** The test that failed; null where all passed. With `from` and `to` the same nothing is planted. */
function findingOf({
  file,
  from,
  to,
  tests,
  seeds = usualSeeds,
}: Omit<Mutation, 'name'>): { test: string; said: string } | null {
  const copy = mkdtempSync(join(tmpdir(), 'millrace-mutation-'))
  try {
    for (const name of ['src', 'test', 'package.json', 'tsconfig.json'])
      cpSync(join(root, name), join(copy, name), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
    const path = join(copy, file)
    const text = readFileSync(path, 'utf8')
    if (text.split(from).length !== 2) throw new Error(`${file} does not hold once: ${from}`)
    writeFileSync(
      path,
      text.replace(from, () => to),
    )
    // A fault that cannot be loaded would be found by anything.
    const loaded = spawnSync(process.execPath, [
      '--input-type=module',
      '-e',
      `await import(${JSON.stringify(path)})`,
    ])
    if (loaded.status !== 0) throw new Error(`${file} cannot be loaded: ${String(loaded.stderr)}`)
    for (const test of tests) {
      const run = spawnSync(
        process.execPath,
        ['--test', '--test-force-exit', `--test-timeout=${mostMs}`, test],
        {
          cwd: copy,
          encoding: 'utf8',
          env: { ...environment, MILLRACE_SEEDS: String(seeds) },
          // One that keeps the process busy for ever is noticed, too.
          timeout: mostMs + 60_000,
          killSignal: 'SIGKILL',
        },
      )
      if (run.status === 0) continue
      const failing = run.stdout.slice(run.stdout.indexOf('failing tests:'))
      const said = /\n✖ ([^\n]*?) \([\d.]+ms\)/.exec(failing)?.[1] ?? 'it did not end'
      const [, seed, violation] = /seed (\d+) \(MILLRACE_SEED=\d+\): Error: ([^\n;]*)/.exec(failing) ?? []
      return { test, said: seed !== undefined ? `seed ${seed}: ${violation}` : said }
    }
    return null
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

// Where nothing is planted nothing may be found.
const [first] = mutations
const everyTest = [...new Set(mutations.flatMap(one => one.tests))]
const control = only === undefined ? findingOf({ ...first!, to: first!.from, tests: everyTest }) : null
if (control !== null) throw new Error(`nothing is planted and ${control.test} fails: ${control.said}`)

const rows: string[] = []
const page = join(root, 'docs/durability-mutations.md')
const before = existsSync(page) ? readFileSync(page, 'utf8').split('\n') : []

/** After each of them: what an interrupted run has found stays. */
function writePage(): void {
  const rowOf = (name: string): string | undefined =>
    [...rows, ...before].find(line => line.startsWith(`| ${name} |`))
  const all = mutations.flatMap(({ name }) => rowOf(name) ?? [])
  writeFileSync(
    page,
    `# Planted faults

Each line is a fault that \`node test/mutation/run.ts\` plants in a copy of the tree, alone, and the test that failed then.
This page is written by that command; it takes some minutes.

| fault | where | found by |
| --- | --- | --- |
${all.join('\n')}

${all.length} planted, ${all.filter(row => !row.includes('**not found**')).length} found.
`,
  )
}

let missed = 0
for (const mutation of mutations) {
  if (only !== undefined && ![mutation.name, ...mutation.tests].some(one => one.includes(only))) continue
  const begun = performance.now()
  const found = findingOf(mutation)
  if (found === null) missed++
  const row = `| ${mutation.name} | \`${mutation.file}\` | ${found === null ? '**not found**' : `\`${basename(found.test)}\`: ${found.said}`} |`
  rows.push(row)
  writePage()
  console.log(`${row} ${((performance.now() - begun) / 1000).toFixed(1)} s`)
}
console.log(`${rows.length} planted, ${rows.length - missed} found`)
process.exitCode = missed === 0 ? 0 : 1
