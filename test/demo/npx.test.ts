// Signals to npx, and the end of its terminal: what it started stops cleanly, or runs on.
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { startProcess } from '../interop/peers/process.ts'
import { configuration, logged, logging } from '../logging-process.ts'
import { root } from '../source-text.ts'
import { inDirectory, nobodyLeft } from './demo-process.ts'

// npm hands SIGTERM to its shell, which ends without telling what it runs, and cannot hand on SIGKILL.
describe('npx', { concurrency: 2 }, () => {
  const npx = (words: readonly string[], directory: string, ready: RegExp, more: readonly string[] = []) =>
    startProcess({
      name: 'npx',
      directory,
      command: [...more, 'npx', ...words],
      cwd: root,
      ready,
    })
  const brokerOf = (directory: string) => [
    'millrace',
    'broker',
    ...['listeners=PLAINTEXT://127.0.0.1:0', `log.dirs=${join(directory, 'data')}`].flatMap(pair => [
      '--override',
      pair,
    ]),
    ...logging(directory),
  ]

  for (const signal of ['SIGTERM', 'SIGKILL'] as const)
    test(`${signal} to npx alone: broker and agent stop cleanly`, () =>
      inDirectory(async directory => {
        const file = configuration(join(directory, 'agent'))
        const agent = ['flume-ng', 'agent', '-n', 'a1', '-f', file, ...logging(join(directory, 'agent'))]
        for (const [words, ready, log] of [
          [brokerOf(directory), / started on /, directory],
          [agent, /Agent a1 started/, join(directory, 'agent')],
        ] as const) {
          await using started = await npx(words, directory, ready)
          started.kill(signal)
          await logged(log, /npm, pid \d+, which started this process, has ended: stopping[^]* stopped\n$/)
          await started.ended
        }
        await nobodyLeft(directory)
      }))

  test('SIGTERM to npx alone ends a demonstration and its agents', () =>
    inDirectory(async directory => {
      const words = ['millrace', 'demo', '--port', '0', '--avro-port', '0', '--data-dir', directory]
      await using started = await npx(words, directory, /first event/)
      started.kill('SIGTERM')
      await nobodyLeft(directory)
    }))

  test('a terminal that goes away, under nohup, ends npx and leaves the broker', () =>
    inDirectory(async directory => {
      await using started = await npx(brokerOf(directory), directory, / started on /, ['nohup'])
      process.kill(-started.pid, 'SIGHUP')
      await logged(directory, /SIGHUP: server\.properties/)
      await logged(directory, /npm, pid \d+, has ended with its terminal; this process goes on/)
    }))
})
