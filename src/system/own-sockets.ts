// Sockets for the processes of one user on one machine, in a directory of the user's own: whoever can open one is that
// user (or root). A socket whose process has gone refuses connections, so that no entry is trusted for its name.
import { chmod, lstat, readdir, rename, unlink } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Fault, messageOf } from '../errors.ts'
import { checkOwnDirectory, makeOwnDirectory } from './own-directory.ts'

const uid = process.getuid?.() ?? 0
/** Bytes of a path that Linux and macOS take in an address: 108 and 104, with a zero behind. */
const mostPathBytes = 103
/** A socket that its process has not begun to listen on yet refuses as well. */
const newMs = 60_000
const keptMs = 3_600_000
const patienceMs = 1000

/** Where they are looked for: XDG_RUNTIME_DIR, which a service may not have, and the place for temporary files. */
async function directories(): Promise<string[]> {
  const given = process.env['XDG_RUNTIME_DIR'] ?? ''
  // Who changes the user (sudo, su) may keep that of the one before.
  const isOwn = given.startsWith('/') && (await lstat(given).catch(() => null))?.uid === uid
  return [...(isOwn ? [join(given, 'millrace')] : []), join(tmpdir(), `millrace-${uid}`)]
}

export interface OwnSocket {
  readonly path: string
  /** Of the process that listens. */
  readonly pid: number
  /** Whether the process was killed. */
  readonly isLeft: boolean
}

/** Listens until it is closed. Rejects with DISK or ADDRESS. */
export async function listenForOwnUser(
  accept: (socket: Socket) => void,
): Promise<{ readonly path: string; close(): Promise<void> }> {
  const [directory] = (await directories()) as [string]
  await makeOwnDirectory(directory)
  await chmod(directory, 0o700)
  await tidy(directory)
  const path = join(directory, `${process.pid}.sock`)
  if (Buffer.byteLength(path) > mostPathBytes)
    throw new Fault('ADDRESS', `the path of the socket ${path} is longer than ${mostPathBytes} bytes`)
  await unlink(path).catch(() => {})
  const open = new Set<Socket>()
  const server = createServer(socket => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    accept(socket)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', error =>
      reject(new Fault('ADDRESS', `cannot listen on ${path}: ${messageOf(error)}`, { cause: error })),
    )
    server.listen(path, resolve)
  })
  return {
    path,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        for (const socket of open) socket.destroy()
      }),
  }
}

/** The sockets of this user's processes, and those that were left behind; nothing of a directory that is not the user's own. */
export async function ownSockets(): Promise<OwnSocket[]> {
  const found: OwnSocket[] = []
  for (const directory of await directories())
    if (
      await checkOwnDirectory(directory).then(
        () => true,
        () => false,
      )
    )
      found.push(...(await socketsIn(directory)))
  return found
}

async function socketsIn(directory: string): Promise<OwnSocket[]> {
  const names = await readdir(directory).catch(() => [])
  return names.flatMap(name => {
    const [, pid, end] = /^(\d+)\.(sock|left)$/.exec(name) ?? []
    return pid === undefined
      ? []
      : [{ path: join(directory, name), pid: Number(pid), isLeft: end === 'left' }]
  })
}

/**
 * Whether nobody listens any more, though the process has not taken the socket away: then it gets another name, by which
 * whoever looks later knows the same. An hour later it is removed.
 */
export async function findLeft({ path, isLeft }: OwnSocket): Promise<boolean> {
  if (isLeft) return true
  const refuses = await new Promise<boolean>(resolve => {
    const socket = connect(path)
    const end = (isRefused: boolean) => {
      socket.destroy()
      resolve(isRefused)
    }
    socket.setTimeout(patienceMs, () => end(false))
    socket.once('connect', () => end(false))
    socket.once('error', ({ code }: NodeJS.ErrnoException) => end(code === 'ECONNREFUSED'))
  })
  if (refuses) await rename(path, path.replace(/sock$/, 'left')).catch(() => {})
  return refuses
}

/** Clears away what processes have left that were killed. */
async function tidy(directory: string): Promise<void> {
  for (const one of await socketsIn(directory)) {
    const stat = await lstat(one.path).catch(() => null)
    // A new one may not be listened on yet. The time of the change is that of its new name.
    const ageMs = stat === null ? 0 : Date.now() - stat.ctimeMs
    if (one.isLeft && ageMs > keptMs) await unlink(one.path).catch(() => {})
    if (!one.isLeft && stat?.isSocket() === true && ageMs > newMs) await findLeft(one)
  }
}
