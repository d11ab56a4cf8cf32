// The command line: `flume-ng …` and `millrace …`. The launchers in bin/ start this file, by way of
// bin/start.mjs, with their own name as the first argument. What a process is made of is set up here; commands.ts has
// the commands.
import { runCommand } from './commands.ts'
import { exitCodes } from './exit-codes.ts'
import { flushLimitMs, flushOutput, surviveLostOutput } from './output.ts'
import { keepSignals } from './signals.ts'

const [program = 'millrace', ...argv] = process.argv.slice(2)

process.on('uncaughtException', error => {
  process.stderr.write(
    `${program}: this is a bug in Millrace, and the process ends: ${error.stack ?? error.message}\n`,
  )
  process.exit(exitCodes.bug)
})

surviveLostOutput()
keepSignals()

/** What these say is no work of theirs: they do not wait for a reader that does not read. */
const serves = new Set(['agent', 'node', 'broker', 'console', 'demo', 'kafka-manager'])

const code = await runCommand(program, argv)
// Ends when what was printed has left: a pipe may take it later than we write it.
await flushOutput(serves.has(argv[0] ?? '') ? flushLimitMs : Infinity)
process.exit(code)
