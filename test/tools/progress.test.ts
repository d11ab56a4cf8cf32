// `millrace progress` beside a sink that delivers exactly once.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { eventsOf, onStage } from '../exactly-once/once-stage.ts'
import { startDriver, type Driver } from './tool-driver.ts'

let driver: Driver
before(() => void (driver = startDriver()))
after(() => driver[Symbol.asyncDispose]())

async function ask(bootstrap: string, ...words: readonly string[]): Promise<string> {
  const { code, out, err } = await driver.run('millrace', [
    'progress',
    ...words,
    '--bootstrap-server',
    bootstrap,
  ])
  assert.equal(code, 0, out + err)
  return out
}

test('what a flow has written is listed, and written again when it was reset', () =>
  onStage(async stage => {
    const { bootstrap } = stage.running
    const { deliver } = await stage.sink()
    await deliver([...eventsOf(0, 3), ...eventsOf(5, 2), ...eventsOf(1, 1, { partition: 1 })])
    const other = await stage.sink({ flow: 'g' })
    await other.deliver(eventsOf(0, 1))
    assert.match(
      await ask(bootstrap, 'list', '--flow', 'f'),
      /^f +cluster\/in\/id\/0 +0-2@0 5-6@0 .* a\d*\/k1$/m,
    )
    const rows = (await ask(bootstrap, 'list', '--format', 'json')).trim().split('\n')
    assert.deepEqual(
      rows
        .map(row => JSON.parse(row) as { flow: string; written: string[] })
        .map(({ flow, written }) => [flow, written]),
      [
        ['f', ['0-2@0', '5-6@0']],
        ['f', ['1-1@0']],
        ['g', ['0-0@0']],
      ],
    )
    assert.match(
      await ask(bootstrap, 'reset', '--flow', 'f'),
      /would forget .*\/0\n.*\/1\nnothing was changed/,
    )
    await deliver(eventsOf(0, 3))
    assert.equal((await stage.read()).length, 7)
    await ask(bootstrap, 'reset', '--flow', 'f', '--execute')
    // The sink that runs knows nothing of before either.
    await assert.rejects(deliver(eventsOf(6, 2)), /has taken over/)
    await deliver(eventsOf(6, 2))
    assert.equal((await stage.read()).length, 9)
    assert.doesNotMatch(await ask(bootstrap, 'list'), /^f .*0-2@0/m)
    await assert.doesNotReject(other.deliver(eventsOf(0, 1)))
    assert.equal(other.counted('events_already_written'), 1)
  }))

test('a topic that was deleted is created by a reset, which a sink takes for the beginning', () =>
  onStage(async stage => {
    const { bootstrap } = stage.running
    const one = await stage.sink()
    await one.deliver(eventsOf(0, 2))
    await stage.admin.topics.delete('millrace-progress')
    const { code, err } = await driver.run('millrace', ['progress', 'list', '--bootstrap-server', bootstrap])
    assert.equal(code, 1)
    assert.match(err, /topic millrace-progress does not exist/)
    const other = await stage.sink()
    await assert.rejects(other.deliver(eventsOf(0, 2)), /although the flow has written before/)
    assert.match(
      await ask(bootstrap, 'reset', '--flow', 'f', '--execute'),
      /was created: flow f begins without/,
    )
    const third = await stage.sink()
    await third.deliver(eventsOf(0, 2))
    assert.equal((await stage.read()).length, 4)
  }))
