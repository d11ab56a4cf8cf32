// Agents that announce themselves on their machine: found without an address, let go when they stop, missed when they are
// killed, and known again when they come back; their events are for their own user.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Agents } from '../../src/console/agents.ts'
import { AgentPages } from '../../src/console/agent-pages.ts'
import type { Flow } from '../../src/console/api.ts'
import { realSystem } from '../../src/system/system.ts'
import { startProgram, type Program } from '../../src/system/programs.ts'

const home = mkdtempSync(join(tmpdir(), 'millrace-found-'))
// Other tests have agents of their own on this machine.
process.env['XDG_RUNTIME_DIR'] = home
process.env['TMPDIR'] = home
const programs: Program[] = []
after(async () => {
  for (const one of programs) one.signal('SIGKILL')
  await Promise.all(programs.map(one => one.ended))
  rmSync(home, { recursive: true, force: true })
})

// Some events a second: agents that make as many as they can would only slow all else down.
const configuration = (name: string) => `
${name}.sources = r1
${name}.sources.r1.type = exec
${name}.sources.r1.shell = /bin/sh -c
${name}.sources.r1.command = while echo $((i=i+1)); do sleep 0.03; done
${name}.sources.r1.channels = c1
${name}.channels = c1
${name}.channels.c1.type = memory
${name}.channels.c1.capacity = 1000
${name}.sinks = k1
${name}.sinks.k1.type = null
${name}.sinks.k1.channel = c1
`

async function startAgent(name: string, ...more: string[]) {
  const file = join(home, `${name}.conf`)
  writeFileSync(file, configuration(name))
  const started = Promise.withResolvers<void>()
  let address = ''
  const program = startProgram({
    command: [
      join(import.meta.dirname, '../../bin/flume-ng'),
      'agent',
      '-n',
      name,
      '-f',
      file,
      '--no-reload-conf',
      '-Dmillrace.stop.with.stdin=true',
      ...more,
    ],
    environment: process.env,
    onLine: line => {
      address ||= / Monitoring on http:\/\/([^/]*:\d+)\//.exec(line)?.[1] ?? ''
      if (/ Agent \S+ started$/.test(line)) started.resolve()
    },
  })
  programs.push(program)
  await Promise.race([started.promise, program.ended.then(({ code }) => assert.fail(`ended with ${code}`))])
  return { ...program, address }
}

async function run(...words: string[]): Promise<{ code: number | null; out: string }> {
  let out = ''
  const program = startProgram({
    command: [join(import.meta.dirname, '../../bin/millrace'), ...words],
    environment: { ...process.env, LANG: 'C.UTF-8' },
    onLine: line => (out += `${line}\n`),
  })
  programs.push(program)
  const { code } = await program.ended
  return { code, out }
}

const until = async (agents: Agents, what: string, holds: (flow: Flow) => boolean): Promise<Flow> => {
  const end = performance.now() + 60_000
  for (;;) {
    const flow = await agents.once()
    if (holds(flow)) return flow
    assert.ok(performance.now() < end, `${what}: ${JSON.stringify(flow.agents)} ${flow.verdict.sentence}`)
  }
}

test('agents come, are killed, come back and stop', async () => {
  const agents = new Agents({ given: [], announced: true }, realSystem.clock)
  assert.match((await agents.once()).verdict.sentence, /No agent/)
  const a = await startAgent('A')
  const b = await startAgent('B')
  const both = await until(agents, 'both', flow => flow.agents.length === 2)
  assert.deepEqual(both.agents.map(({ name, address, state }) => [name, address, state]).sort(), [
    ['A', 'A', 'running'],
    ['B', 'B', 'running'],
  ])
  const peeked = await agents.peek('A/CHANNEL.c1', 5)
  assert.ok(peeked!.events.every(({ body }) => /^\d+$/.test(body)))
  const enough = new AbortController()
  let seen = 0
  for await (const { passed, events } of agents.tap('A/SOURCE.r1', 'A/CHANNEL.c1', enough.signal)!) {
    seen += events.length
    assert.ok(passed >= events.length)
    if (seen > 20) break
  }
  assert.equal(agents.tap('A/SOURCE.r1', 'B/CHANNEL.c1', enough.signal), undefined)

  const top = await run('top')
  assert.equal(top.code, 0)
  assert.match(top.out, /^● /)
  assert.match(top.out, /agent A {2}running[^]*r1 +running[^]*agent B/)
  const tapped = await run('tap', 'A/r1/c1', '--max', '3')
  assert.equal(tapped.code, 0)
  const lines = tapped.out.trim().split('\n')
  assert.equal(lines.length, 3)
  assert.equal((JSON.parse(lines[0]!) as { edge: string }).edge, 'A/r1/c1')
  assert.equal((await run('tap', 'A/c1/k1', '--seconds', '1')).code, 0)
  for (const unknown of ['r1/c1', 'A/r1/k1', '']) {
    const refused = await run('tap', ...(unknown === '' ? [] : [unknown]))
    assert.equal(refused.code, 1)
    assert.match(refused.out, /A\/r1\/c1[^]*B\/c1\/k1/, 'the edges are listed')
  }

  b.signal('SIGKILL')
  await b.ended
  // Another console that sees it first does not take the news from this one.
  await new Agents({ given: [], announced: true }, realSystem.clock).once()
  const missed = await until(agents, 'B missed', flow => flow.agents.some(one => one.problem !== null))
  assert.match(missed.verdict.sentence, /Agent B does not answer/)
  const again = await startAgent('B')
  const back = await until(agents, 'B again', flow => flow.agents.every(one => one.problem === null))
  assert.deepEqual(back.agents.map(({ name }) => name).sort(), ['A', 'B'])

  a.signal('SIGTERM')
  await a.ended
  const gone = await until(agents, 'A gone', flow => flow.agents.length === 1)
  assert.equal(gone.agents[0]!.name, 'B')
  assert.ok(gone.notices.some(({ text }) => text === 'Agent A has stopped'))
  again.signal('SIGTERM')
  await again.ended
  await until(agents, 'none', flow => flow.agents.length === 0)
  assert.deepEqual(
    readdirSync(join(home, 'millrace')).filter(name => name.endsWith('.sock')),
    [],
  )
})

test('an agent that is given by its address is not shown twice, and shows its events on its socket', async () => {
  const monitoring = ['type=http', 'port=0', 'host=127.0.0.1'].map(one => `-Dflume.monitoring.${one}`)
  const program = await startAgent('C', ...monitoring)
  const { address } = program
  const agents = new Agents({ given: [address], announced: true }, realSystem.clock)
  await until(agents, 'C', flow => flow.agents[0]?.state === 'running')
  const flow = await agents.once()
  assert.deepEqual(
    flow.agents.map(one => one.address),
    [address],
  )
  // By its address it does not show them.
  await assert.rejects(new AgentPages(address).peek('c1', 5), /millrace\.monitoring\.events/)
  assert.ok((await agents.peek(`${address}/CHANNEL.c1`, 5)) !== undefined)
  program.signal('SIGTERM')
  await program.ended
  const missed = await until(agents, 'C away', one => one.agents[0]?.problem !== null)
  assert.equal(missed.agents.length, 1, 'what is given stays')
})
