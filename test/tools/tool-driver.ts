// Runs commands (our forms of Kafka's tools, and those of millrace for channels and simulations) one after another in one process, so
// that a test of many does not start as many: started by startDriver, which hands over a command line by message and
// gets back what it printed.
import { fork } from 'node:child_process'
import type { Ran, ToolName } from './tool-process.ts'
import { readArguments } from '../../src/cli/arguments.ts'
import { UsageError } from '../../src/cli/usage-error.ts'
import { explanationOf } from '../../src/errors.ts'

type Run = (words: readonly string[], program: string) => Promise<number>
const tools: Readonly<Record<string, Run>> = {
  'kafka-topics.sh': async words => (await import('../../src/cli/topics-command.ts')).runTopics(words),
  'kafka-console-producer.sh': async (words, program) =>
    (await import('../../src/cli/produce-command.ts')).runProduce(words, program),
  'kafka-console-consumer.sh': async (words, program) =>
    (await import('../../src/cli/consume-command.ts')).runConsume(words, program),
  'kafka-consumer-groups.sh': async words =>
    (await import('../../src/cli/groups-command.ts')).runGroups(words),
  'kafka-get-offsets.sh': async words => (await import('../../src/cli/offsets-command.ts')).runOffsets(words),
  async millrace(words) {
    if (words[0] === 'simulate')
      return (await import('../../src/cli/simulate-command.ts')).runSimulate(readArguments(words))
    if (words[0] === 'audit')
      return (await import('../../src/cli/audit-command.ts')).runAudit(words.slice(1), 'millrace')
    const { runChannel, runIntegrityTool } = await import('../../src/cli/channel-command.ts')
    return words[0] === 'tool' ? runIntegrityTool(words.slice(2)) : runChannel(readArguments(words))
  },
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
    let code = 1
    try {
      code = await tools[name]!(words, name)
    } catch (error) {
      printed.err += `${name}: ${error instanceof UsageError ? error.message : explanationOf(error)}\n`
    }
    process.send!({ code, ...printed })
  })
}
