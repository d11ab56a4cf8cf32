// conf/flume-env.sh: a shell fragment that Flume's launcher reads. What it exports reaches the
// configuration and the agent; JAVA_* means nothing here.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

const limitMs = 10_000

/** Variables the fragment in `directory` exports or changes. Rejects with a sentence when it fails. */
export async function readFlumeEnv(directory: string): Promise<Record<string, string>> {
  const path = join(directory, 'flume-env.sh')
  if (!existsSync(path)) return {}
  const shell = existsSync('/bin/bash') ? '/bin/bash' : '/bin/sh'
  // The fragment's own output must not mix with the list of variables.
  const script = '. "$1" >/dev/null || exit 1; env -0'
  const { stdout } = await promisify(execFile)(shell, ['-c', script, 'flume-env', resolve(path)], {
    timeout: limitMs,
    maxBuffer: 16 * 1024 * 1024,
  }).catch((error: Error & { stderr?: string; killed?: boolean }) => {
    const reason =
      error.killed === true
        ? `it did not end within ${limitMs / 1000} s`
        : error.stderr?.trim() || error.message
    throw new Error(`${path} failed: ${reason}`)
  })
  const changed: Record<string, string> = {}
  for (const pair of stdout.split('\0')) {
    const at = pair.indexOf('=')
    if (at <= 0) continue
    const name = pair.slice(0, at)
    const value = pair.slice(at + 1)
    if (process.env[name] === value || /^(_|SHLVL|PWD|OLDPWD)$/.test(name) || name.startsWith('JAVA_'))
      continue
    changed[name] = value
  }
  return changed
}
