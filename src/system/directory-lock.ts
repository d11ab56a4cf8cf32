// Lock of a directory: at most one holder on this machine, gone with its process however that ends.
//
// The kernel keeps the lock, in two sockets, because neither alone is enough:
// - an abstract socket named by the directory's device and inode: taken by one process only, whatever
//   path it knows the directory by, without a race; but each network namespace has its own;
// - the socket file millrace.lock in the directory: also seen from other network namespaces (containers
//   that share a volume). One nobody listens on was left by a killed process and is taken over.
// A holder that lives answers; one that does not is dying, or stopped, and is waited for a second.
// Whoever connects to either is told the holder in one line. Other systems than Linux have the file only.
import { constants } from 'node:fs'
import { access, realpath, rm, stat } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Fault } from '../errors.ts'

export interface DirectoryLock {
  /** Whether the path leads to another directory than the one that is locked, or nowhere. */
  isAway?(): Promise<boolean>
  release(): Promise<void>
}

export const lockFileName = 'millrace.lock'

/** Longest path a socket file can have on Linux; one that is longer has only the abstract socket. */
const socketPathBytes = 107
const answerMs = 500
/** A process just killed holds its sockets a little longer, without answering: so long it is waited for. */
const dyingMs = 1000
const pauseMs = 10

/** Rejects with DIRECTORY_IN_USE naming the holder, or DISK when the directory cannot be written. */
export async function lockDirectory(directory: string, holder: string): Promise<DirectoryLock> {
  await access(directory, constants.R_OK | constants.W_OK | constants.X_OK).catch((cause: Error) => {
    throw new Fault('DISK', `cannot write in directory ${directory}: ${cause.message}`, { cause })
  })
  const path = await realpath(directory)
  const { dev, ino } = await stat(path)
  const line = `pid ${process.pid}, ${holder}`
  const servers: Server[] = []
  const until = performance.now() + dyingMs
  const take = async (address: string, file?: string): Promise<void> => {
    for (;;) {
      if (file !== undefined && (await exists(file)) && (await ask(file)) === null)
        await rm(file, { force: true })
      const server = await listen(address, line)
      if (server !== null) return void servers.push(server)
      const who = await ask(address)
      if (who || performance.now() > until) {
        for (const one of servers) one.close()
        throw inUse(directory, who ?? '')
      }
      await pause(pauseMs)
    }
  }
  if (process.platform === 'linux') await take(`\0millrace-${dev}-${ino}`)
  const file = join(path, lockFileName)
  if (Buffer.byteLength(file) <= socketPathBytes && process.platform !== 'win32') {
    await take(file, file).catch((error: unknown) => {
      // Some file systems have no sockets; the abstract one then has to do.
      if (servers.length === 0 || (error instanceof Fault && error.code === 'DIRECTORY_IN_USE')) throw error
    })
  }
  return {
    async isAway() {
      try {
        const there = await stat(directory)
        return there.dev !== dev || there.ino !== ino
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        return code === 'ENOENT' || code === 'ENOTDIR'
      }
    },
    async release() {
      // Closing removes the socket file.
      await Promise.all(servers.map(server => new Promise(done => server.close(done))))
    },
  }
}

/** Who holds it, by what the holder says of itself; null where nobody does. Takes and changes nothing. */
export async function directoryHolder(directory: string): Promise<string | null> {
  const path = await realpath(directory).catch(() => null)
  if (path === null) return null
  const { dev, ino } = await stat(path)
  const addresses = process.platform === 'linux' ? [`\0millrace-${dev}-${ino}`] : []
  for (const address of [...addresses, join(path, lockFileName)]) {
    const who = await ask(address)
    if (who !== null) return who || 'another process'
  }
  return null
}

export const inUse = (directory: string, holder: string): Fault =>
  new Fault('DIRECTORY_IN_USE', `directory ${directory} is in use by ${holder || 'another process'}`)

/** Listens and tells every caller `line`; null when somebody else does. */
function listen(address: string, line: string): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer(socket => {
      socket.on('error', () => {})
      socket.end(`${line}\n`)
    })
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(null)
      else reject(new Fault('DISK', `cannot lock ${address}: ${error.message}`, { cause: error }))
    })
    server.listen(address, () => {
      server.unref()
      resolve(server)
    })
  })
}

/** What the holder says of itself; empty when it does not answer in time, null when nobody listens. */
function ask(address: string): Promise<string | null> {
  return new Promise(resolve => {
    let said = ''
    let connected = false
    const socket = connect(address)
    const end = (): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(connected ? said.trim() : null)
    }
    const timer = setTimeout(() => {
      connected = true
      end()
    }, answerMs)
    socket.setEncoding('utf8')
    socket.on('connect', () => (connected = true))
    socket.on('data', (text: string) => (said += text))
    socket.on('error', end)
    socket.on('end', end)
  })
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
