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
process.env['XDG_RUNTIME_DIR'] = home
const programs: Program[] = []
after(async () => {
  for (const one of programs) one.signal('SIGKILL')
  await Promise.all(programs.map(one => one.ended))
  rmSync(home, { recursive: true, force: true })
})

const configuration = (name: string) => `
${name}.sources = r1
${name}.sources.r1.type = seq
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
    environment: { ...process.env, XDG_RUNTIME_DIR: home },
    onLine: line => {
      address ||= / Monitoring on http:\/\/([^/]*:\d+)\//.exec(line)?.[1] ?? ''
      if (/ Agent \S+ started$/.test(line)) started.resolve()
    },
  })
  programs.push(program)
  await Promise.race([started.promise, program.ended.then(({ code }) => assert.fail(`ended with ${code}`))])
  return { ...program, address }
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
