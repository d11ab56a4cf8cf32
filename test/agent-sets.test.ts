// `millrace check` over all agents at once: broken sets of agents with the sentence that a user needs, right ones that
// raise no alarm, and the formats for programs.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { formats } from '../src/cli/check-report.ts'
import { examineSet } from '../src/cli/check-set-command.ts'
import { startBroker } from '../src/start-broker.ts'
import {
  agentText,
  brokenSets,
  reads,
  readsLike,
  rightSets,
  writesOnly,
  type AgentSet,
} from './agent-sets.ts'

const root = join(import.meta.dirname, '..')
const directory = mkdtempSync(join(tmpdir(), 'agent-sets-'))
after(() => rmSync(directory, { recursive: true, force: true }))

let sets = 0
/** Writes the files, by name, and checks their directory. */
async function examined(files: AgentSet) {
  const place = join(directory, String(++sets))
  mkdirSync(place)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(place, name), text)
  const report = await examineSet([place], { systemProperties: new Map(), live: false })
  const lines = report.findings.map(({ severity, rule, place: at, problem, fix }) =>
    `${at === undefined ? '' : `${basename(at.file)}:${at.line}: `}${severity}: ${rule}: ${problem}. ${fix}`.replaceAll(
      `${place}/`,
      '',
    ),
  )
  return { report, lines }
}

describe('broken sets of agents', () => {
  for (const [name, { files, says, loops }] of Object.entries(brokenSets))
    test(name, async () => {
      const { report, lines } = await examined(files)
      for (const wanted of says)
        assert.ok(
          lines.some(
            line => line.startsWith(wanted[0]) && wanted.slice(1).every(part => line.includes(part)),
          ),
          `${wanted.join(' … ')}\nfound:\n${lines.join('\n')}`,
        )
      assert.equal(report.loops, loops ?? 'none', lines.join('\n'))
      // One fault is not reported in several ways.
      const loud = report.findings.filter(({ severity }) => severity !== 'note')
      assert.equal(
        loud.length,
        says.filter(([place]) => !place.includes(': note: ')).length,
        lines.join('\n'),
      )
    })

  test('there are fifty', () => assert.ok(Object.keys(brokenSets).length >= 50))
})

describe('right sets raise no alarm', () => {
  for (const [name, files] of Object.entries(rightSets))
    test(name, async () => {
      const { report, lines } = await examined(files)
      assert.deepEqual(
        lines.filter(line => !line.includes(': note: ')),
        [],
      )
      assert.equal(report.loops, 'none', lines.join('\n'))
    })

  test('the two agents of conf/ and the agents of examples/', async () => {
    const paths = [
      'conf',
      ...['01-one-agent', '04-own-component', '05-secured-kafka', '02-kafka-to-kafka/conf'].map(
        one => `examples/${one}`,
      ),
    ]
    for (const path of paths) {
      const { findings, loops } = await examineSet([join(root, path)], {
        systemProperties: new Map(),
        live: false,
      })
      assert.equal(loops, 'none')
      // What one agent's own check reports (old spellings, a misspelt key) is no matter of the set.
      assert.deepEqual(
        findings.filter(({ rule, severity }) => rule !== 'configuration' && severity !== 'note'),
        [],
        path,
      )
      assert.ok(
        findings.every(({ severity }) => severity !== 'error'),
        path,
      )
    }
  })
})

test('JSON and SARIF hold every finding with its file and line', async () => {
  const { report } = await examined(brokenSets['a loop over three agents and topics']!.files)
  const json = JSON.parse(formats.json(report)) as {
    errors: number
    loops: string
    findings: { rule: string; line: number; file: string; fix: string }[]
  }
  assert.equal(json.errors, 1)
  assert.equal(json.loops, 'found')
  const sarif = JSON.parse(formats.sarif(report)) as {
    version: string
    runs: {
      tool: { driver: { name: string; rules: { id: string }[] } }
      results: {
        ruleId: string
        ruleIndex: number
        level: string
        message: { text: string }
        locations: {
          physicalLocation: { artifactLocation: { uri: string }; region: { startLine: number } }
        }[]
      }[]
    }[]
  }
  assert.equal(sarif.version, '2.1.0')
  const [run] = sarif.runs
  const [found] = json.findings
  const [result] = run!.results
  assert.equal(run!.tool.driver.name, 'Millrace')
  assert.equal(run!.results.length, json.findings.length)
  assert.equal(run!.tool.driver.rules[result!.ruleIndex]!.id, found!.rule)
  assert.equal(result!.level, 'error')
  assert.ok(result!.message.text.endsWith(found!.fix))
  const { artifactLocation, region } = result!.locations[0]!.physicalLocation
  assert.equal(region.startLine, found!.line)
  assert.equal(new URL(artifactLocation.uri).pathname, found!.file)
})

