// What the broker does when part of what it left on the disk is not there any more: partitions, segments, journals,
// log directories; at a start and while it runs. Nothing of it may look like a topic that was always empty.
import assert from 'node:assert/strict'
import {
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after } from 'node:test'
import { Broker } from '../../src/broker/broker.ts'
import { readBrokerSettings } from '../../src/broker/broker-settings.ts'
import { realSystem } from '../../src/system/system.ts'
import { errorCodes } from '../../src/wire/kafka/error-codes.ts'
import { createTopics } from '../../src/wire/kafka/messages/create-topics.ts'
import { fetch } from '../../src/wire/kafka/messages/fetch.ts'
import { offsetCommit } from '../../src/wire/kafka/messages/offset-commit.ts'
import { produce } from '../../src/wire/kafka/messages/produce.ts'
import { writeRecords } from '../../src/wire/kafka/record-set.ts'
import { waitFor } from '../interop/peers/waiting.ts'
import { runLauncher, startBrokerProcess } from './broker-process.ts'
import { inDirectory, recordingLog, startBroker, type RunningBroker } from './running-broker.ts'
import { WireClient } from './wire-client.ts'

const smallSegments = { 'log.segment.bytes': '400' }

async function send(client: WireClient, topic: string, index: number): Promise<number> {
  const records = writeRecords([{ timestamp: Date.now(), key: null, value: Buffer.alloc(100) }])
  const { responses } = await client.ask(produce, 8, {
    acks: -1,
    timeoutMs: 5000,
    topicData: [{ name: topic, partitionData: [{ index, records }] }],
  })
  return responses[0]!.partitionResponses[0]!.errorCode
}

async function create(client: WireClient, name: string, numPartitions: number): Promise<void> {
  const topic = { name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }
  await client.ask(createTopics, 4, { topics: [topic] })
}

/** Starts, gives a client to `run`, and stops. */
async function within(
  directory: string,
  overrides: Readonly<Record<string, string>>,
  run: (client: WireClient, running: RunningBroker) => Promise<void>,
): Promise<void> {
  const running = await startBroker(directory, overrides)
  const client = await WireClient.connect(running.broker.port)
  try {
    await run(client, running)
  } finally {
    client.close()
    await running.stop()
  }
}

/** Topic t with `partitions` partitions, 20 records in each. */
async function fill(
  directory: string,
  overrides: Readonly<Record<string, string>>,
  partitions: number,
): Promise<void> {
  await within(directory, overrides, async client => {
    await create(client, 't', partitions)
    for (let count = 0; count < 20; count++)
      for (let index = 0; index < partitions; index++) assert.equal(await send(client, 't', index), 0)
  })
}

const refusal = async (directory: string, overrides: Readonly<Record<string, string>>): Promise<string> => {
  const running = await startBroker(directory, overrides).catch((error: Error) => error)
  if (running instanceof Error) return running.message
  await running.stop()
  return ''
}

/** Starts as with --accept-loss and stops; gives the lines of the log. */
async function accept(directory: string, overrides: Readonly<Record<string, string>>): Promise<string> {
  const lines: string[] = []
  const given = { 'log.dirs': join(directory, 'logs'), port: '0', ...overrides }
  const { settings } = readBrokerSettings('', 'test', given)
  const broker = new Broker({ system: realSystem, log: recordingLog(lines), settings, acceptsLoss: true })
  await broker.start()
  await broker.stop()
  return lines.join('\n')
}

const segmentsOf = async (place: string): Promise<string[]> =>
  (await readdir(place)).filter(name => name.endsWith('.log')).sort()

const harms: Readonly<
  Record<string, readonly [harm: (place: string) => Promise<unknown>, said: RegExp, end: number]>
