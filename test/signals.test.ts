// Signals and lost output, with real processes: every row of docs/guides/signals.md, nohup, a terminal that goes
// away, readers that go away or do not read.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { signalEffects } from '../src/cli/signals.ts'
import { inDirectory, nobodyLeft, processesNaming } from './demo/demo-process.ts'
import { freePort } from './interop/peers/peers.ts'
import { startProcess, type Running } from './interop/peers/process.ts'
import { waitFor } from './interop/peers/waiting.ts'
import { configuration, flumeNg, logged, logging, logOf, millrace } from './logging-process.ts'
import { read } from './source-text.ts'

function startAgent(
  directory: string,
  { command = [flumeNg], file = configuration(directory), args = [] as readonly string[] } = {},
): Promise<Running> {
  return startProcess({
    name: 'agent',
    directory,
    command: [...command, 'agent', '-n', 'a1', '-f', file, ...logging(directory), ...args],
    ready: /Agent a1 started/,
  })
}

function startBroker(directory: string, command: readonly string[] = [millrace]): Promise<Running> {
  const overrides = ['listeners=PLAINTEXT://127.0.0.1:0', `log.dirs=${join(directory, 'data')}`]
  return startProcess({
    name: 'broker',
    directory,
    command: [
      ...command,
      'broker',
      ...overrides.flatMap(pair => ['--override', pair]),
      ...logging(directory),
    ],
    ready: /Kafka broker \d+ started/,
  })
}

/** What each effect of the table shows in the log; `stop` ends the process. */
const shown = (agent: boolean): Readonly<Record<string, RegExp>> => ({
  reload: agent
    ? /the configuration was read again and has not changed/
    : /SIGHUP: server\.properties is not/,
  report: /SIGQUIT: \d+ (problems|topics); \d+ bytes of memory/,
})

// A terminal comes from script(1).
const noTerminal = existsSync('/usr/bin/script') ? false : 'there is no script(1)'

const signals = (effect: string) =>
  (Object.keys(signalEffects) as NodeJS.Signals[]).filter(name => signalEffects[name] === effect)

test('the guide has a row for every signal, with what is done', () => {
  const words: Readonly<Record<string, RegExp>> = {
    stop: /^stops cleanly$/,
    reload: /^opens its log file again/,
    reopen: /^opens its log file again$/,
    report: /^writes its state to the log$/,
    none: /^no effect$/,
  }
  const rows = read('docs/guides/signals.md')
    .split('\n')
    .filter(line => line.startsWith('| `'))
    .map(line => line.split('|').map(cell => cell.trim()))
  const told = new Map(
    rows.flatMap(([, names, agent, broker]) =>
      names!.split(', ').map(name => [name.replaceAll('`', ''), { agent: agent!, broker: broker! }] as const),
    ),
  )
  for (const name of ['SIGPIPE', 'SIGTSTP', 'SIGCONT']) assert.ok(told.delete(name), name)
  assert.deepEqual([...told.keys()].sort(), Object.keys(signalEffects).sort())
  for (const [name, { agent, broker }] of told) {
    const effect = words[signalEffects[name as NodeJS.Signals]!]!
    assert.match(agent, effect, name)
    assert.match(broker, effect, name)
  }
})

