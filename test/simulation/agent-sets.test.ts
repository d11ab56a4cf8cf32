// The check of all agents at once, held to the simulation: generated sets of agents are checked, and live. Where the
// check finds no loop and no doubled events, no event ever stands twice in a topic; where it finds a loop, one does.
import assert from 'node:assert/strict'
import { testsIn } from './in-threads.ts'
import { AgentJoin } from '../../src/agent-set/agent-join.ts'
import { findDoubledEvents } from '../../src/agent-set/doubled-events.ts'
import { flowAgentOf } from '../../src/agent-set/flow-agent.ts'
import { findLoops } from '../../src/agent-set/loops.ts'
import { isOwnInterceptor, loadTopology } from '../../src/load-topology.ts'
import { runChain } from '../../src/simulation/chain-world.ts'
import { planOfFiles } from '../../src/simulation/plan-of-files.ts'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { realClock } from '../../src/system/clock.ts'
import type { Topology } from '../../src/topology/topology.ts'
import { agentText, reads, sends, takes, writes } from '../agent-sets.ts'

const sets = Number(process.env['MILLRACE_SETS'] ?? (process.env['MILLRACE_DEEP'] === undefined ? 15 : 2_000))
const onlySeed = process.env['MILLRACE_SEED']
const it = testsIn(import.meta.url)

/** How long events are written, and looked after then, ms of the simulation. */
const stormMs = 1_000
const watchMs = 12_000
const records = 200

const pick = <T>(random: SeededRandom, list: readonly T[]): T => list[random.below(list.length)]!

/** Two to four agents over four topics and as many ports. */
function generated(random: SeededRandom): string[] {
  const count = 2 + random.below(3)
  const topics = ['t0', 't1', 't2', 't3', 'out']
  // Agents with an Avro source, by their number; the first has none, so that events enter.
  const behind = Array.from({ length: count }, (_, index) => index > 0 && random.chance(0.4))
  return behind.map((isBehind, index) => {
    const name = `a${index}`
    const topic = pick(random, topics.slice(0, 4))
    const group = random.chance(0.2) ? 'shared' : name
    const source = isBehind
      ? takes(4000 + index)
      : reads(topic, {
          'kafka.consumer.group.id': `${group} ${topic}`,
          setTopicHeader: String(random.chance(0.6)),
          topicHeader: random.chance(0.7) ? 'topic' : 'from',
          'kafka.consumer.auto.offset.reset': 'earliest',
        })
    const targets = behind.flatMap((one, other) => (one && other !== index ? [other] : []))
    const sink = () => {
      if (targets.length > 0 && random.chance(0.5)) {
        const target = pick(random, targets)
        return sends(4000 + target, `host${target}`)
      }
      const plain = pick(random, topics)
      const escaped = pick(random, ['x%{from}', 'x%{topic}', 't%{kind}', plain])
      const mayOverride = random.chance(0.5)
      return writes(mayOverride ? escaped : plain, { allowTopicOverride: String(mayOverride) })
    }
    const more: string[] = []
    const interceptors = ['i', 'j'].slice(0, random.below(3))
    if (interceptors.length > 0) more.push(`sources.s.interceptors = ${interceptors.join(' ')}`)
    for (const one of interceptors) {
      const at = `sources.s.interceptors.${one}`
      if (random.chance(0.25))
        more.push(`${at}.type = remove_header`, `${at}.withName = ${pick(random, ['topic', 'kind'])}`)
      else
        more.push(
          `${at}.type = static`,
          `${at}.key = ${pick(random, ['topic', 'kind', 'from'])}`,
          `${at}.value = ${pick(random, ['1', '2', '3', ...topics])}`,
          `${at}.preserveExisting = ${random.chance(0.5)}`,
        )
    }
    if (random.chance(0.4)) {
      more.push(
        'channels = c d',
        'sinks = k l',
        'sources.s.channels = c d',
        'channels.d.type = memory',
        'sinks.l.channel = d',
      )
      for (const [key, value] of Object.entries(sink())) more.push(`sinks.l.${key} = ${value}`)
      const kind = random.below(3)
      if (kind === 1) more.push('sources.s.selector.type = load_balancing')
      if (kind === 2) {
        more.push(
          'sources.s.selector.type = multiplexing',
          `sources.s.selector.header = ${pick(random, ['topic', 'kind'])}`,
        )
        for (const value of ['1', 't0', 't1'])
          if (random.chance(0.6))
            more.push(`sources.s.selector.mapping.${value} = ${pick(random, ['c', 'd', 'c d'])}`)
        more.push('sources.s.selector.default = c')
      }
    }
    return agentText(name, source, sink(), { type: 'memory' }, more)
  })
}

async function loaded(texts: readonly string[]): Promise<Topology[]> {
  const all = await Promise.all(
    texts.map((text, index) =>
      loadTopology([{ file: `a${index}.conf`, bytes: Buffer.from(text) }], {
        agent: `a${index}`,
        environment: {},
        systemProperties: new Map(),
        home: '/home',
        isOfSet: true,
      }),
    ),
  )
  return all.map(({ topology, problems }) => {
    assert.ok(topology !== undefined, JSON.stringify(problems))
    return topology
  })
}

type Verdict = 'loop' | 'circle' | 'possible' | 'doubled' | 'straight'

async function runSet(seed: number): Promise<Verdict> {
  const texts = generated(new SeededRandom(seed))
  const topologies = await loaded(texts)
  const join = new AgentJoin(
    topologies.map(one => flowAgentOf(one, isOwnInterceptor)),
    true,
  )
  const { proven, possible } = findLoops(join)
  const doubled = proven.length > 0 ? [] : findDoubledEvents(join)
  const verdict =
    proven.length > 0
      ? 'loop'
      : doubled.length > 0
        ? 'doubled'
        : possible.length > 0
          ? 'possible'
          : 'straight'
  // What programs that are no agents bring along may name any topic.
  const isOpen = join.entries().length > 0 && verdict === 'straight'
  if (isOpen || verdict === 'possible') return 'possible'
  // Agents that send to each other in a circle do so without any topic.
  if (verdict === 'loop' && proven.every(({ problem }) => problem.includes('return to the source')))
    return 'circle'
  const { plan } = planOfFiles(topologies, { records, stormMs, intoAll: true })
  const watched = { ...plan, faults: [], faultCount: 0, copies: new Map<string, number>(), watchMs }
  const { doubledIn, violations, sent } = await runChain(seed, watched, realClock.soon)
  const said = [...proven, ...doubled].map(({ problem }) => problem).join('\n')
  const about = `seed ${seed} (MILLRACE_SEED=${seed}): ${verdict}\n${said}\n${texts.join('\n')}`
  assert.ok(sent > 0, about)
  assert.deepEqual(violations, [], about)
  assert.equal(doubledIn.length > 0, verdict !== 'straight', `${about}\ntwice in: ${doubledIn.join()}`)
  return verdict
}

if (onlySeed !== undefined) it(`seed ${onlySeed}`, async () => void (await runSet(Number(onlySeed))))
else
  it('no loop: no event twice in a topic; a loop: one', async t => {
    const found = { loop: 0, circle: 0, possible: 0, doubled: 0, straight: 0 }
    for (let seed = 1; seed <= sets; seed++) found[await runSet(seed)]++
    t.diagnostic(`${sets} sets: ${JSON.stringify(found)}`)
    for (const verdict of ['loop', 'straight'] as const) assert.ok(found[verdict] > sets / 20, verdict)
  })