> = {
  'its directory is gone': [place => rm(place, { recursive: true }), /t-0 is not in \S+logs any more/, 0],
  'its directory is empty': [
    async place => {
      await rm(place, { recursive: true })
      await mkdir(place)
    },
    /t-0 holds no segment/,
    0,
  ],
  'its segments are gone': [
    async place => {
      for (const name of await segmentsOf(place)) await rm(join(place, name))
    },
    /t-0 holds no segment: records up to offset 19 are missing/,
    20,
  ],
  'a segment in the middle is gone': [
    async place => await rm(join(place, (await segmentsOf(place))[2]!)),
    /0{18}04\.log is missing from \S+t-0: records within offsets 4 to 5\./,
    20,
  ],
  'the newest segments are gone': [
    async place => {
      for (const name of (await segmentsOf(place)).slice(-2)) await rm(join(place, name))
    },
    /0{18}16\.log, 0{18}18\.log are missing from \S+t-0: records within offsets 16 to 19/,
    20,
  ],
  'a segment in the middle is shorter': [
    async place => await truncate(join(place, (await segmentsOf(place))[2]!), 0),
    /0{18}04\.log had \d+ bytes and has 0/,
    20,
  ],
  'the newest segment is shorter': [
    async place => await truncate(join(place, (await segmentsOf(place)).at(-1)!), 0),
    /0{18}18\.log ends before the records of offsets 18 to 19, which it held/,
    20,
  ],
}

/** Two partitions in small segments: filled once, and copied. */
let filled: Promise<string> | null = null
async function copyFilled(directory: string): Promise<void> {
  filled ??= mkdtemp(join(tmpdir(), 'millrace-filled-')).then(async home => {
    await fill(home, smallSegments, 2)
    return home
  })
  await cp(await filled, directory, { recursive: true })
}
after(async () => {
  if (filled !== null) await rm(await filled, { recursive: true })
})

for (const [what, [harm, said, end]] of Object.entries(harms))
  test(`a partition of which ${what} stays offline and says so, until the loss is accepted`, () =>
    inDirectory(async directory => {
      await copyFilled(directory)
      const place = join(directory, 'logs', 't-0')
      await harm(place)
      await within(directory, smallSegments, async (client, { lines }) => {
        const line = lines.find(one => one.startsWith('ERROR partition t-0 stays offline'))
        assert.match(line ?? lines.join('\n'), said)
        assert.match(line!, /start it once with --accept-loss to go on without\.$/)
        assert.equal(await send(client, 't', 0), errorCodes.KAFKA_STORAGE_ERROR)
        assert.equal(await send(client, 't', 1), 0)
      })
      const accepted = await accept(directory, smallSegments)
      assert.match(accepted, /WARN partition t-0: .*The loss is accepted/)
      await within(directory, smallSegments, async (client, { broker, lines }) => {
        const log = broker.topics.partition('t', 0)!
        // Offsets that were given out are not given out again, as far as they are known.
        assert.equal(log.nextOffset, end)
        assert.equal(await send(client, 't', 0), 0)
        assert.ok(!lines.some(one => /^(ERROR|WARN)/.test(one)), lines.join('\n'))
        const asked = { partition: 0, fetchOffset: log.startOffset, partitionMaxBytes: 100_000 }
        const { responses } = await client.ask(fetch, 11, {
          maxWaitMs: 0,
          minBytes: 1,
          topics: [{ topic: 't', partitions: [asked] }],
          forgottenTopicsData: [],
        })
        assert.equal(responses[0]!.partitions[0]!.errorCode, 0)
      })
    }))

test('put back, all of it is there', () =>
  inDirectory(async directory => {
    await fill(directory, {}, 1)
    const place = join(directory, 'logs', 't-0')
    await rename(place, join(directory, 'away'))
    await within(directory, {}, client => send(client, 't', 0).then(code => assert.notEqual(code, 0)))
    await rename(join(directory, 'away'), place)
    await within(directory, {}, async (_, { broker }) =>
      assert.equal(broker.topics.partition('t', 0)!.highWatermark, 20),
    )
  }))

test('a topic of which a partition is missing can be deleted, and made again', () =>
  inDirectory(async directory => {
    await fill(directory, {}, 2)
    await rm(join(directory, 'logs', 't-0'), { recursive: true })
    await within(directory, {}, async (client, { broker }) => {
      await broker.topics.delete('t')
      await create(client, 't', 2)
      for (const index of [0, 1]) assert.equal(await send(client, 't', index), 0)
    })
    await within(directory, {}, async (_, { broker }) =>
      assert.deepEqual(
        broker.topics.topics.get('t')!.partitions.map(log => log.highWatermark),
        [1, 1],
      ),
    )
  }))

