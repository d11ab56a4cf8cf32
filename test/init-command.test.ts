// `millrace init`: what it writes passes its own test and runs in an agent, and what it would overwrite stays.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

const root = join(import.meta.dirname, '..')
const directory = mkdtempSync(join(tmpdir(), 'init-'))
after(() => rmSync(directory, { recursive: true, force: true }))
mkdirSync(join(directory, 'node_modules'))
symlinkSync(root, join(directory, 'node_modules/millrace'))

function run(program: string, ...args: string[]): Promise<{ code: number; out: string }> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  return new Promise(resolve =>
    execFile(program, args, { cwd: directory, env }, (error, out, err) =>
      resolve({ code: Number(error?.code ?? 0), out: out + err }),
    ),
  )
}
const init = (...args: string[]) => run(join(root, 'bin/millrace'), 'init', ...args)

test('each kind is written with a test that passes, and runs in an agent', async () => {
  const written = await Promise.all([
    init('interceptor', 'com.x.MyETLInterceptor$Builder'),
    init('source', 'my-source'),
    init('sink', 'My_Sink', '--directory', 'sinks/own'),
  ])
  for (const { code, out } of written) assert.equal(code, 0, out)
  assert.match(written[0].out, /millrace\.classes\.com\.x\.MyETLInterceptor = \.\/my-etl-interceptor\.ts/)
  assert.match(written[1].out, /a1\.sources\.r1\.type = \.\/my-source\.ts/)
  assert.match(written[2].out, /a1\.sinks\.k1\.type = \.\/sinks\/own\/my-sink\.ts/)
  const tests = ['my-etl-interceptor.test.ts', 'my-source.test.ts', 'sinks/own/my-sink.test.ts']
  const tested = await run(process.execPath, '--test', ...tests)
  assert.equal(tested.code, 0, tested.out)
  assert.match(tested.out, /pass 7\b/)
  writeFileSync(join(directory, 'in.txt'), 'one\n\ntwo\n')
  const { startAgent } = await import('../src/start-agent.ts')
  const { KeptLog } = await import('./context.ts')
  const log = new KeptLog()
  const agent = await startAgent({
    name: 'a1',
    file: join(directory, 'a.conf'),
    log,
    configuration: `
a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = ./my-source.ts
a1.sources.r1.path = ${directory}/in.txt
a1.sources.r1.channels = c1
a1.sources.r1.interceptors = i1
a1.sources.r1.interceptors.i1.type = com.x.MyETLInterceptor$Builder
a1.channels.c1.type = memory
a1.sinks.k1.type = sinks/own/my-sink.ts
a1.sinks.k1.path = ${directory}/out.txt
a1.sinks.k1.channel = c1
millrace.classes.com.x.MyETLInterceptor = my-etl-interceptor.ts
`.replace('= sinks', '= ./sinks'),
  })
  // The stop drains the memory channel.
  await agent.stop()
  assert.equal(readFileSync(join(directory, 'out.txt'), 'utf8'), 'one\ntwo\n')
})

test('what is there already stays, and odd names are refused', async () => {
  writeFileSync(join(directory, 'there.ts'), 'mine')
  writeFileSync(join(directory, 'half.test.ts'), 'mine')
  const answers = await Promise.all([
    init('sink', 'there'),
    init('channel', 'x'),
    init('sink', '../../x'),
    init('sink', '2x'),
    init('sink'),
    init('sink', 'half'),
  ])
  for (const { code } of answers) assert.equal(code, 1)
  assert.match(answers[0].out, /there\.ts is there already/)
  assert.match(answers[1].out, /write interceptor, sink, source/)
  assert.match(answers[2].out, /gives no name of a file/)
  assert.match(answers[3].out, /gives no name of a file/)
  assert.match(answers[4].out, /missing required argument 'name'/)
  assert.match(answers[5].out, /half\.test\.ts is there already/)
  assert.equal(readFileSync(join(directory, 'there.ts'), 'utf8'), 'mine')
  assert.equal(existsSync(join(directory, 'half.ts')), false)
})
