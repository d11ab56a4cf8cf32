import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import {
  agentA,
  agentB,
  ConfigurationCopyProblem,
  copyOfA,
  copyOfB,
  groupOf,
  type CopyTarget,
} from './configuration-copy.ts'
import { unifiedDiff } from './unified-diff.ts'

const conf = (file: string) => readFileSync(new URL(`../../conf/${file}`, import.meta.url), 'utf8')
const to: CopyTarget = {
  bootstrap: ['127.0.0.1:9092'],
  avroHost: '127.0.0.1',
  avroPort: 44_444,
  directory: '/d',
  group: null,
}
const changed = (text: string, copy: string) =>
  unifiedDiff({ name: 'a', text }, { name: 'b', text: copy }).filter(line => /^\+[^+]/.test(line))

describe('the copies of the agents’ files', () => {
  test('differ in addresses and directories, in nothing else', () => {
    const a = conf(agentA.file)
    assert.deepEqual(changed(a, copyOfA(a, to)), [
      '+kafka-memory-avro.sources.s1.kafka.bootstrap.servers=127.0.0.1:9092',
      '+kafka-memory-avro.sinks.k1.hostname = 127.0.0.1',
      '+kafka-memory-avro.channels.c1.checkpontDir=/d/agent-a/checkpoint',
      '+kafka-memory-avro.channels.c1.dataDirs=/d/agent-a/data',
    ])
    const b = conf(agentB.file)
    assert.deepEqual(changed(b, copyOfB(b, to)), [
      '+avro-memory-kafka.sources.avro-source.bind = 127.0.0.1',
      '+avro-memory-kafka.sinks.kafka-sink.brokerList = 127.0.0.1:9092',
      '+avro-memory-kafka.channels.memory-channel.checkpointDir=/d/agent-b/checkpoint',
      '+avro-memory-kafka.channels.memory-channel.dataDirs=/d/agent-b/data',
    ])
    assert.equal(groupOf(a), 'test-consumer-group')
  })

  test('on another port and another Kafka these are others too', () => {
    const other = { ...to, bootstrap: ['k1:1', 'k2:2'], avroPort: 5, group: 'own', directory: '/a\\b' }
    const a = conf(agentA.file)
    const lines = changed(a, copyOfA(a, other)).join('\n')
    for (const part of ['servers=k1:1,k2:2', 'group.id = own', 'port = 5', 'dataDirs=/a\\\\b/agent-a/data'])
      assert.ok(lines.includes(part), `${part} in ${lines}`)
    const b = conf(agentB.file)
    assert.ok(copyOfB(b, other).includes('avro-source.port = 5\n'))
  })

  test('line ends stay as they are; a file without a key is refused, naming it', () => {
    const b = conf(agentB.file).replaceAll('\n', '\r\n')
    const copy = copyOfB(b, to)
    assert.equal(copy.split('\r\n').length, copy.split('\n').length)
    assert.ok(copy.includes('bind = 127.0.0.1\r\n'))
    assert.throws(
      () => copyOfB(conf(agentB.file).replace(/^.*brokerList.*$/m, '# gone'), to),
      (error: Error) =>
        error instanceof ConfigurationCopyProblem &&
        error.message ===
          'the file of agent avro-memory-kafka has no avro-memory-kafka.sinks.kafka-sink.brokerList',
    )
  })

  test('the diff is one that patch takes', () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-diff-'))
    try {
      const a = conf(agentA.file)
      const copy = copyOfA(a, { ...to, avroPort: 7, group: 'own' })
      writeFileSync(join(directory, 'a'), a)
      writeFileSync(join(directory, 'copy'), copy)
      let said = ''
      try {
        execFileSync('diff', ['-U0', '--label', 'a', '--label', 'copy', 'a', 'copy'], { cwd: directory })
      } catch (error) {
        said = String((error as { stdout: Buffer }).stdout)
      }
      assert.equal(`${unifiedDiff({ name: 'a', text: a }, { name: 'copy', text: copy }).join('\n')}\n`, said)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
    assert.deepEqual(unifiedDiff({ name: 'a', text: 'x' }, { name: 'b', text: 'x' }), [])
    assert.throws(() => unifiedDiff({ name: 'a', text: 'x' }, { name: 'b', text: 'x\ny' }), /came or went/)
  })
})
