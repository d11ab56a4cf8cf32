// The quickstart as a user has it: processes, signals, ports, directories, a terminal. Falsified runs stand
// in falsified.test.ts, other Kafkas in test/interop/demo.test.ts.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { freePort } from '../interop/peers/peers.ts'
import { waitFor } from '../interop/peers/waiting.ts'
import { root } from '../source-text.ts'
import { endedDemo, inDirectory, nobodyLeft, processesNaming, startDemo } from './demo-process.ts'
import { TerminalScreen } from './terminal-screen.ts'

const streaming = /^in [1-9]\d* = out [1-9]\d* \+ in flight \d+ \(lag \d+, channel A \d+, channel B \d+\)/
const npmStart = ['npm', '--prefix', root, 'start', '--']
/** The figures of one frame agree: what is in flight is somewhere, and nowhere is more. */
function assertFrames(output: string): void {
  const frames = [
    ...output.matchAll(
      /^in (\d+) = out (\d+) \+ in flight (\d+) \(lag (\S+), channel A (\S+), channel B (\S+)\)/gm,
    ),
  ]
  assert.ok(frames.length > 0, output)
  for (const [line, ...figures] of frames) {
    const [sent, arrived, inFlight, ...places] = figures.map(one => (one === '?' ? 0 : Number(one)))
    assert.equal(sent, arrived! + inFlight!, line)
    assert.ok(places.reduce((sum, one) => sum + one, 0) <= inFlight!, line)
  }
}
const lastLine = (output: string) => output.trimEnd().split('\n').at(-1)!
const agentOf = (letter: string, directory: string) =>
  processesNaming(directory).find(one =>
    one.command.includes(` --name ${letter === 'A' ? 'kafka-memory-avro' : 'avro-memory-kafka'} `),
  )!

