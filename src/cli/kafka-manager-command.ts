// `kafka-manager`: the console, started by the command line and the files of kafka-manager (CMAK).
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { formatProblem, placeOf, problemLines } from '../config/problem.ts'
import { messageOf } from '../errors.ts'
import type { Arguments } from './arguments.ts'
import { runConsole } from './console-command.ts'
import { exitCodes } from './exit-codes.ts'
import { gatherJavaOptions, wordsOf } from './java-options.ts'
import { readKafkaManager, type KafkaManager } from './kafka-manager-settings.ts'
import { UsageError } from './usage-error.ts'

const usage = `Usage: kafka-manager [-Dconfig.file=conf/application.conf] [-Dapplication.home=DIR] [-Dhttp.port=PORT] [-Dhttp.address=HOST]

Starts millrace console in kafka-manager's place: over the clusters that kafka-manager keeps in the ZooKeeper of
kafka-manager.zkhosts, and the one whose brokers are registered there. Options of millrace console may follow.
`

/** Resolves with the exit code. */
export async function runKafkaManager(given: Arguments): Promise<number> {
  const { properties, problems } = gatherJavaOptions(wordsOf(process.env['JAVA_OPTS']), given)
  const read = readKafkaManager({ properties, rest: given.rest })
  if (read === null) {
    process.stdout.write(usage)
    return 0
  }
  const all = [...problems, ...read.problems]
  for (const { line } of problemLines(all, formatProblem)) process.stderr.write(`${line}\n`)
  if (all.some(({ severity }) => severity === 'error')) return exitCodes.usage
  const forget = writeProcessId(read.pidFile)
  try {
    return await runConsole({ ...given, properties, rest: read.words }, read.user)
  } finally {
    forget()
  }
}

/** For scripts that end the process by its file. Gives what takes the file away. Throws UsageError. */
function writeProcessId(file: KafkaManager['pidFile']): () => void {
  if (file === null) return () => {}
  const { path, place } = file
  try {
    const before = existsSync(path) ? Number(readFileSync(path, 'utf8').trim()) : 0
    if (Number.isSafeInteger(before) && before > 0 && before !== process.pid && isAlive(before))
      throw new UsageError(
        `${path} names process ${before}, which still runs: end it first, or remove the file`,
      )
    writeFileSync(path, String(process.pid))
  } catch (error) {
    if (error instanceof UsageError) throw error
    const where = place === undefined ? '' : `${placeOf(place)}: `
    throw new UsageError(
      `${where}cannot write the process id to ${path}: ${messageOf(error)}; set -Dpidfile.path`,
    )
  }
  return () => {
    try {
      if (readFileSync(path, 'utf8') === String(process.pid)) rmSync(path)
    } catch {
      // Somebody else took it away.
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