test('retention and a kill before the next checkpoint are no loss', () =>
  inDirectory(async directory => {
    await fill(directory, smallSegments, 1)
    const place = join(directory, 'logs', 't-0')
    const before = await readFile(join(place, 'checkpoint'))
    await within(
      directory,
      { ...smallSegments, 'log.retention.bytes': '700' },
      async (client, { broker }) => {
        for (let count = 0; count < 4; count++) await send(client, 't', 0)
        await broker.topics.partition('t', 0)!.retain()
      },
    )
    // Of a disk so full that retention went before its checkpoint.
    await writeFile(join(place, 'checkpoint'), before)
    await within(directory, smallSegments, async (client, { lines }) => {
      assert.match(lines.join('\n'), /WARN partition t-0: records of offsets 0 to \d+ are not there any more/)
      assert.equal(await send(client, 't', 0), 0)
    })
  }))

test('without the journal of the topics the broker does not start while there are records', () =>
  inDirectory(async directory => {
    const logs = join(directory, 'logs')
    await fill(directory, {}, 2)
    const journal = await readFile(join(logs, 'broker.journal'))
    await rm(join(logs, 'broker.journal'))
    assert.match(
      await refusal(directory, {}),
      /logs holds no broker\.journal, which names the topics of the broker, and there are records of partitions: \S+t-0, \S+t-1/,
    )
    assert.ok(!(await readdir(logs)).includes('broker.journal'))
    await writeFile(join(logs, 'broker.journal'), '')
    assert.match(await refusal(directory, {}), /broker\.journal is empty: it holds the topics/)
    const { code, output } = await runLauncher('millrace', [
      'broker',
      '--override',
      `log.dirs=${logs}`,
      '--override',
      'port=0',
    ])
    assert.equal(code, 1)
    assert.match(
      output,
      /broker\.journal is empty: it holds the topics\. Put back .* --accept-loss to go on without\./,
    )
    await rm(join(logs, 'broker.journal'))
    assert.match(
      await accept(directory, {}),
      /t-0 does not belong to a topic of this broker\. The broker ignores it/,
    )
    await writeFile(join(logs, 'broker.journal'), journal)
    await within(directory, {}, async (_, { broker }) =>
      assert.equal(broker.topics.partition('t', 1)!.highWatermark, 20),
    )
  }))

test('log.dirs with another order, one less or those of two brokers', () =>
  inDirectory(async directory => {
    const [one, two, three] = ['one', 'two', 'three'].map(name => join(directory, name)) as [
      string,
      string,
      string,
    ]
    await fill(directory, { 'log.dirs': `${one},${two}` }, 2)
    await within(directory, { 'log.dirs': `${two},${one}` }, async (client, { lines }) => {
      for (const index of [0, 1]) assert.equal(await send(client, 't', index), 0)
      assert.ok(!lines.some(line => /^(ERROR|WARN)/.test(line)))
    })
    // The one with the journal, and the one without.
    await within(directory, { 'log.dirs': one }, async (_, { lines }) =>
      assert.match(lines.join('\n'), /ERROR partition t-1 stays offline .*: t-1 is not in \S+one any more/),
    )
    assert.match(await refusal(directory, { 'log.dirs': two }), /two holds no broker\.journal/)
    await fill(directory, { 'log.dirs': three }, 1)
    assert.match(
      await refusal(directory, { 'log.dirs': `${one},${three}` }),
      /one\/broker\.journal and \S+three\/broker\.journal are of two brokers/,
    )
    await rm(three, { recursive: true })
    await mkdir(three)
    await cp(join(one, 't-0'), join(three, 't-0'), { recursive: true })
    await within(directory, { 'log.dirs': `${one},${two},${three}` }, async (client, { lines }) => {
      assert.match(lines.join('\n'), /ERROR partition t-0 stays offline .*one\/t-0 lies in \S+three as well/)
      assert.equal(await send(client, 't', 1), 0)
    })
  }))