describe('signals', { concurrency: 2 }, () => {
  for (const [what, start, isAgent] of [
    ['agent', startAgent, true],
    ['broker', startBroker, false],
  ] as const)
    test(`the ${what} runs on at each signal that does not stop it, and does what the table says`, () =>
      inDirectory(async directory => {
        await using running = await start(directory)
        const path = join(directory, 'logs', 'a.log')
        for (const signal of [...signals('reload'), ...signals('reopen')]) {
          renameSync(path, `${path}.${signal}`)
          running.kill(signal)
          await waitFor(() => existsSync(path), `${signal} opens the log again`)
        }
        for (const effect of ['reload', 'report'])
          for (const signal of signals(effect)) {
            running.kill(signal)
            await logged(directory, shown(isAgent)[effect]!)
          }
        for (const signal of signals('none')) {
          running.kill(signal)
          await logged(directory, new RegExp(`${signal} has no effect`))
        }
        running.kill('SIGPIPE')
        running.kill('SIGTSTP')
        running.kill('SIGCONT')
        running.kill('SIGINT')
        assert.equal(await running.ended, 0, running.output)
        assert.doesNotMatch(running.output, /[Dd]ebugger/)
        assert.match(logOf(directory), / stopped\n$/)
      }))

  for (const signal of signals('stop'))
    test(`${signal} stops an agent and a broker with 0, also when it comes twice at once`, () =>
      inDirectory(async directory => {
        for (const start of [startAgent, startBroker]) {
          await using running = await start(join(directory, start.name))
          running.kill(signal)
          running.kill(signal)
          assert.equal(await running.ended, 0, running.output)
          assert.match(running.output, new RegExp(`${signal}: stopping\n[^]* stopped\n$`))
        }
      }))

  test('a second signal, a moment later, ends an agent that cannot stop at once', () =>
    inDirectory(async directory => {
      // Who listens there never answers, so that the sink gives the request up only at the end.
      const more = 'a1.sinks.k1.hostname = 127.0.0.1\na1.sinks.k1.port = 1\n'
      const file = configuration(directory, { events: 500, sink: 'avro', more })
      await using agent = await startAgent(directory, { file })
      agent.kill('SIGTERM')
      await agent.line(/SIGTERM: stopping/)
      const again = setInterval(() => agent.kill('SIGINT'), 50)
      try {
        assert.equal(await agent.ended, 130, agent.output)
      } finally {
        clearInterval(again)
      }
    }))

  test('SIGHUP takes a changed configuration over at once, but not with --no-reload-conf', () =>
    inDirectory(async directory => {
      await using agent = await startAgent(directory, { args: ['-i', '3600'] })
      configuration(directory, { events: 2 })
      agent.kill('SIGHUP')
      await agent.line(/the agent runs with the changed configuration/)
      assert.equal(await agent.stop(), 0)
      await using fixed = await startAgent(directory, { args: ['--no-reload-conf'] })
      fixed.kill('SIGHUP')
      await fixed.line(/the configuration is not read again \(--no-reload-conf\)/)
      assert.equal(await fixed.stop(), 0)
    }))

  test('under nohup SIGHUP stays ignored, and SIGUSR1 opens the log again', () =>
    inDirectory(async directory => {
      await using agent = await startAgent(directory, { command: ['nohup', flumeNg] })
      agent.kill('SIGHUP')
      renameSync(join(directory, 'logs', 'a.log'), join(directory, 'logs', 'a.log.1'))
      agent.kill('SIGUSR1')
      await waitFor(() => existsSync(join(directory, 'logs', 'a.log')), 'the log is opened again')
      agent.kill('SIGUSR2')
      await logged(directory, /SIGUSR2 has no effect/)
      assert.equal(await agent.stop(), 0)
      assert.doesNotMatch(agent.output, /configuration was read again|stopping[^]*SIGHUP/)
    }))

  for (const what of ['agent', 'broker'] as const)
    test(`the ${what} stops cleanly when its terminal goes away`, { skip: noTerminal }, () =>
      inDirectory(async directory => {
        const words = [...logging(directory), '--']
        const command =
          what === 'agent'
            ? `${flumeNg} agent -n a1 -f ${configuration(directory)} ${words.slice(0, -1).join(' ')}`
            : `${millrace} broker --override port=0 --override log.dirs=${join(directory, 'data')} ${words.slice(0, -1).join(' ')}`
        await using terminal = await startProcess({
          name: 'terminal',
          directory,
          command: ['script', '-q', '-f', '-c', `exec ${command}`, '/dev/null'],
          ready: / started/,
        })
        await logged(directory, / (Agent a1|Kafka broker \d+) started/)
        const { pid } = processesNaming(directory).find(one => one.command.includes('start.mjs'))!
        // Not lost: it goes on.
        process.kill(pid, 'SIGHUP')
        await logged(directory, /read again/)
        terminal.kill('SIGKILL')
        await logged(directory, /SIGHUP, the terminal is gone: stopping[^]* stopped\n$/)
        await nobodyLeft(directory)
      }),
    )
})

// A job of a shell is told before the terminal hangs up, and by the shell alone.
test('a job whose shell ends with its terminal stops cleanly', { skip: noTerminal }, () =>
  inDirectory(async directory => {
    const agent = `${flumeNg} agent -n a1 -f ${configuration(directory)} ${logging(directory).join(' ')}`
    await using terminal = await startProcess({
      name: 'terminal',
      directory,
      command: ['script', '-q', '-f', '-c', `set -m; ${agent} & wait`, '/dev/null'],
      ready: /Agent a1 started/,
    })
    const { pid } = processesNaming(directory).find(one => one.command.includes('start.mjs'))!
    process.kill(pid, 'SIGHUP')
    await logged(directory, /read again/)
    terminal.kill('SIGKILL')
    await logged(directory, /SIGHUP, the terminal is gone: stopping[^]* stopped\n$/)
    await nobodyLeft(directory)
  }),
)

