// Where an agent's configuration comes from: files, or addresses. Knows when it changed.
import { readFile, stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { ConfigurationText } from '../config/configuration.ts'
import { messageOf } from '../errors.ts'

export interface SourceOptions {
  readonly files: readonly string[]
  readonly uris: readonly string[]
  readonly user?: string
  readonly password?: string
}

const httpLimitMs = 60_000
/** Of one part: an answer without an end would take all memory of a running agent. */
const mostBytes = 16_777_216
const tooLarge = () => new Error(`it has more than ${mostBytes} bytes`)

/** Reads every part. Rejects with one sentence naming the part that cannot be read. */
export async function readTexts({
  files,
  uris,
  user,
  password,
}: SourceOptions): Promise<ConfigurationText[]> {
  // As in Flume: where there is an address, files do not count.
  if (uris.length === 0) return Promise.all(files.map(file => readPart(file, file)))
  return Promise.all(
    uris.map(uri => {
      if (/^https?:/i.test(uri)) return fetchPart(uri, user, password)
      if (/^file:/i.test(uri)) return readPart(uri, fileURLToPath(uri))
      if (/^classpath:/i.test(uri))
        throw new Error(`${uri}: there is no classpath here; write file: and the path`)
      return readPart(uri, uri)
    }),
  )
}

async function readPart(name: string, path: string): Promise<ConfigurationText> {
  try {
    const found = await stat(path)
    // A pipe may have no writer, and a device no end.
    if (!found.isFile() && !found.isDirectory()) throw new Error('it is not a regular file')
    if (found.size > mostBytes) throw tooLarge()
    return { file: name, bytes: await readFile(path) }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const reasons: Record<string, string> = {
      ENOENT: 'there is no such file; see -f (the file) and -c (the directory of flume-env.sh)',
      EISDIR: 'it is a directory; -f takes the file itself (-c takes the directory)',
      EACCES: 'no permission to read it',
    }
    throw new Error(`cannot read the configuration ${name}: ${reasons[code ?? ''] ?? messageOf(error)}`, {
      cause: error,
    })
  }
}

async function fetchPart(
  uri: string,
  user: string | undefined,
  password: string | undefined,
): Promise<ConfigurationText> {
  const headers: Record<string, string> =
    user !== undefined && password !== undefined
      ? { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }
      : {}
  try {
    const response = await fetch(uri, { headers, signal: AbortSignal.timeout(httpLimitMs) })
    if (!response.ok) throw new Error(`the server answers ${response.status} ${response.statusText}`)
    const chunks: Uint8Array[] = []
    let size = 0
    for await (const chunk of response.body ?? []) {
      if ((size += chunk.length) > mostBytes) throw tooLarge()
      chunks.push(chunk)
    }
    return { file: uri, bytes: Buffer.concat(chunks) }
  } catch (error) {
    // fetch says only that it failed; why is one level down.
    const reason = error instanceof Error && error.cause !== undefined ? error.cause : error
    throw new Error(`cannot read the configuration ${uri}: ${messageOf(reason)}`, { cause: error })
  }
}

export function sameTexts(one: readonly ConfigurationText[], other: readonly ConfigurationText[]): boolean {
  return (
    one.length === other.length &&
    one.every((text, index) => Buffer.compare(text.bytes, other[index]!.bytes) === 0)
  )
}
