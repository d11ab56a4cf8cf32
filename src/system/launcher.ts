// Commands of this program in messages, as a shell takes them in the way in which this one was started.
import { accessSync, constants } from 'node:fs'
import { delimiter, join, sep } from 'node:path'

/** Programs in bin/. */
export type Program = 'millrace' | 'flume-ng' | `kafka-${string}.sh`

type Environment = Readonly<Record<string, string | undefined>>

/** The program with its words, each as one word of a shell. */
export function commandLine(program: Program, ...words: readonly string[]): string {
  return [programName(program), ...words.map(quoted)].join(' ')
}

/** `npx millrace` where npx started this; the bare name where the user's PATH has it; else the path of the launcher. */
export function programName(program: Program, environment: Environment = process.env): string {
  const { PATH = '', npm_command, npm_execpath } = environment
  if (npm_command === 'exec' && program === 'millrace') return 'npx millrace'
  const isThere = (file: string): boolean => {
    try {
      accessSync(file, constants.X_OK)
      return true
    } catch {
      return false
    }
  }
  // npm puts these before the PATH of whoever called it.
  const isNpms = (one: string): boolean =>
    npm_execpath !== undefined && one.endsWith(join(sep, 'node_modules', '.bin'))
  const isOnPath = PATH.split(delimiter).some(
    one => one !== '' && !isNpms(one) && isThere(join(one, program)),
  )
  const launcher = join(import.meta.dirname, '../../bin', program)
  return isOnPath || !isThere(launcher) ? program : quoted(launcher)
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}
