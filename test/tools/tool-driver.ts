// Runs commands that do their work and end, one after another in one process, so that a test of many does not start as
// many: started by startDriver, which hands over a command line by message and gets back what it printed.
import { fork } from 'node:child_process'
import type { Ran, ToolName } from './tool-process.ts'
import { runCommand } from '../../src/cli/commands.ts'

/** What stands before the words of a launcher. */
const commands: Readonly<Partial<Record<ToolName, string>>> = {
  'kafka-topics.sh': 'topics',
  'kafka-console-producer.sh': 'produce',
  'kafka-console-consumer.sh': 'consume',
  'kafka-consumer-groups.sh': 'groups',
  'kafka-get-offsets.sh': 'offsets',
}

export interface Driver extends AsyncDisposable {
  run(name: ToolName, words: readonly string[]): Promise<Pick<Ran, 'code' | 'out' | 'err'>>
}

export function startDriver(): Driver {
  const child = fork(import.meta.filename, { stdio: 'inherit' })
  const ended = new Promise<void>(resolve => child.once('exit', () => resolve()))
  let before: Promise<unknown> = Promise.resolve()
  const run = (name: ToolName, words: readonly string[]) =>
    new Promise<Pick<Ran, 'code' | 'out' | 'err'>>((resolve, reject) => {
      child.once('message', answer => resolve(answer as Ran))
      void ended.then(() => reject(new Error(`the driver ended during ${name} ${words.join(' ')}`)))
      child.send([name, words])
    })
  return {
    run(name, words) {
      const ran = before.then(() => run(name, words))
      before = ran.catch(() => {})
      return ran
    },
    async [Symbol.asyncDispose]() {
      child.disconnect()
      await ended
    },
  }
}

if (import.meta.main && process.send !== undefined) {
  // Tools listen to signals until their process ends.
  process.setMaxListeners(0)
  process.on('message', async ([name, words]: [ToolName, string[]]) => {
    const printed = { out: '', err: '' }
    for (const [stream, name_] of [
      [process.stdout, 'out'],
      [process.stderr, 'err'],
    ] as const)
      stream.write = (text: Uint8Array | string, ...rest: unknown[]) => {
        printed[name_] += String(text)
        for (const done of rest) if (typeof done === 'function') done()
        return true
      }
    const command = commands[name]
    const code = await runCommand(name, command === undefined ? words : [command, ...words])
    process.send!({ code, ...printed })
  })
}
