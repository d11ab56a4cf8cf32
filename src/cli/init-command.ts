// `millrace init KIND NAME`: writes a component of the operator's own and its test, which run as they are, from the
// templates in examples/07-templates.
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { Command } from 'commander'
import { messageOf } from '../errors.ts'
import { moduleNameOf } from '../java/known-classes.ts'
import type { Arguments } from './arguments.ts'
import { UsageError } from './usage-error.ts'

const kinds = ['interceptor', 'sink', 'source'] as const
const templates = new URL('../../examples/07-templates/', import.meta.url)

export async function runInit({ rest }: Arguments): Promise<number> {
  const command = new Command('millrace init')
    .description(
      `Writes a component of your own in TypeScript, and its test. Both run as they are.
KIND is ${kinds.join(', ')}; NAME is my-interceptor, or the Java class that it replaces.`,
    )
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .argument('<kind>')
    .argument('<name>')
    .option('-d, --directory <directory>', 'where the files are written', '.')
    .parse([...rest], { from: 'user' })
  const [kind = '', given = ''] = command.args
  if (!kinds.some(one => one === kind))
    throw new UsageError(`millrace init ${kind}: write ${kinds.join(', ')}`)
  const name = moduleNameOf(given)
  if (!/^[a-z][a-z0-9-]*$/.test(name))
    throw new UsageError(
      `${given} gives no name of a file: write letters, digits and dashes, such as my-${kind}, or the name of a class`,
    )
  const { directory } = command.opts<{ directory: string }>()
  const files = [`${name}.ts`, `${name}.test.ts`].map(file => join(directory, file))
  await mkdir(directory, { recursive: true }).catch((error: unknown) => {
    throw new UsageError(`cannot make the directory ${directory}: ${messageOf(error)}`)
  })
  for (const file of files)
    if (existsSync(file)) throw new UsageError(`${file} is there already: choose another name, or remove it`)
  for (const [index, suffix] of ['.ts', '.test.ts'].entries()) {
    const template = await readFile(new URL(`own-${kind}${suffix}`, templates), 'utf8')
    await writeFile(files[index]!, template.replaceAll(`own-${kind}`, name), { flag: 'wx' }).catch(
      (error: unknown) => {
        throw new UsageError(`cannot write ${files[index]}: ${messageOf(error)}`)
      },
    )
  }
  const path = relative('.', files[0]!)
  const isClass = /[.$]/.test(given)
  const key = { interceptor: 'a1.sources.r1.interceptors.i1', sink: 'a1.sinks.k1', source: 'a1.sources.r1' }[
    kind as 'sink'
  ]
  process.stdout.write(
    `${files.join(' and ')} are written.

In a configuration (paths begin at its directory):
  ${isClass ? `millrace.classes.${given.replace(/\$.*$/, '')} = ./${path}` : `${key}.type = ./${path}`}
Its test, where the package millrace is installed:
  node --test ${relative('.', files[1]!)}
`,
  )
  return 0
}
