import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readConsumerProperties, readProducerProperties } from './properties.ts'

const servers = { 'bootstrap.servers': 'one:9092, [::1]:9093' }
const consumer = (more: Record<string, string>) =>
  readConsumerProperties({ ...servers, 'group.id': 'g', ...more })
const producer = (more: Record<string, string>) => readProducerProperties({ ...servers, ...more })

describe('consumer properties', () => {
  it('become settings', () => {
    const { settings, problems } = consumer({
      'auto.offset.reset': 'Earliest',
      'max.poll.records': '7',
      'isolation.level': 'read_committed',
      'partition.assignment.strategy':
        'org.apache.kafka.clients.consumer.StickyAssignor,org.apache.kafka.clients.consumer.RangeAssignor',
      'connections.max.idle.ms': '-1',
    })
    assert.deepEqual(problems, [])
    assert.deepEqual(settings!.bootstrapServers, ['one:9092', '[::1]:9093'])
    assert.equal(settings!.autoOffsetReset, 'earliest')
    assert.equal(settings!.maxPollRecords, 7)
    assert.equal(settings!.readCommitted, true)
    assert.deepEqual(settings!.assignors, ['sticky', 'range'])
    assert.equal(settings!.connectionsMaxIdleMs, Infinity)
    assert.equal(settings!.groupId, 'g')
  })

  it('that are misspelt are named with the nearest', () => {
    const [problem] = consumer({ 'auto.ofset.reset': 'earliest' }).problems
    assert.equal(problem!.severity, 'warning')
    assert.equal(problem!.fix, 'did you mean auto.offset.reset')
  })

  it('with bad values are errors', () => {
    for (const [key, value] of [
      ['auto.offset.reset', 'begin'],
      ['max.poll.records', '0'],
      ['fetch.min.bytes', 'many'],
      ['check.crcs', 'maybe'],
      ['bootstrap.servers', 'host'],
      ['bootstrap.servers', ''],
    ] as const) {
      const { settings, problems } = consumer({ [key]: value })
      assert.equal(settings, undefined, key)
      assert.ok(
        problems.some(one => one.key === key && one.severity === 'error'),
        key,
      )
    }
  })

  it('need a group', () => {
    assert.equal(readConsumerProperties(servers).settings, undefined)
    assert.equal(consumer({ 'group.id': '' }).settings, undefined)
  })

  it('must not have heartbeats rarer than sessions', () => {
    const { problems } = consumer({ 'session.timeout.ms': '2000' })
    assert.match(problems[0]!.problem, /heartbeat\.interval\.ms \(3000\) must be lower/)
  })
})

describe('producer properties', () => {
  it('become settings', () => {
    const { settings, problems } = producer({
      acks: 'all',
      'compression.type': 'zstd',
      'compression.zstd.level': '5',
    })
    assert.deepEqual(problems, [])
    assert.equal(settings!.acks, -1)
    assert.equal(settings!.compressionType, 'zstd')
    assert.equal(settings!.compressionZstdLevel, 5)
  })

  it('without effect say why', () => {
    const [problem] = producer({ 'linger.ms': '5' }).problems
    assert.equal(problem!.severity, 'warning')
    assert.match(problem!.problem, /no effect here: what waits/)
  })

  it('that would promise what is not kept are refused', () => {
    assert.equal(producer({ 'transactional.id': 't' }).settings, undefined)
    assert.equal(producer({ acks: '2' }).settings, undefined)
    assert.match(
      producer({ 'transactional.id': 't' }).problems[0]!.problem,
      /deliveryGuarantee = exactly-once/,
    )
  })

  it('ask for idempotence only where acks allow it', () => {
    for (const acks of ['0', '1']) {
      const { settings, problems } = producer({ acks, 'enable.idempotence': 'true' })
      assert.equal(settings, undefined)
      assert.deepEqual(problems, [
        {
          key: 'enable.idempotence',
          problem: `needs acks = all, and acks is ${acks}`,
          fix: 'write acks = all, or leave enable.idempotence out',
          severity: 'error',
        },
      ])
      assert.deepEqual(producer({ acks, 'enable.idempotence': 'false' }).problems, [])
      assert.deepEqual(producer({ acks }).problems, [])
    }
    assert.equal(producer({ acks: 'all' }).settings!.enableIdempotence, true)
    assert.equal(producer({ acks: 'all', 'enable.idempotence': 'false' }).settings!.enableIdempotence, false)
    assert.equal(producer({ acks: 'all', 'enable.idempotence': 'maybe' }).settings, undefined)
  })
})