describe('lost output', { concurrency: 2 }, () => {
  test('readers that go away: agent and broker run on and stop with 0', () =>
    inDirectory(async directory => {
      const commands = [
        [flumeNg, 'agent', '-n', 'a1', '-f', configuration(directory), ...logging(directory)],
        [
          millrace,
          'broker',
          '--override',
          'port=0',
          '--override',
          `log.dirs=${join(directory, 'data')}`,
          ...logging(directory),
        ],
      ]
      for (const [program, ...args] of commands) {
        rmSync(join(directory, 'logs'), { recursive: true, force: true })
        const child = spawn(program!, args, { stdio: ['ignore', 'pipe', 'pipe'] })
        const ended = new Promise(resolve => child.on('exit', (code, signal) => resolve(code ?? signal)))
        await logged(directory, / (Agent a1|Kafka broker \d+) started/)
        child.stdout.destroy()
        child.stderr.destroy()
        child.kill('SIGHUP')
        await logged(directory, /read again/)
        child.kill('SIGQUIT')
        await logged(directory, /read again[^]*SIGQUIT/)
        child.kill('SIGTERM')
        assert.equal(await ended, 0)
        assert.match(logOf(directory), / stopped\n$/)
      }
    }))

  test('a tool whose work is its output ends when nobody takes it, and says so', () =>
    inDirectory(async directory => {
      const letters = join(directory, 'events.jsonl')
      const line = JSON.stringify({ headers: {}, body: Buffer.alloc(200).toString('base64') })
      writeFileSync(letters, `${line}\n`.repeat(5000))
      const data = join(directory, 'data')
      const ended = async (args: readonly string[], takes: boolean) => {
        const child = spawn(millrace, ['channel', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
        if (takes) child.stdout.resume()
        else child.stdout.destroy()
        let said = ''
        child.stderr.on('data', text => (said += String(text)))
        const code = await new Promise(resolve => child.on('close', resolve))
        return { code, said }
      }
      assert.equal((await ended(['import', data, '--from', letters], true)).code, 0)
      assert.deepEqual(await ended(['export', data], false), {
        code: 1,
        said: 'millrace: cannot write to standard output: its reader is gone\n',
      })
      assert.equal((await ended(['export', data], true)).code, 0)
      // What is only told besides the work does not matter.
      assert.equal((await ended(['verify', data], false)).code, 0)
    }))

  test('no descriptors for output at all, and none for input', () =>
    inDirectory(async directory => {
      const line = `exec ${flumeNg} agent -n a1 -f ${configuration(directory)} ${logging(directory).join(' ')} >&- 2>&- <&-`
      const child = spawn('sh', ['-c', line], { stdio: 'ignore' })
      const ended = new Promise(resolve => child.on('exit', (code, signal) => resolve(code ?? signal)))
      await logged(directory, /Agent a1 started/)
      child.kill('SIGTERM')
      assert.equal(await ended, 0)
    }))

  test('a reader that does not read: nothing waits for it, and what is left out is counted', () =>
    inDirectory(async directory => {
      const events = 20_000
      const file = configuration(directory, { events })
      const child = spawn(flumeNg, ['agent', '-n', 'a1', '-f', file, ...logging(directory)], {
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      const ended = new Promise(resolve => child.on('exit', (code, signal) => resolve(code ?? signal)))
      await logged(directory, new RegExp(`Event: .* ${events - 1} \\}`))
      let output = ''
      child.stderr.on('data', text => (output += String(text)))
      await waitFor(() => output.length > 1024 * 1024, 'it is read again')
      child.kill('SIGUSR2')
      await waitFor(
        () =>
          /\[WARN - millrace\.main\] [1-9]\d* lines of the log are discarded here, because standard error was not read\n/.test(
            output,
          ),
        'it says so',
      )
      child.kill('SIGTERM')
      assert.equal(await ended, 0)
    }))

  test('a full device for the log and for both outputs: the agent runs on', () =>
    inDirectory(async directory => {
      const port = await freePort()
      const properties = {
        'flume.root.logger': 'INFO,console,LOGFILE',
        'flume.log.dir': '/dev',
        'flume.log.file': 'full',
        'flume.monitoring.type': 'http',
        'flume.monitoring.port': String(port),
      }
      const given = Object.entries(properties).map(([key, value]) => `-D${key}=${value}`)
      const line = `exec ${flumeNg} agent -n a1 -f ${configuration(directory)} ${given.join(' ')} >/dev/full 2>&1`
      const child = spawn('sh', ['-c', line], { stdio: 'ignore' })
      const ended = new Promise(resolve => child.on('exit', (code, signal) => resolve(code ?? signal)))
      const isHealthy = async () => (await fetch(`http://127.0.0.1:${port}/health`)).ok
      await waitFor(() => isHealthy().catch(() => false), 'it is healthy')
      child.kill('SIGTERM')
      assert.equal(await ended, 0)
    }))
})
