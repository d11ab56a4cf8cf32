// A Dockerfile without a daemon: its instructions are carried out in plain directories, one a stage, and what it would run is
// given back with the paths there.
import { cpSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { runProgram } from './peers/fetch.ts'

export interface Image {
  readonly directory: string
  readonly user: string
  readonly environment: Readonly<Record<string, string>>
  readonly command: readonly string[]
  readonly healthCheck: readonly string[]
  /** As inside the image, with the path here in front. */
  readonly at: (text: string) => string
}

const isOwn = /(?<![\w.])\/(?:opt|etc|var\/lib)\/millrace/g

/** Throws where there is an instruction that it does not know. */
export async function buildImage(
  file: string,
  { files, below }: { readonly files: Readonly<Record<string, string>>; readonly below: string },
): Promise<Image> {
  let stage = ''
  let user = ''
  let environment: Record<string, string> = {}
  let entry: string[] = []
  let words: string[] = []
  let healthCheck: string[] = []
  const stages = new Map<string, string>()
  const at = (text: string) => text.replaceAll(isOwn, path => `${stage}${path}`)
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const [, name = '', rest = ''] = /^([A-Z]+) (.*)$/.exec(line) ?? []
    const parts = rest.split(' ')
    if (name === 'FROM') {
      stage = join(below, `stage-${stages.size}`)
      mkdirSync(stage)
      stages.set(parts[2] ?? 'last', stage)
      environment = {}
    } else if (name === 'COPY') {
      const from = /^--from=(.*)/.exec(parts[0]!)?.[1]
      const target = at(parts.at(-1)!)
      mkdirSync(dirname(target), { recursive: true })
      const source = parts.at(-2)!
      cpSync(from === undefined ? files[source]! : `${stages.get(from)!}${source}`, target, {
        recursive: true,
      })
    } else if (name === 'RUN') await runProgram('sh', ['-e', '-c', at(rest)], { cwd: stage })
    else if (name === 'ENV')
      for (const pair of parts) environment[pair.split('=')[0]!] = at(pair.slice(pair.indexOf('=') + 1))
    else if (name === 'USER') user = rest
    else if (name === 'HEALTHCHECK') healthCheck = JSON.parse(rest.slice(rest.indexOf('['))) as string[]
    else if (name === 'ENTRYPOINT') entry = JSON.parse(rest) as string[]
    else if (name === 'CMD') words = JSON.parse(rest) as string[]
    else if (!['ARG', 'WORKDIR', 'VOLUME', 'EXPOSE', 'STOPSIGNAL'].includes(name))
      throw new Error(`${file}: ${line}`)
  }
  return { directory: stage, user, environment, command: [...entry, ...words].map(at), healthCheck, at }
}
