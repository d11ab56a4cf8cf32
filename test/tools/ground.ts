// The ground of the tests beside this file: the embedded broker, and our forms of Kafka's tools asked of it.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBroker, type RunningBroker } from '../broker/running-broker.ts'
import { startDriver, type Driver } from './tool-driver.ts'
import { wordsOf, type ToolName } from './tool-process.ts'

export interface Ground extends AsyncDisposable {
  readonly directory: string
  readonly broker: RunningBroker
  readonly driver: Driver
  /** Runs a tool on the broker and gives what it prints; fails where it does not end with 0. */
  ask(name: ToolName, words: string): Promise<string>
  /** Runs a tool with these words alone; fails where it does not end with 1 and say so. */
  refused(name: ToolName, words: string, said: RegExp): Promise<void>
}

/** Topics are not created by asking for them. */
export async function startGround(): Promise<Ground> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-tools-'))
  const broker = await startBroker(directory, { 'auto.create.topics.enable': 'false' })
  const driver = startDriver()
  return {
    directory,
    broker,
    driver,
    async ask(name, words) {
      const all = ['--bootstrap-server', broker.bootstrap, ...wordsOf(words)]
      const { code, out, err } = await driver.run(name, all)
      assert.equal(code, 0, `${name} ${words}: ${out}${err}`)
      return out
    },
    async refused(name, words, said) {
      const { code, out, err } = await driver.run(name, wordsOf(words))
      assert.equal(code, 1, `${name} ${words}: ${out}${err}`)
      assert.match(err, said)
      assert.ok(!/\n\s+at /.test(err), err)
    },
    async [Symbol.asyncDispose]() {
      await driver[Symbol.asyncDispose]()
      await broker.stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
