// A properties file that a command is given (a client's configuration, headers, options): its settings, or one
// sentence why it cannot be used. What its format swallows goes to standard error.
import { readFileSync } from 'node:fs'
import type { Setting } from '../config/agent-config.ts'
import { formatProblem, problemLines, type Problem } from '../config/problem.ts'
import { decodeText, parseProperties } from '../config/properties.ts'
import { messageOf } from '../errors.ts'
import { UsageError } from './usage-error.ts'

/** In the order written. Throws UsageError. */
export function readPropertiesFile(path: string): readonly Setting[] {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${messageOf(error)}`)
  }
  const problems: Problem[] = []
  const text = decodeText(bytes, path, problems)
  const parsed = parseProperties(text ?? '', path)
  problems.push(...parsed.problems)
  const error = problems.find(one => one.severity === 'error')
  if (error !== undefined) throw new UsageError(formatProblem(error))
  for (const { line } of problemLines(problems)) process.stderr.write(`${line}\n`)
  return parsed.settings
}