test('without the journal of users or of transactions a broker with topics does not start', () =>
  inDirectory(async directory => {
    const logs = join(directory, 'logs')
    await fill(directory, {}, 1)
    for (const [name, said] of [
      ['scram.journal', /scram\.journal is missing: it holds the users of SCRAM/],
      ['transactions.journal', /transactions\.journal is missing: it holds which transactions are open/],
    ] as const) {
      await copyFile(join(logs, name), join(directory, name))
      await rm(join(logs, name))
      assert.match(await refusal(directory, {}), said)
      assert.doesNotMatch(await accept(directory, {}), /ERROR/)
      await within(directory, {}, async client => assert.equal(await send(client, 't', 0), 0))
    }
  }))

test('without the positions of groups the broker does not start', () =>
  inDirectory(async directory => {
    const logs = join(directory, 'logs')
    await within(directory, {}, async client => {
      await create(client, 't', 1)
      const topics = [
        { name: 't', partitions: [{ partitionIndex: 0, committedOffset: 7, committedMetadata: null }] },
      ]
      const { topics: answered } = await client.ask(offsetCommit, 7, {
        groupId: 'g',
        generationIdOrMemberEpoch: -1,
        memberId: '',
        topics,
      })
      assert.equal(answered[0]!.partitions[0]!.errorCode, 0)
    })
    await rename(join(logs, '__consumer_offsets-0'), join(directory, 'away'))
    assert.match(
      await refusal(directory, {}),
      /the positions of all groups cannot be read: __consumer_offsets-0 is not in \S+logs any more/,
    )
    await rename(join(directory, 'away'), join(logs, '__consumer_offsets-0'))
    await within(directory, {}, async (_, { broker }) => assert.equal(broker.offsets('g')[0]!.offset, 7))
    await rm(join(logs, '__consumer_offsets-0'), { recursive: true })
    await accept(directory, {})
    await within(directory, {}, async (_, { broker }) => assert.deepEqual(broker.offsets('g'), []))
  }))

test('a segment that is cut off while the broker runs is an error to whoever reads it, not a gap', () =>
  inDirectory(async directory => {
    await fill(directory, smallSegments, 1)
    await within(directory, smallSegments, async (client, { lines }) => {
      const place = join(directory, 'logs', 't-0')
      await truncate(join(place, (await segmentsOf(place))[2]!), 100)
      const { responses } = await client.ask(fetch, 11, {
        maxWaitMs: 0,
        minBytes: 1,
        topics: [{ topic: 't', partitions: [{ partition: 0, fetchOffset: 4, partitionMaxBytes: 100_000 }] }],
        forgottenTopicsData: [],
      })
      assert.equal(responses[0]!.partitions[0]!.errorCode, errorCodes.KAFKA_STORAGE_ERROR)
      assert.match(lines.join('\n'), /0{18}04\.log ends at 100: it was cut off from outside/)
    })
  }))

for (const [what, harm] of [
  ['is deleted', (place: string) => rm(place, { recursive: true })],
  ['is renamed', (place: string) => rename(place, `${place}.away`)],
] as const)
  test(`a partition whose directory ${what} while the broker runs goes offline`, () =>
    inDirectory(async directory => {
      const running = await startBroker(directory)
      const client = await WireClient.connect(running.broker.port)
      await create(client, 't', 2)
      assert.equal(await send(client, 't', 0), 0)
      await harm(join(directory, 'logs', 't-0'))
      let code = 0
      while (code === 0) code = await send(client, 't', 0)
      assert.equal(code, errorCodes.KAFKA_STORAGE_ERROR)
      assert.match(running.lines.join('\n'), /ERROR partition t-0 is offline .*\.log was removed or renamed/)
      assert.equal(await send(client, 't', 1), 0)
      client.close()
      await running.stop()
    }))

test('topics are not changed any more where their journal is deleted while the broker runs', () =>
  inDirectory(async directory => {
    const running = await startBroker(directory)
    await rm(join(directory, 'logs', 'broker.journal'))
    await assert.rejects(running.broker.topics.create('t', 1), /broker\.journal was removed or renamed/)
    assert.match(running.lines.join('\n'), /ERROR topics can no longer be changed/)
    await running.stop()
  }))