test('the command prints text, ends with 1 where there is an error, and 0 where there is none', async () => {
  const set = brokenSets['only the sink compresses']!.files
  const place = join(directory, 'command')
  mkdirSync(place)
  for (const [name, text] of Object.entries(set)) writeFileSync(join(place, name), text)
  const run = (...args: string[]) =>
    spawnSync(join(root, 'bin/millrace'), ['check', ...args], {
      encoding: 'utf8',
      cwd: place,
      timeout: 120_000,
    })
  const found = run('-f', 'a.conf', '-f', 'b.conf')
  assert.equal(found.status, 1, found.stdout + found.stderr)
  assert.match(
    found.stdout,
    /^a\.conf:14: error: sink k of a compresses, .*\. Write b\.sources\.s\.compression-type = /,
  )
  assert.match(
    found.stdout,
    /2 agents: 1 error, 0 warnings, 0 notes; no event returns to where it came from\n$/,
  )
  assert.equal(run('a.conf').status, 0)
  assert.match(run('--format', 'xml', '.').stderr, /--format xml: write text, json, sarif/)
})

test('--live asks the brokers what the agents need of them', async () => {
  await using broker = await startBroker({ topics: { there: 2, here: 1 } })
  const servers = { 'kafka.bootstrap.servers': broker.bootstrapServers }
  const place = join(directory, 'live')
  mkdirSync(place)
  const agents = {
    a: agentText('a', reads('absent', servers), writesOnly('there', { ...servers, defaultPartitionId: 2 })),
    b: agentText('b', reads('here', { ...servers, maxRecordBytes: 2048 }), writesOnly('nowhere', servers)),
    c: agentText(
      'c',
      readsLike('none.*', servers),
      writesOnly('here', { ...servers, 'kafka.producer.max.request.size': 9_000_000 }),
    ),
    // A port of its own machine on which nobody listens: 1.
    d: agentText('d', reads('x', { 'kafka.bootstrap.servers': '127.0.0.1:1' }), { type: 'null' }),
  }
  for (const [name, text] of Object.entries(agents)) writeFileSync(join(place, `${name}.conf`), text)
  const { findings } = await examineSet([place], { systemProperties: new Map(), live: true })
  const lines = findings
    .filter(({ rule }) => rule === 'broker')
    .map(({ severity, place: at, problem }) => `${basename(at!.file)}:${at!.line}: ${severity}: ${problem}`)
  const at = broker.bootstrapServers
  const wanted = [
    `a.conf:7: error: topic absent, which source s of a reads, does not exist on ${at}`,
    `a.conf:15: error: sink k of a writes to partition 2, and topic there of ${at} has 2`,
    `b.conf:10: warning: topic here of ${at} takes records of up to 1048588 bytes, and source s of b reads up to 2048`,
    `b.conf:14: warning: topic nowhere, which sink k of b writes to, does not exist on ${at}`,
    `c.conf:7: warning: no topic of ${at} matches /none.*/, which source s of c reads`,
    `c.conf:13: warning: topic here of ${at} refuses batches above 1048588 bytes, and sink k of c sends up to 9000000`,
    'd.conf:6: error: the brokers of source s of d at 127.0.0.1:1 cannot be asked: ',
  ]
  for (const one of wanted)
    assert.ok(
      lines.some(line => line.startsWith(one)),
      `${one}\n${lines.join('\n')}`,
    )
  assert.equal(lines.length, wanted.length, lines.join('\n'))
})
