// Standard output and standard error: what holds where their reader is gone (a pipe to head, a log reader that
// died, a terminal that hung up, a full disk) or does not read. Neither ends or stops any work, except of a tool
// whose work is its output.
import type { Socket } from 'node:net'

/** Bytes that may wait for a reader; what comes then is left out, so that memory is bounded. */
const waitingBytes = 1024 * 1024
/** What a process that ends waits for a reader that does not read, where its output is no work of its own. */
export const flushLimitMs = 1000

/** For every command, first of all. */
export function surviveLostOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', () => {})
    // Node writes to terminals synchronously: one that is held (Ctrl-S), or that nobody drains, would hold everything.
    const { _handle: handle } = stream as unknown as { _handle?: { setBlocking?(on: boolean): void } }
    if (stream.isTTY) handle?.setBlocking?.(false)
  }
}

/** Whether so much waits for the stream's reader already that more would only be kept in memory. */
export const isUnread = (stream: Pick<Socket, 'writableLength'>): boolean =>
  stream.writableLength > waitingBytes

/**
 * For a tool whose work is its output: resolves when standard output has taken it, rejects when it cannot: then there
 * is no more to do.
 */
export function writeOut(bytes: Uint8Array | string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(bytes, (error?: NodeJS.ErrnoException | null) => {
      if (!error) return resolve()
      const why = error.code === 'EPIPE' ? 'its reader is gone' : error.message
      reject(new Error(`cannot write to standard output: ${why}`, { cause: error }))
    })
  })
}

/** Resolves when both have taken what was written, and in any case after `limitMs`. */
export async function flushOutput(limitMs = Infinity): Promise<void> {
  const taken = Promise.all(
    [process.stdout, process.stderr].map(stream => new Promise(resolve => stream.write('', resolve))),
  )
  if (limitMs === Infinity) return void (await taken)
  await Promise.race([taken, new Promise(resolve => setTimeout(resolve, limitMs))])
}
