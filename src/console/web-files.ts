// The browser program as `npm ci` or the package has built it (scripts/build-web.mjs), kept in memory: it is small.
import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { Fault } from '../errors.ts'
import type { Disk } from '../system/disk.ts'

export interface WebFile {
  readonly type: string
  readonly bytes: Buffer
  readonly gzipped: Buffer
  readonly etag: string
  /** Its name changes with its content. */
  readonly isFixed: boolean
}

const types: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  txt: 'text/plain; charset=utf-8',
  svg: 'image/svg+xml',
}

/** By name. Rejects with DISK where it is not built. */
export async function readWebFiles(disk: Disk, directory: string): Promise<ReadonlyMap<string, WebFile>> {
  const files = new Map<string, WebFile>()
  const names = await disk.list(directory).catch(() => [])
  for (const name of names) {
    const type = types[name.split('.').at(-1)!]
    if (type === undefined) continue
    const bytes = Buffer.from(await disk.readText(`${directory}/${name}`), 'utf8')
    files.set(name, {
      type,
      bytes,
      gzipped: gzipSync(bytes),
      etag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 16)}"`,
      isFixed: /-[\w-]{8}\.(js|css)$/.test(name),
    })
  }
  if (!files.has('index.html'))
    throw new Fault('DISK', `the console's pages are not built: ${directory}/index.html is missing`, {
      remedy: 'Run npm ci, or node scripts/build-web.mjs, in the checkout.',
    })
  return files
}
