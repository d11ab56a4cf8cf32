// conf/flume-env.sh: a shell fragment that Flume's launcher reads. What it exports reaches the configuration and the
// agent; JAVA_OPTS and FLUME_JAVA_OPTS, exported or not, are given back as the words that a JVM would get.
import { execFile } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { wordsOf } from './java-options.ts'

const limitMs = 10_000

export interface FlumeEnv {
  /** Variables the fragment exports or changes. */
  readonly exported: Readonly<Record<string, string>>
  /** JAVA_OPTS, then FLUME_JAVA_OPTS, cut as the shell cuts them. */
  readonly javaOptions: readonly string[]
  /** FLUME_CLASSPATH; empty where there is none. */
  readonly classpath: string
  /** What the fragment wrote to standard error, and what else the user should know. */
  readonly complaint?: string
}

// The fragment's own output must not mix with the list of variables. Its last command may fail
// (`[ -n "$X" ] && export Y=1` often stands there): that is no failure of the fragment.
// As in Flume's launcher, JAVA_OPTS of the environment does not count.
const script = `"$2" -n "$1" || exit 9
JAVA_OPTS=
. "$1" >/dev/null
env -0
printf '\\0%s\\0' "\${FLUME_CLASSPATH-}"
printf '%s\\0' \${JAVA_OPTS-} \${FLUME_JAVA_OPTS-}`

/** Where there is no fragment. */
export const withoutFragment = (): FlumeEnv => ({
  exported: {},
  javaOptions: wordsOf(process.env['FLUME_JAVA_OPTS']),
  classpath: process.env['FLUME_CLASSPATH'] ?? '',
})

/** Reads the fragment in `directory`. Rejects with a sentence where the shell cannot get through it. */
export async function readFlumeEnv(directory: string): Promise<FlumeEnv> {
  const path = join(directory, 'flume-env.sh')
  if (!existsSync(directory))
    return { ...withoutFragment(), complaint: `--conf ${directory}: there is no such directory` }
  if (!statSync(directory).isDirectory())
    return { ...withoutFragment(), complaint: `--conf ${directory}: it is not a directory` }
  if (!existsSync(path)) return withoutFragment()
  const shell = existsSync('/bin/bash') ? '/bin/bash' : '/bin/sh'
  // A bash that is started with a socket as its input and without SHLVL, as under systemd, takes itself for
  // one of a remote shell and reads ~/.bashrc.
  const args = [...(shell === '/bin/bash' ? ['--norc'] : []), '-c', script, 'flume-env', resolve(path), shell]
  const { stdout, stderr } = await promisify(execFile)(shell, args, {
    timeout: limitMs,
    maxBuffer: 16 * 1024 * 1024,
  }).catch((error: Error & { stderr?: string; killed?: boolean; code?: number }) => {
    const said = error.stderr?.trim() ?? ''
    const reason =
      error.killed === true
        ? `it did not end within ${limitMs / 1000} s`
        : error.code === 9 && said !== ''
          ? said
          : `it ended the shell with code ${error.code}${said === '' ? '' : `: ${said}`}`
    throw new Error(`${path} failed: ${reason}`)
  })
  if (stdout === '') throw new Error(`${path} failed: it ended the shell; remove its exit`)
  const exported: Record<string, string> = {}
  const records = stdout.split('\0')
  const end = records.indexOf('')
  for (const pair of records.slice(0, end)) {
    const at = pair.indexOf('=')
    if (at <= 0) continue
    const name = pair.slice(0, at)
    const value = pair.slice(at + 1)
    if (process.env[name] === value || /^(_|SHLVL|PWD|OLDPWD)$/.test(name) || name.startsWith('JAVA_'))
      continue
    exported[name] = value
  }
  const [classpath = '', ...javaOptions] = records.slice(end + 1)
  return {
    exported,
    javaOptions: javaOptions.filter(Boolean),
    classpath,
    ...(stderr.trim() === '' ? {} : { complaint: `${path} says: ${stderr.trim()}` }),
  }
}
