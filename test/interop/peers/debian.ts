// Programs of Debian's packages for the tests: taken into the cache of peers once and unpacked there, not installed.
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { cached, runProgram } from './fetch.ts'

/** The directory with what is in the packages, as it would be below /. */
export const unpacked = (name: string, packages: readonly string[]): Promise<string> =>
  cached(name, async making => {
    const fetched = join(making, 'packages')
    mkdirSync(fetched)
    await runProgram('apt-get', ['download', ...packages], { cwd: fetched })
    for (const file of readdirSync(fetched)) await runProgram('dpkg', ['-x', join(fetched, file), making])
  })