/** The line of the log that the broker writes when it looks after its directories. */
async function logged(lines: readonly string[], what: RegExp): Promise<string> {
  const found = () => lines.find(one => what.test(one))
  await waitFor(() => found() !== undefined, String(what))
  return found()!
}

for (const [what, harm] of [
  ['is deleted', (logs: string) => rm(logs, { recursive: true })],
  ['is renamed', (logs: string) => rename(logs, `${logs}.away`)],
  [
    'is replaced by an empty one',
    async (logs: string) => {
      await rename(logs, `${logs}.away`)
      await mkdir(logs)
    },
  ],
  [
    'is replaced by a copy of itself',
    async (logs: string) => {
      await rename(logs, `${logs}.away`)
      await cp(`${logs}.away`, logs, { recursive: true, filter: source => !source.endsWith('.lock') })
    },
  ],
] as const)
  test(`its partitions go offline where a log directory ${what} while nothing is written`, () =>
    inDirectory(async directory => {
      const [one, two] = [join(directory, 'one'), join(directory, 'two')]
      await within(directory, { 'log.dirs': `${one},${two}` }, async (client, { broker, lines }) => {
        await create(client, 't', 4)
        for (const index of [0, 1, 2, 3]) assert.equal(await send(client, 't', index), 0)
        await harm(two)
        const before = await readdir(directory, { recursive: true })
        assert.match(
          await logged(lines, /^ERROR .* was removed/),
          /^ERROR log directory \S+two was removed, renamed or replaced while the broker runs: t-1, t-3 .* put it back/,
        )
        for (const index of [1, 3])
          assert.equal(await send(client, 't', index), errorCodes.KAFKA_STORAGE_ERROR)
        for (const index of [0, 2]) assert.equal(await send(client, 't', index), 0)
        await assert.rejects(
          broker.topics.create('t9', 2),
          /directory \S+two was removed, renamed or replaced/,
        )
        await broker.topics.create('t8', 1)
        assert.deepEqual(
          (await readdir(directory, { recursive: true })).filter(name => !before.includes(name)),
          ['one/t8-0', 'one/t8-0/00000000000000000000.log'],
        )
        assert.equal(lines.filter(line => /^(ERROR|WARN)/.test(line)).length, 1, lines.join('\n'))
      })
    }))

for (const name of ['t-0', 't-0/00000000000000000000.log'])
  test(`a partition goes offline where ${name} is deleted while nothing is written`, () =>
    inDirectory(directory =>
      within(directory, {}, async (client, { broker, lines }) => {
        await create(client, 't', 2)
        assert.equal(await send(client, 't', 0), 0)
        await rm(join(directory, 'logs', name), { recursive: true })
        await logged(lines, /^ERROR \S+t-0, or its newest segment, was removed.*: t-0 stays offline/)
        assert.equal(await send(client, 't', 0), errorCodes.KAFKA_STORAGE_ERROR)
        assert.equal(await send(client, 't', 1), 0)
        assert.deepEqual([...broker.away], [join(directory, 'logs', 't-0')])
      }),
    ))

test('no topic is created in a log directory that is gone since a moment', () =>
  inDirectory(async directory => {
    const running = await startBroker(directory)
    await rm(join(directory, 'logs'), { recursive: true })
    await assert.rejects(running.broker.topics.create('t', 1), /directory \S+logs was removed/)
    await running.stop()
    assert.deepEqual(await readdir(directory), [])
  }))

test('a stop names the log directories that went while the broker ran, and its exit code is 1', () =>
  inDirectory(async directory => {
    const logs = join(directory, 'logs')
    const file = join(directory, 'server.properties')
    await writeFile(file, '')
    const running = await startBrokerProcess(file, { 'log.dirs': logs })
    const client = await WireClient.connect(running.port)
    await create(client, 't', 1)
    assert.equal(await send(client, 't', 0), 0)
    client.close()
    await rename(logs, `${logs}.away`)
    assert.equal(await running.end('SIGTERM'), 1)
    assert.match(running.lines.join('\n'), /ERROR .*Kafka broker stopped without \S+logs, .*put it back/)
  }))
