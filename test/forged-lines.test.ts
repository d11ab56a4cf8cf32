// Text from outside begins no line of its own and moves no terminal's cursor: headers, bodies, answers of peers,
// names and values of a configuration, each through the agent as a user starts it.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { root } from './source-text.ts'

const directory = mkdtempSync(join(tmpdir(), 'forged-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const escape = '\u001b'
/** A line of its own, the line begun anew, the screen cleared, letters turned around. */
const hostile = `x\n2026-11-23 01:02:03,456 (main) [ERROR - millrace.main] forged\rforged ${escape}[2J\u0085\u202e`

/** As an escape of the properties format, where it is more than a letter. */
const escaped = (text: string): string =>
  text.replaceAll(/[^\w.$-]/g, one => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** Runs flume-ng until `isEnough`, then ends it. All that it said. */
async function outputOf(lines: readonly string[], isEnough: RegExp): Promise<string> {
  const file = join(mkdtempSync(join(directory, 'run-')), 'flume.conf')
  writeFileSync(file, lines.join('\n'))
  const child = spawn(
    join(root, 'bin/flume-ng'),
    ['agent', '-n', 'a1', '-f', file, '-Dflume.root.logger=DEBUG,console'],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let output = ''
  let isOver = false
  const read = (text: string) => {
    output += text
    if (isOver) return
    isOver = isEnough.test(output)
    if (isOver) child.kill('SIGTERM')
  }
  child.stdout.setEncoding('utf8').on('data', read)
  child.stderr.setEncoding('utf8').on('data', read)
  const guard = setTimeout(() => child.kill('SIGKILL'), 120_000)
  await new Promise(resolve => void child.on('close', resolve))
  clearTimeout(guard)
  assert.match(output, isEnough)
  return output
}

/** Every line begins as one of ours does, and holds nothing but what can be seen. */
function assertUnforged(output: string): void {
  for (const line of output.split('\n')) {
    assert.doesNotMatch(line, /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u)
    assert.match(
      line,
      /^$|^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \(|^[0-9A-F]{8} |^ {4}at |^\S+:\d+: |^flume-ng: /,
    )
    assert.doesNotMatch(line, /^2026-11-23 01:02:03,456/)
  }
}

const seqToLogger = (change: Readonly<Record<string, string>> = {}) =>
  Object.entries({
    'a1.sources': 'r1',
    'a1.channels': 'c1',
    'a1.sinks': 'k1',
    'a1.sources.r1.type': 'seq',
    'a1.sources.r1.totalEvents': '1',
    'a1.sources.r1.channels': 'c1',
    'a1.channels.c1.type': 'memory',
    'a1.sinks.k1.type': 'logger',
    'a1.sinks.k1.channel': 'c1',
    ...change,
  }).map(([key, value]) => `${escaped(key)} = ${escaped(value)}`)

/** A server that answers everything with `bytes`. */
async function answering(bytes: string, run: (port: number) => Promise<void>): Promise<void> {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {}).on('data', () => socket.end(bytes))
  })
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
  try {
    await run((server.address() as AddressInfo).port)
  } finally {
    for (const socket of sockets) socket.destroy()
    await new Promise(resolve => server.close(resolve))
  }
}

describe('no line is forged', { concurrency: 2 }, () => {
  test('by headers and bodies, through the logger sink', async () => {
    const output = await outputOf(
      seqToLogger({
        'a1.sources.r1.interceptors': 'i1 i2',
        'a1.sources.r1.interceptors.i1.type': 'static',
        'a1.sources.r1.interceptors.i1.key': hostile,
        'a1.sources.r1.interceptors.i1.value': hostile,
        'a1.sources.r1.interceptors.i2.type': 'search_replace',
        'a1.sources.r1.interceptors.i2.searchPattern': '0',
        'a1.sources.r1.interceptors.i2.replaceString': `${hostile} and more than one row of the dump`,
        'a1.sinks.k1.maxBytesToLog': '1000',
      }),
      /millrace\.k1\] Event: [^]* \}\n/,
    )
    assertUnforged(output)
    assert.match(
      output,
      /headers:\{x\\n2026-11-23 01:02:03,456 \(main\) \[ERROR - millrace\.main\] forged\\rforged \\u001B\[2J\\u0085\\u202E=x\\n/,
    )
    // The dump has its rows, each with its offset.
    assert.match(output, /\n00000010 [0-9A-F ]+ .*\n00000020 /)
  })

  test('by names and values of the configuration, refused or started', async () => {
    const refused = await outputOf(
      seqToLogger({
        [`a1.sinks.k1.${hostile}`]: '1',
        'a1.sinks.k1.type': hostile,
        'a1.channels.c1.keep-alive': hostile,
      }),
      /does not start/,
    )
    assertUnforged(refused)
    assert.match(refused, /a1\.sinks\.k1\.type = x\\n2026/)
    const name = `k${escape}[31m`
    const started = await outputOf(
      seqToLogger({
        'a1.sinks': name,
        [`a1.sinks.${name}.type`]: 'logger',
        [`a1.sinks.${name}.channel`]: 'c1',
      }),
      /Agent a1 started/,
    )
    assertUnforged(started)
    assert.match(started, /\(k\\u001B\[31m\) \[INFO - millrace\.k\\u001B\[31m\]/)
  })

  test('by what a peer answers to an Avro sink', () =>
    answering(hostile, async port =>
      assertUnforged(
        await outputOf(
          seqToLogger({
            'a1.sinks.k1.type': 'avro',
            'a1.sinks.k1.hostname': '127.0.0.1',
            'a1.sinks.k1.port': String(port),
          }),
          /\[(WARN|ERROR) - millrace\.k1\]/,
        ),
      ),
    ))

  test('by what a peer answers to a Kafka sink', () =>
    answering(hostile, async port =>
      assertUnforged(
        await outputOf(
          seqToLogger({
            'a1.sinks.k1.type': 'org.apache.flume.sink.kafka.KafkaSink',
            'a1.sinks.k1.kafka.bootstrap.servers': `127.0.0.1:${port}`,
            'a1.sinks.k1.flumeBatchSize': '1',
          }),
          /\[(WARN|ERROR) - millrace\.k1\]/,
        ),
      ),
    ))
})