describe('the quickstart', { concurrency: 2 }, () => {
  test('npm start: 10,000 events arrive in order, none twice, and it ends with 0', () =>
    inDirectory(async directory => {
      const begun = performance.now()
      const { code, output } = await endedDemo(directory, ['--events', '10000', '--exit'], {
        command: npmStart,
      })
      const seconds = (performance.now() - begun) / 1000
      assert.equal(code, 0, output)
      assert.match(output, /^10000 events sent, 10000 arrived, all in order, none twice$/m)
      assertFrames(output)
      assert.match(output, /^\d+ events\/s; latency p50 \S+ m?s, p99 \S+ m?s$/m)
      const first = Number(/^first event (\d+) ms after the start$/m.exec(output)?.[1])
      assert.ok(first > 0, output)
      if (process.env['MILLRACE_DEEP'] === '1')
        assert.ok(first < 3000 && seconds < 10, `${first} ms, ${seconds} s`)
      // Address and directories are all that changed.
      const changed = output.split('\n').filter(line => /^\+[^+]/.test(line))
      assert.deepEqual(
        changed.map(line => /^\+[\w-]+\.(\S+?)\s*=/.exec(line)![1]),
        [
          'sources.avro-source.bind',
          'sources.avro-source.port',
          'sinks.kafka-sink.brokerList',
          'channels.memory-channel.checkpointDir',
          'channels.memory-channel.dataDirs',
          'sources.s1.kafka.bootstrap.servers',
          'sinks.k1.hostname',
          'sinks.k1.port',
          'channels.c1.checkpontDir',
          'channels.c1.dataDirs',
        ],
      )
      await nobodyLeft(directory)
    }))

  test('a second copy, ports in use: one sentence each, and the first one goes on; its directory can be used again', () =>
    inDirectory(async directory => {
      const [port, avroPort] = [await freePort(), await freePort()].map(String) as [string, string]
      const first = await startDemo(directory, ['--port', port, '--avro-port', avroPort])
      await first.line(streaming)
      const refused = async (options: string[], said: RegExp) => {
        const { code, output } = await endedDemo(directory, options)
        assert.equal(code, 1)
        assert.match(output, said)
        assert.equal(output.trimEnd().split('\n').length, 1, output)
      }
      await Promise.all([
        refused(
          [],
          /^millrace demo: \S+\/data is in use by pid \d+, a Millrace demonstration, which runs already: end it first, or give this one --port, --avro-port and --data-dir of its own$/m,
        ),
        refused(
          ['--data-dir', join(directory, 'two'), '--avro-port', avroPort],
          /^millrace demo: port \d+ on 127\.0\.0\.1 is in use by another program, and agent B is to listen there: .*--avro-port$/m,
        ),
        refused(
          ['--data-dir', join(directory, 'three'), '--port', port],
          /^millrace demo: port \d+ on 127\.0\.0\.1 is in use by another program: end it, choose another with --port, or use it with --bootstrap 127\.0\.0\.1:\d+ if/m,
        ),
      ])
      await first.line(streaming)
      first.kill('SIGTERM')
      assert.equal(await first.ended, 0, first.output)
      assert.match(first.output, /(\d+) events sent, \1 arrived, all in order, none twice\n/)
      assert.equal(lastLine(first.output), `files are kept in ${first.dataDirectory}`)
      const again = await endedDemo(directory, ['--events', '30', '--exit'])
      assert.equal(again.code, 0, again.output)
      assert.match(again.output, /^topic {4}test3, there already/m)
      assert.match(again.output, /^30 events sent, 30 arrived, all in order, none twice$/m)
      await nobodyLeft(directory)
    }))

  test('a directory that cannot be used, options that mean nothing: one sentence, and nothing is started', () =>
    inDirectory(async directory => {
      const file = join(directory, 'file')
      writeFileSync(file, '')
      const cases: [options: string[], code: number, said: RegExp][] = [
        [
          ['--data-dir', file],
          1,
          /cannot use the directory \S+\/file: it is not a directory: choose another --data-dir$/,
        ],
        [['--data-dir', join(file, 'below')], 1, /cannot use the directory \S+\/below: ENOTDIR/],
        [['--data-dir', '/proc/nothing/here'], 1, /cannot use the directory \/proc\/nothing\/here: ENOENT/],
        [['--exit'], 2, /add --events/],
        [['--events', 'x'], 2, /write a whole number/],
        [['--rates', '5'], 2, /unknown option '--rates'/],
        [['more'], 2, /too many arguments/],
      ]
      await Promise.all(
        cases.map(async ([options, code, said]) => {
          const ran = await endedDemo(directory, options)
          assert.equal(ran.code, code, ran.output)
          assert.match(ran.output.trimEnd(), said)
          assert.match(ran.output, /^millrace demo: [^\n]+\n$/)
        }),
      )
      const help = await endedDemo(directory, ['--help'])
      assert.equal(help.code, 0)
      assert.match(help.output, /^Usage: millrace demo/)
      assert.ok(!existsSync(join(directory, 'data')))
    }))

  test('killed, it leaves no agents behind', () =>
    inDirectory(async directory => {
      const demo = await startDemo(directory)
      await demo.line(streaming)
      assert.equal(processesNaming(directory).length, 3)
      demo.kill('SIGKILL')
      assert.equal(await demo.ended, 'SIGKILL')
      await nobodyLeft(directory)
      for (const letter of ['a', 'b'])
        assert.match(
          readFileSync(join(demo.dataDirectory, 'logs', `agent-${letter}.log`), 'utf8'),
          /end of standard input: stopping[^]* stopped\n$/,
        )
    }))

  test('started again where an agent of a killed one still stops, it waits for that, and says so', () =>
    inDirectory(async directory => {
      const demo = await startDemo(directory)
      await demo.line(streaming)
      const { pid } = agentOf('B', directory)
      process.kill(pid, 'SIGSTOP')
      demo.kill('SIGKILL')
      await demo.ended
      const again = await startDemo(directory, ['--events', '40', '--exit'])
      await again.line(/^waiting for agent B of the last run to stop, \d+ s: directory \S+ is in use/)
      process.kill(pid, 'SIGCONT')
      assert.equal(await again.ended, 0, again.output)
      assert.match(again.output, /^40 events sent, 40 arrived, all in order, none twice$/m)
      await nobodyLeft(directory)
    }))

  test('a reader that goes away ends it cleanly, through npm too; temporary files go with it', () =>
    inDirectory(async directory => {
      for (const command of [`${join(root, 'bin/millrace')} demo`, npmStart.join(' ')]) {
        const head = await startDemo(directory, null, {
          // Without --data-dir it makes its own below the temporary directory.
          command: ['sh', '-c', `${command} --port 0 --avro-port 0 | head -2; true`],
          environment: { TMPDIR: directory },
        })
        assert.equal(await head.ended, 0)
        await nobodyLeft(directory)
        assert.deepEqual(
          readdirSync(directory).filter(name => name.startsWith('millrace-demo-')),
          [],
        )
      }
    }))

  test('with an end of its own it goes on to that when nobody reads any more', () =>
    inDirectory(async directory => {
      const code = join(directory, 'code')
      const demo = `${join(root, 'bin/millrace')} demo --port 0 --avro-port 0 --data-dir ${join(directory, 'data')} --events 500 --exit`
      const head = await startDemo(directory, null, {
        command: ['sh', '-c', `(${demo}; echo $? >${code}) | head -1; true`],
      })
      assert.equal(await head.ended, 0)
      assert.equal(readFileSync(code, 'utf8'), '0\n')
    }))

  test('signals without a meaning leave it alone, and Ctrl-\\ ends everything at once', () =>
    inDirectory(async directory => {
      const demo = await startDemo(directory)
      await demo.line(streaming)
      for (const signal of [
        'SIGUSR2',
        'SIGALRM',
        'SIGVTALRM',
        'SIGPROF',
        'SIGIO',
        'SIGSTKFLT',
        'SIGPIPE',
      ] as const)
        demo.kill(signal)
      const lines = () => demo.output.split('\n').length
      const before = lines()
      await waitFor(() => lines() > before + 1, 'it goes on')
      demo.kill('SIGQUIT')
      assert.equal(await demo.ended, 131)
      await nobodyLeft(directory)
    }))

  test('SIGTERM to npm ends it with 0; under nohup a closed terminal does not', () =>
    inDirectory(async directory => {
      const stopped = await startDemo(directory, [], { command: npmStart })
      await stopped.line(streaming)
      stopped.kill('SIGTERM')
      assert.equal(await stopped.ended, 0, stopped.output)
      assert.match(stopped.output, /(\d+) events sent, \1 arrived, all in order, none twice/)
      await nobodyLeft(directory)
      const kept = await startDemo(directory, [], { command: ['nohup', ...npmStart] })
      await kept.line(streaming)
      const logs = join(kept.dataDirectory, 'logs')
      for (const name of readdirSync(logs)) renameSync(join(logs, name), join(logs, `${name}.1`))
      // As a shell tells its job; npm, which asks for the signal anew, ends.
      process.kill(-kept.pid, 'SIGHUP')
      await waitFor(
        () => ['demo.log', 'agent-a.log', 'agent-b.log'].every(name => existsSync(join(logs, name))),
        'logs are opened again',
      )
      const { pid } = processesNaming(directory).find(one => / millrace demo /.test(one.command))!
      process.kill(pid, 'SIGINT')
      await nobodyLeft(directory)
      assert.match(kept.output, /(\d+) events sent, \1 arrived, all in order, none twice/)
    }))

  test('agents that are killed, again and again and both at once, are started again, and nothing is lost', () =>
    inDirectory(async directory => {
      const demo = await startDemo(directory, ['--events', '4000', '--rate', '400', '--exit'])
      await demo.line(streaming)
      const count = (pattern: RegExp) => demo.output.match(pattern)?.length ?? 0
      const kill = async (...letters: ('A' | 'B')[]) => {
        const runs = letters.map(letter => new RegExp(`^agent ${letter} runs again after [\\d.]+ s$`, 'gm'))
        const before = runs.map(count)
        for (const letter of letters) process.kill(agentOf(letter, directory).pid, 'SIGKILL')
        await waitFor(() => runs.every((run, at) => count(run) > before[at]!), `${letters.join()} run again`)
      }
      await kill('B')
      await kill('B')
      await kill('A', 'B')
      await demo.line(
        / {1}agent A \(started again once\); agent B \(started again 3 times\); 1 to \d+ arrived in order, /,
      )
      assert.equal(await demo.ended, 0, demo.output)
      assertFrames(demo.output)
      assert.match(
        demo.output,
        /^agent B \(avro-memory-kafka\) was ended by SIGKILL and is started again; what it had not passed on is in Kafka or in its channel$/m,
      )
      assert.match(
        demo.output,
        /^4000 events sent, 4000 arrived, all in order, (none|\d+) twice\nagents were started again 4 times, and nothing was lost$/m,
      )
      await nobodyLeft(directory)
    }))

  test('an agent that cannot be started again ends all, and the log that is named is there to be read', () =>
    inDirectory(async directory => {
      const demo = await startDemo(directory, null, {
        command: [join(root, 'bin/millrace'), 'demo', '--port', '0', '--avro-port', '0'],
        environment: { TMPDIR: directory },
      })
      await demo.line(streaming)
      const { pid, command } = agentOf('B', directory)
      writeFileSync(/ -f (\S+)/.exec(command)![1]!, 'avro-memory-kafka.sources = none\n')
      process.kill(pid, 'SIGKILL')
      assert.equal(await demo.ended, 1, demo.output)
      const [, log] =
        /^millrace demo: agent B \(avro-memory-kafka\) ended with code 2, 4 times in a row; its log is (\S+agent-b\.log), and it said last:\n( {2}.*\n)+/m.exec(
          demo.output,
        )!
      assert.match(readFileSync(log!, 'utf8'), /Agent avro-memory-kafka started/)
      assert.equal(
        lastLine(demo.output),
        `logs and configurations are kept in ${join(log!, '../..')}, all else was removed`,
      )
      await nobodyLeft(directory)
    }))

  test('a directory that others may write into is refused; what they have laid out where temporary files go is not used', () =>
    inDirectory(async directory => {
      const open = join(directory, 'open')
      mkdirSync(open)
      chmodSync(open, 0o777)
      const refused = await endedDemo(directory, ['--data-dir', open])
      assert.equal(refused.code, 1)
      assert.match(
        refused.output,
        /^millrace demo: cannot use the directory \S+\/open: other users may write into it \(mode 777\); chmod go-w makes it yours alone: choose another --data-dir\n$/,
      )
      const planted = `millrace-demo-${process.getuid!()}`
      for (const name of [planted, `${planted}/44444`]) {
        mkdirSync(join(directory, name), { recursive: true })
        chmodSync(join(directory, name), 0o777)
      }
      const demo = await startDemo(directory, null, {
        command: [join(root, 'bin/millrace'), 'demo', '--port', '0', '--avro-port', '0'],
        environment: { TMPDIR: directory },
      })
      await demo.line(streaming)
      const own = / -f (\S+)\/avro-memory-kafka\.conf/.exec(agentOf('B', directory).command)![1]!
      assert.match(own, /\/millrace-demo-\w{6}$/)
      assert.equal(statSync(own).mode & 0o777, 0o700)
      demo.kill('SIGKILL')
      await demo.ended
      await nobodyLeft(directory)
      assert.ok(existsSync(own))
      // The next one clears what was left behind, and nothing else.
      const next = await startDemo(directory, null, {
        command: [
          join(root, 'bin/millrace'),
          'demo',
          '--port',
          '0',
          '--avro-port',
          '0',
          '--events',
          '5',
          '--exit',
        ],
        environment: { TMPDIR: directory },
      })
      assert.equal(await next.ended, 0, next.output)
      assert.deepEqual(
        readdirSync(directory).filter(name => name.startsWith('millrace-demo-')),
        [planted],
      )
    }))

  test('an agent that does not stop: Ctrl-C waits, a second one ends everything at once', () =>
    inDirectory(async directory => {
      const demo = await startDemo(directory)
      await demo.line(streaming)
      process.kill(agentOf('A', directory).pid, 'SIGSTOP')
      demo.kill('SIGINT')
      // As npm and the terminal give it: the same key twice.
      demo.kill('SIGINT')
      const lines = () => demo.output.split('\n').length
      const before = lines()
      await waitFor(() => lines() > before + 1, 'it waits for agent A, and says so every second')
      demo.kill('SIGINT')
      assert.equal(await demo.ended, 130)
      await nobodyLeft(directory)
    }))

  test('stopped before all events were sent: exit 1, saying how many', () =>
    inDirectory(async directory => {
      const demo = await startDemo(directory, ['--events', '5000', '--rate', '200', '--exit'])
      await demo.line(streaming)
      demo.kill('SIGINT')
      assert.equal(await demo.ended, 1)
      assert.match(demo.output, /^millrace demo: stopped after \d+ of 5000 events$/m)
      assert.match(demo.output, /^(\d+) events sent, \1 arrived, all in order, none twice$/m)
    }))

  // A terminal comes from script(1).
  const skip = existsSync('/usr/bin/script') ? false : 'there is no script(1)'
  test(
    'on a terminal: a board that stays in its place, follows the size, and ends with Ctrl-C',
    { skip },
    () =>
      inDirectory(async directory => {
        mkdirSync(join(directory, 'data'))
        // What is written into it is typed at the terminal.
        const keyboard = join(directory, 'keyboard')
        execFileSync('mkfifo', [keyboard])
        const keys = openSync(keyboard, 'r+')
        const demo = await startDemo(directory, null, {
          command: [
            'sh',
            '-c',
            'exec script -q -f -e -c "$1" /dev/null < "$2"',
            'sh',
            `stty cols 100 rows 40; TERM=xterm LC_ALL=C.UTF-8 exec npm --prefix ${root} start -- --port 0 --avro-port 0 --data-dir ${join(directory, 'data')}`,
            keyboard,
          ],
        })
        const terminal = new TerminalScreen(100, 40)
        let at = 0
        const follow = () => {
          terminal.write(demo.output.slice(at))
          at = demo.output.length
          return terminal.lines
        }
        const has = (pattern: RegExp) =>
          waitFor(() => follow().some(line => pattern.test(line)), String(pattern))
        await has(/^ {2}in [1-9]\d* = out [1-9]\d* \+ in flight \d+ {3}in order, none twice$/)
        await has(/^ {2}first event +\d+ ms after the start$/)
        const top = terminal.lines.findIndex(line => line.startsWith('millrace demo '))
        const { scrolled } = terminal
        // Later than what was seen: on a slow machine the second may have been passed over.
        const clock = /^millrace demo {2}(\d+:\d\d:\d\d)/
        const shown = (): string | undefined => clock.exec(follow()[top] ?? '')?.[1]
        const early = shown()
        await waitFor(() => (shown() ?? early) !== early, 'the clock goes on in its place')
        assert.equal(terminal.scrolled, scrolled)
        assert.equal(
          terminal.lines.findIndex(line => line.startsWith('millrace demo ')),
          top,
        )
        assert.deepEqual(terminal.unknown, [])
        assert.equal(terminal.isCursorShown, false)
        // The kernel tells who has the terminal of its new size.
        const node = processesNaming(directory).find(one => / millrace demo /.test(one.command))!
        terminal.resize(50, 12)
        execFileSync('stty', ['-F', readlinkSync(`/proc/${node.pid}/fd/1`), 'cols', '50', 'rows', '12'])
        await waitFor(() => follow()[0]?.startsWith('millrace demo ') === true, 'the board stands at the top')
        assert.ok(terminal.lines.length <= 11)
        // The terminal tells npm and the demonstration, and npm tells the demonstration once more.
        writeSync(keys, '\u0003')
        assert.equal(await demo.ended, 0)
        closeSync(keys)
        follow()
        assert.ok(terminal.isCursorShown)
        assert.match(terminal.lines.join(''), /(\d+) events sent, \1 arrived, all in order, none twice/)
        await nobodyLeft(directory)
      }),
  )

  test('a closed terminal ends it as Ctrl-C does, also where npm is in between', { skip }, () =>
    inDirectory(async directory => {
      for (const command of [`exec ${join(root, 'bin/millrace')} demo`, `exec ${npmStart.join(' ')}`]) {
        const own = join(directory, 'data')
        const terminal = await startDemo(directory, null, {
          command: [
            'script',
            '-q',
            '-f',
            '-c',
            `TERM=dumb ${command} --port 0 --avro-port 0 --data-dir ${own}`,
            '/dev/null',
          ],
        })
        await terminal.line(streaming)
        terminal.kill('SIGKILL')
        await terminal.ended
        await nobodyLeft(directory)
        for (const letter of ['a', 'b'])
          assert.match(
            readFileSync(join(own, 'logs', `agent-${letter}.log`), 'utf8'),
            /SIGTERM: stopping[^]* stopped\n$/,
          )
        rmSync(own, { recursive: true })
      }
    }),
  )
})
