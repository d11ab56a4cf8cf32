// `millrace doctor`: what is wrong with an agent, the evidence and the fix, on one screen. It looks at directories, logs and
// monitoring pages; without any, at the agents of this user on this machine.
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { parseAddress, whereOf } from '../address.ts'
import { messageOf } from '../errors.ts'
import { ownSockets } from '../system/own-sockets.ts'
import { realSystem } from '../system/system.ts'
import type { Arguments } from './arguments.ts'
import { examineAgent } from './doctor/examine-agent.ts'
import { examineDirectory } from './doctor/examine-directory.ts'
import { examineLog } from './doctor/examine-log.ts'
import { jsonOf, textOf, type Finding } from './doctor/finding.ts'
import { readWords } from './kafka-tool.ts'
import { writeOut } from './output.ts'
import { UsageError } from './usage-error.ts'

const usage = `Usage: millrace doctor [DIRECTORY | LOG | HOST:PORT | -]... [--all] [--format text|json]

Prints what is wrong, the evidence, and the fix.

  DIRECTORY   an agent's directory: its file channels (Flume's too), dead letters (*.jsonl) and logs (*.log)
  LOG         a log of an agent or of Apache Flume; - reads standard input
  HOST:PORT   the monitoring page of an agent or of Apache Flume
  (nothing)   the agents of this user on this machine

  --all       every finding; without it, the first six
  --format    text, or json with every finding
  --help

Exit codes: 0 nothing was found, 1 something was, 2 the command line is wrong or something cannot be read.
`

const exitCodes = { well: 0, ill: 1, unable: 2 }

/** Resolves with the exit code. */
export async function runDoctor(given: Arguments): Promise<number> {
  try {
    return await examineAll(given)
  } catch (error) {
    process.stderr.write(`millrace doctor: ${messageOf(error)}\n`)
    return exitCodes.unable
  }
}

async function examineAll({ rest }: Arguments): Promise<number> {
  const words = readWords(rest, { usage, flags: 'all', values: 'format', lists: '', takesOperands: true })
  if (words === null) return exitCodes.well
  const format = words.value('format') ?? 'text'
  if (format !== 'text' && format !== 'json') throw new UsageError(`--format ${format}: write text or json`)
  const lookedAt: string[] = []
  const findings: Finding[] = []
  const add = (seen: { lookedAt: string | string[]; findings: Finding[] }) => {
    lookedAt.push(...[seen.lookedAt].flat())
    findings.push(...seen.findings)
  }
  for (const operand of words.operands) add(await examineOne(operand))
  if (words.operands.length === 0) {
    const agents = (await ownSockets()).filter(({ isLeft }) => !isLeft)
    if (agents.length === 0)
      throw new UsageError(
        'no agent of this user runs on this machine. Name a directory, a log, or HOST:PORT of a monitoring page',
      )
    const looks = agents.map(socket => examineAgent(`process ${socket.pid}`, socket, realSystem.clock))
    for (const look of looks) add(await look)
  }
  const report = { lookedAt, findings }
  await writeOut(format === 'json' ? jsonOf(report) : textOf(report, { all: words.has('all') }))
  return findings.length === 0 ? exitCodes.well : exitCodes.ill
}

async function examineOne(operand: string) {
  if (operand === '-')
    return { lookedAt: 'standard input', findings: await examineLog('standard input', process.stdin) }
  const there = await stat(operand).catch(() => null)
  if (there?.isDirectory()) return examineDirectory(operand, realSystem.disk)
  if (there !== null)
    return { lookedAt: `log ${operand}`, findings: await examineLog(operand, createReadStream(operand)) }
  const address = parseAddress(operand.replace(/^http:\/\/([^/]*).*$/, '$1'))
  if (address === null || address.host === '')
    throw new UsageError(`${operand} does not exist, and it is not HOST:PORT of a monitoring page`)
  return examineAgent(whereOf(address), null, realSystem.clock)
}
