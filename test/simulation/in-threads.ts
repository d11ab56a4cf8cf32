// Tests that run in threads of their own where the test runner follows every promise of its thread, which makes
// what awaits millions of them several times slower: it does in `node --test FILE`, and not in npm's scripts
// (test/unfollowed-promises.ts).
//
//   const it = testsIn(import.meta.url)
import { it } from 'node:test'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

interface Context {
  diagnostic(line: string): void
}
type Body = (t: Context) => Promise<void> | void

type Told = { readonly diagnostic: string } | { readonly failure: unknown }

const isFollowed = !process.execArgv.some(word => word.endsWith('unfollowed-promises.ts'))

/** Declares tests of `file`; a thread runs the file again, for one of them. */
export function testsIn(file: string): (name: string, body: Body) => void {
  if (!isFollowed) return (name, body) => void it(name, body)
  return (name, body) => {
    if (isMainThread) it(name, t => runThere(file, name, t))
    else if (workerData === name) void runHere(body)
  }
}

function runThere(file: string, name: string, t: Context): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(file), { workerData: name })
    worker.on('message', (told: Told) => {
      if ('diagnostic' in told) t.diagnostic(told.diagnostic)
      else if (told.failure === null) resolve()
      else reject(told.failure as Error)
    })
    worker.once('error', reject)
    worker.once('exit', code => reject(new Error(`the thread ended with ${code} before the test did`)))
  })
}

async function runHere(body: Body): Promise<void> {
  const tell = (told: Told): void => parentPort!.postMessage(told, [])
  try {
    await body({ diagnostic: line => tell({ diagnostic: line }) })
    tell({ failure: null })
  } catch (error) {
    tell({ failure: error })
  }
}
