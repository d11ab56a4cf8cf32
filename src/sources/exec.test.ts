import assert from 'node:assert/strict'
import { mkdtempSync, existsSync, readFileSync, rmSync, writeFileSync, chmodSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { optionsFor } from '../../test/context.ts'
import { runSource } from '../../test/running-source.ts'
import { Fault } from '../errors.ts'
import { execSource } from './exec.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-exec-'))
after(() => rmSync(directory, { recursive: true }))

const sh = (command: string, more: Record<string, unknown> = {}) => ({
  command,
  shell: '/bin/sh -c',
  batchTimeout: 0,
  ...more,
})

/** Resolves when the signal is aborted. */
const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    // One that nobody has waited for is gone as well.
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

describe('exec source', { concurrency: true }, () => {
  test('lines end at LF, CR and CR LF, and the last one needs no end; bytes stay as they are', async () => {
    const source = await runSource(execSource, sh(String.raw`printf 'a\rb\r\n\nü\377\nhalf'; exit 3`))
    const said = await source.context.log.line(/ended with code 3/)
    assert.match(
      said,
      /ERROR the command \/bin\/sh ended with code 3; the source reads nothing more\. Write restart = true/,
    )
    assert.deepEqual(
      source.events.map(event => event.body.toString('latin1')),
      ['a', 'b', '', 'Ã¼ÿ', 'half'],
    )
    assert.equal(source.context.health().length, 1)
    const { counters } = source.context
    assert.equal(counters.get('EventReceivedCount'), 5)
    assert.equal(counters.get('EventAcceptedCount'), 5)
    await source.stop()
  })

  test('without a shell the command is split at blanks, and signs of a shell are warned of', async () => {
    const source = await runSource(execSource, { command: '  printf %s\\n "a   b" $HOME', batchTimeout: 0 })
    await source.until(() => source.events.length === 3)
    assert.deepEqual(source.bodies, ['"a', 'b"', '$HOME'])
    await source.context.log.line(/WARN the command printf ended with code 0/)
    assert.deepEqual(source.context.health(), [], 'a command may be done')
    await source.stop()
    const said: string[] = []
    const say = { error: () => assert.fail(), warning: (key: string) => void said.push(key) }
    execSource.check!(optionsFor(execSource, { command: 'tail -F a | grep b' }), say)
    execSource.check!(optionsFor(execSource, { command: 'tail -F a', shell: '/bin/sh -c' }), say)
    assert.deepEqual(said, ['command'])
  })

  test('a batch is put when it is full, and what is left when batchTimeout is over', async () => {
    const source = await runSource(
      execSource,
      sh('seq 45; exec sleep 1000', { batchSize: 20, batchTimeout: 50 }),
    )
    await source.until(() => source.events.length === 45)
    assert.equal(Math.max(...source.puts), 20)
    assert.equal(source.puts.at(-1), 5)
    await source.stop()
  })

  test('a command that has ended is run again after restartThrottle', async () => {
    const source = await runSource(execSource, sh('echo run', { restart: true, restartThrottle: 1 }))
    await source.until(() => source.events.length >= 3)
    await source.stop()
    assert.ok(source.bodies.every(body => body === 'run'))
    const failing = await runSource(execSource, sh('echo run; exit 1', { restart: true, restartThrottle: 1 }))
    await failing.until(() => failing.events.length >= 3)
    await failing.stop()
    assert.match(failing.context.log.lines.join('\n'), /ended with code 1; it is run again every 1 ms/)
  })

  test('a program that is not there is looked for again, and the reason is reported', async () => {
    const path = join(directory, 'later')
    const source = await runSource(execSource, { command: path, batchTimeout: 0 })
    assert.match(
      await source.context.log.line(/Starting source r1/),
      /the command .*later cannot be started: spawn .* ENOENT\. Correct the command/,
    )
    writeFileSync(path, '#!/bin/sh\necho here\n')
    chmodSync(path, 0o755)
    await source.until(() => source.events.length === 1)
    await source.stop()
  })

  test('a channel that is full holds the command back, and no line is lost', async () => {
    const count = join(directory, 'count')
    let began = () => {}
    const begun = new Promise<void>(resolve => (began = resolve))
    let open = () => {}
    const opened = new Promise<void>(resolve => (open = resolve))
    const source = await runSource(
      execSource,
      sh(`seq 200000; echo done > ${count}`, { batchSize: 1000 }),
      async (_, signal) => {
        began()
        await Promise.race([opened, aborted(signal)])
      },
    )
    // What goes into a pipe and into one piece that is read, 64 KiB each, is far from the 1.3 MB there are.
    await begun
    for (let turn = 0; turn < 200; turn++) await new Promise(resolve => setImmediate(resolve))
    assert.ok((source.context.counters.get('EventReceivedCount') as number) < 40_000)
    assert.ok(!existsSync(count))
    open()
    await source.until(() => source.events.length === 200_000)
    assert.equal(source.bodies[199_999], '200000')
    await source.stop()
  })

  test('at the stop the command and its children end, also where they ignore SIGTERM, and what it wrote is put', async () => {
    const source = await runSource(
      execSource,
      sh(
        'trap "echo last" TERM; (trap "" TERM; echo child; sleep 1000) & echo $!; while :; do sleep 1000; done',
        {
          batchTimeout: 60_000,
          batchSize: 2,
        },
      ),
    )
    await source.until(() => source.events.length === 2)
    const child = Number(source.bodies.find(body => body !== 'child'))
    assert.ok(isAlive(child))
    const begin = performance.now()
    await source.stop()
    assert.ok(performance.now() - begin < 4000, 'within the time that sources have')
    assert.ok(source.bodies.includes('last'))
    assert.ok(!isAlive(child))
  })

  test('a stop does not wait for a channel that takes nothing, and reports what is lost', async () => {
    let began = () => {}
    const begun = new Promise<void>(resolve => (began = resolve))
    const source = await runSource(
      execSource,
      sh('seq 30; exec sleep 1000', { batchSize: 20 }),
      async (_, signal) => {
        began()
        await aborted(signal)
        throw new Fault('STOPPED', 'stopping')
      },
    )
    await begun
    await source.stop()
    const lost = source.context.log.lines.filter(line =>
      /lines? of the command, and what was still in its pipe/.test(line),
    )
    assert.equal(lost.length, 1)
  })

  test('a program that left the group and has the output still does not hold up the stop', async () => {
    const pid = join(directory, 'pid')
    const source = await runSource(
      execSource,
      sh(`setsid sh -c 'echo $$ > ${pid}; echo away; exec sleep 1000'`),
    )
    await source.until(() => source.events.length === 1)
    await source.stop()
    process.kill(Number(readFileSync(pid, 'utf8')), 'SIGKILL')
  })

  test('a command that closes its output and goes on is ended', async () => {
    const source = await runSource(execSource, sh('echo one; exec >&- 2>&-; sleep 1000'))
    await source.context.log.line(/ended by SIGTERM/)
    assert.deepEqual(source.bodies, ['one'])
    await source.stop()
  })

  test('a line of a megabyte is one event; a line without an end comes in parts, and is reported once', async () => {
    const whole = await runSource(execSource, sh('head -c 1000000 /dev/zero'))
    await whole.until(() => whole.events.length === 1)
    assert.equal(whole.events[0]!.body.length, 1_000_000)
    await whole.stop()
    const parts = await runSource(execSource, sh('cat /dev/zero', { maxLineBytes: 100_000 }))
    await parts.until(() => parts.events.length > 100)
    await parts.stop()
    assert.equal(parts.context.log.lines.filter(line => /maxLineBytes/.test(line)).length, 1)
  })

  test('standard error is read, and goes to the log where that is asked for', async () => {
    const loud =
      'i=0; while [ $i -lt 2000 ]; do echo "some words of an error, number $i" >&2; i=$((i+1)); done; echo out'
    const silent = await runSource(execSource, sh(loud))
    await silent.until(() => silent.events.length === 1)
    await silent.stop()
    assert.ok(!silent.context.log.lines.some(line => /some words/.test(line)))
    const logged = await runSource(execSource, sh(loud, { logStdErr: true }))
    await logged.context.log.line(/INFO standard error of the command: some words of an error, number 1999/)
    await logged.stop()
  })

  test('events that a put refused are put again, unchanged', async () => {
    let refusals = 1
    const source = await runSource(execSource, sh('seq 3'), async () => {
      if (refusals-- > 0) throw new Error('no')
    })
    await source.until(() => source.events.length === 3)
    assert.deepEqual(source.bodies, ['1', '2', '3'])
    await source.stop()
  })
})
