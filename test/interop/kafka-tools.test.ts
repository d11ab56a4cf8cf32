// Our forms of Kafka's tools beside the tools themselves: the same commands on Kafka 4.1.0, on the embedded broker
// and on Kafka 0.10.2.1, what one has written read by the other, and what both print compared.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Kafka, logLevel } from 'kafkajs'
import { startBroker } from '../broker/running-broker.ts'
import { startDriver, type Driver } from '../tools/tool-driver.ts'
import { runTool, wordsOf, type ToolName } from '../tools/tool-process.ts'
import { skipWithoutPeers, startKafka010, startKafka41, startZooKeeper } from './peers/peers.ts'
import { startTools, type Tools } from './peers/tools.ts'
import { waitFor } from './peers/waiting.ts'

const mains41: Partial<Record<ToolName, string>> = {
  'kafka-topics.sh': 'org.apache.kafka.tools.TopicCommand',
  'kafka-console-producer.sh': 'org.apache.kafka.tools.ConsoleProducer',
  'kafka-console-consumer.sh': 'org.apache.kafka.tools.consumer.ConsoleConsumer',
  'kafka-consumer-groups.sh': 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
  'kafka-get-offsets.sh': 'org.apache.kafka.tools.GetOffsetShell',
}
const mains010: Partial<Record<ToolName, string>> = {
  'kafka-topics.sh': 'kafka.admin.TopicCommand',
  'kafka-console-producer.sh': 'kafka.tools.ConsoleProducer',
  'kafka-console-consumer.sh': 'kafka.tools.ConsoleConsumer',
  'kafka-consumer-groups.sh': 'kafka.admin.ConsumerGroupCommand',
  'kafka-get-offsets.sh': 'kafka.tools.GetOffsetShell',
}

/** A group with one member, who has read `count` messages. */
async function startMember(bootstrap: string, groupId: string, topic: string, count: number) {
  const kafka = new Kafka({ brokers: [bootstrap], clientId: 'member', logLevel: logLevel.NOTHING })
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 50 })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  const { promise, resolve } = Promise.withResolvers<void>()
  let left = count
  await consumer.run({
    autoCommitThreshold: 1,
    eachMessage: async () => {
      if (--left === 0) resolve()
    },
  })
  await promise
  return { [Symbol.asyncDispose]: () => consumer.disconnect() }
}

/**
 * The lines that carry something, sorted, since Kafka's order is that of a hash table: without the columns of
 * eligible leaders, which Kafka 4 alone has, and without advice, which is worded otherwise here.
 */
const facts = (printed: string): string[] =>
  printed
    .split('\n')
    .map(line => line.replace(/\tElr: .*$/, '').trimEnd())
    .map(line => line.replace(/(?<=\tConfigs: ).*/, list => list.split(',').sort().join(',')))
    .filter(
      line =>
        line !== '' &&
        !/^(WARN|Warn|Error: Executing|null$|ToolServer|\tat )|: its end offset is used$|^\S+ holds offsets/.test(
          line,
        ),
    )
    .sort()

const lines = (count: number) => Array.from({ length: count }, (_, index) => `k${index}:v${index}\n`).join('')

for (const where of ['Kafka 4.1.0', 'the embedded broker'] as const)
  describe(`the tools of Kafka 4.1.0 and ours on ${where}`, { skip: skipWithoutPeers }, () => {
    let directory: string
    let bootstrap: string
    let theirs: Tools
    let ours: Driver
    const stack = new AsyncDisposableStack()
    before(async () => {
      directory = mkdtempSync(join(tmpdir(), 'millrace-kafka-tools-'))
      stack.defer(() => rmSync(directory, { recursive: true, force: true }))
      if (where === 'Kafka 4.1.0') ({ bootstrap } = stack.use(await startKafka41(directory)))
      else {
        const broker = await startBroker(directory)
        stack.defer(() => broker.stop())
        bootstrap = broker.bootstrap
      }
      theirs = stack.use(await startTools('kafka-4.1.0', directory))
      ours = stack.use(startDriver())
    })
    after(() => stack.disposeAsync())

    const all = (words: string) => ['--bootstrap-server', bootstrap, ...wordsOf(words)]
    const their = (name: ToolName, words: string, options: { code?: number; input?: string } = {}) =>
      theirs.run(mains41[name]!, all(words), options)
    async function our(name: ToolName, words: string, code = 0): Promise<string> {
      const ran = await ours.run(name, all(words))
      assert.equal(ran.code, code, `${name} ${words}: ${ran.out}${ran.err}`)
      return ran.out + ran.err
    }
    /** Both print the same facts. */
    async function same(name: ToolName, words: string): Promise<void> {
      assert.deepEqual(facts(await our(name, words)), facts(await their(name, words)), `${name} ${words}`)
    }
    const produce = async (words: string, input: string) => {
      const { code, err } = await runTool('kafka-console-producer.sh', all(words), { input })
      assert.deepEqual([code, err], [0, ''])
    }

    test('make, list, describe, alter and delete the same topics', async () => {
      const config = '--config retention.ms=3600000 --config max.message.bytes=2000000'
      await our('kafka-topics.sh', `--create --topic one --partitions 3 --replication-factor 1 ${config}`)
      assert.deepEqual(
        facts(await their('kafka-topics.sh', `--create --topic two --partitions 2 ${config}`)),
        ['Created topic two.'],
      )
      await our('kafka-topics.sh', '--create --topic th.ree')
      for (const words of [
        '--list',
        "--list --topic 't.*'",
        '--list --exclude-internal',
        '--list --topic nosuch',
        '--describe',
        "--describe --topic 'one,two'",
        '--describe --topics-with-overrides',
        '--describe --under-replicated-partitions',
        '--describe --unavailable-partitions',
        '--describe --at-min-isr-partitions',
        '--describe --under-min-isr-partitions',
        '--describe --topic nosuch --if-exists',
        '--create --topic one --if-not-exists',
        '--alter --topic nosuch --partitions 3 --if-exists',
      ])
        await same('kafka-topics.sh', words)
      for (const words of [
        '--create --topic one',
        "--create --topic 'bad name'",
        '--create --topic four --replication-factor 3',
        '--create --topic four --partitions 0',
        '--create --topic four --config nosuch=1',
        '--create --topic th_ree',
        '--alter --topic one --partitions 3',
        '--alter --topic one --partitions 2',
        '--alter --topic one',
        '--alter --topic nosuch --partitions 3',
        '--describe --topic nosuch',
        '--delete --topic nosuch',
        '--delete',
        '--list --describe',
      ]) {
        await our('kafka-topics.sh', words, 1)
        await their('kafka-topics.sh', words, { code: 1 })
      }
      await our(
        'kafka-topics.sh',
        '--alter --topic one --partitions 4 --config retention.ms=7200000 --delete-config max.message.bytes',
      )
      await same('kafka-topics.sh', '--describe --topic one')
      await our('kafka-topics.sh', '--delete --topic two')
      await their('kafka-topics.sh', '--delete --topic th.ree')
      await same('kafka-topics.sh', '--list')
    })

    test('read what the other has written, and print it alike', async () => {
      await our('kafka-topics.sh', '--create --topic talk')
      const form = '--property parse.key=true --property parse.headers=true --property null.marker=NULL'
      const input = 'h1:v1,h2:v2\tk1\thäuser 街\nNULL\tNULL\tNULL\nh1:NULL\tk\t\n'
      await produce(`--topic talk --sync ${form}`, input)
      await their('kafka-console-producer.sh', `--topic talk --timeout 0 --sync ${form}`, { input })
      for (const codec of ['gzip', 'snappy', 'lz4', 'zstd'])
        await produce(`--topic talk --compression-codec ${codec}`, `${codec}\n`)
      const read = '--topic talk --from-beginning --max-messages 10 --timeout-ms 10000'
      for (const words of [
        read,
        `${read} --property print.key=true --property print.headers=true --property print.partition=true --property print.offset=true --property print.timestamp=true`,
        `${read} --property print.key=true --property print.value=false --property key.separator=| --property null.literal=NIL`,
        `${read} --isolation-level read_committed`,
        '--topic talk --partition 0 --offset earliest --max-messages 4',
        '--topic talk --partition 0 --offset 5 --max-messages 2',
        "--include 'talk|nothing' --from-beginning --max-messages 10",
      ])
        await same('kafka-console-consumer.sh', words)
      await our('kafka-console-consumer.sh', '--topic talk --group relay --from-beginning --max-messages 4')
      assert.deepEqual(
        facts(await their('kafka-console-consumer.sh', '--topic talk --group relay --max-messages 2')),
        facts('NULL\n\nProcessed a total of 2 messages\n'.replace('NULL', 'null')),
      )
      assert.deepEqual(
        facts(await our('kafka-console-consumer.sh', '--topic talk --group relay --max-messages 1')),
        ['Processed a total of 1 messages', 'gzip'],
      )
    })

    test('know the same groups, and move positions to the same place', async () => {
      await our('kafka-topics.sh', '--create --topic a-topic-with-a-long-name-for-columns')
      await our('kafka-topics.sh', '--create --topic read --partitions 3')
      await produce('--topic read --property parse.key=true --property key.separator=:', lines(20))
      await produce('--topic a-topic-with-a-long-name-for-columns', 'a\nb\nc\n')
      await our('kafka-console-consumer.sh', '--topic read --group idle --from-beginning --max-messages 7')
      await our(
        'kafka-console-consumer.sh',
        '--topic a-topic-with-a-long-name-for-columns --group wide --from-beginning --max-messages 1',
      )
      {
        await using _ = await startMember(bootstrap, 'active', 'read', 20)
        for (const words of [
          '--list',
          '--list --state',
          '--list --state Stable',
          '--describe --group idle',
          '--describe --group active',
          '--describe --group wide',
          '--describe --group active --offsets',
          '--describe --group idle --members',
          '--describe --group active --members',
          '--describe --group idle --state',
          '--describe --group active --state',
          '--describe --all-groups',
          '--describe --all-groups --state',
        ])
          await same('kafka-consumer-groups.sh', words)
        for (const words of [
          '--describe --group nosuch',
          '--reset-offsets --group active --topic read --to-earliest --execute',
          '--delete-offsets --group active --topic read',
          '--delete --group active',
        ]) {
          // Kafka's says so as well, and ends with 0.
          assert.match(await their('kafka-consumer-groups.sh', words), /Error/)
          await our('kafka-consumer-groups.sh', words, 1)
        }
      }
      for (const words of [
        '--topic read --to-earliest',
        '--topic read --to-latest',
        '--topic read --to-current',
        '--topic read:0 --to-offset 2',
        '--topic read:0,1 --to-offset 9999',
        '--topic read --shift-by -1',
        '--topic read --shift-by -100',
        '--all-topics --to-current',
        '--topic read --to-datetime 2020-01-01T00:00:00.000',
        '--topic read --to-datetime 2099-01-01T00:00:00.000+0800',
        '--topic read --by-duration PT1H',
        '--topic read --by-duration P0DT0H0M0S',
      ])
        await same('kafka-consumer-groups.sh', `--reset-offsets --group idle ${words} --dry-run`)
      await same(
        'kafka-consumer-groups.sh',
        '--reset-offsets --group fresh --topic read --to-current --dry-run',
      )
      await our(
        'kafka-consumer-groups.sh',
        '--reset-offsets --group moved --topic read --to-offset 3 --execute',
      )
      await same('kafka-consumer-groups.sh', '--describe --group moved')
      await their(
        'kafka-consumer-groups.sh',
        '--reset-offsets --group moved --topic read --to-latest --execute',
      )
      await same('kafka-consumer-groups.sh', '--describe --group moved')
      await our('kafka-consumer-groups.sh', '--delete-offsets --group moved --topic read:1')
      await same('kafka-consumer-groups.sh', '--describe --group moved')
      await same('kafka-consumer-groups.sh', '--delete-offsets --group moved --topic read:0')
      assert.deepEqual(facts(await our('kafka-consumer-groups.sh', '--delete --group idle')), [
        "Deletion of requested consumer groups ('idle') was successful.",
      ])
      await same('kafka-consumer-groups.sh', '--list')
    })

    if (where === 'Kafka 4.1.0')
      test('describe a group of the protocol "consumer", which Kafka 4 brought', async () => {
        const words = '--topic read --from-beginning --consumer-property group.protocol=consumer'
        await their('kafka-console-consumer.sh', `${words} --group new --max-messages 5 --timeout-ms 20000`)
        for (const form of ['--offsets', '--members', '--state'])
          await same('kafka-consumer-groups.sh', `--describe --group new ${form}`)
        await our(
          'kafka-consumer-groups.sh',
          '--reset-offsets --group new --topic read --to-latest --execute',
        )
        await same('kafka-consumer-groups.sh', '--describe --group new')
        await our('kafka-consumer-groups.sh', '--delete --group new')
        await same('kafka-consumer-groups.sh', '--list')
      })

    test('tell the same offsets', async () => {
      for (const words of [
        '--topic read',
        '--exclude-internal-topics',
        '--topic read --time -2',
        '--topic read --time latest',
        '--topic read --time -3',
        '--topic read --time 0',
        '--topic read --time 9999999999999',
        '--topic read --partitions 0,2',
        '--topic-partitions read:1,read:2-3',
        '--topic-partitions read:1-',
        '--topic-partitions rea.:-2',
        '--topic-partitions :0 --exclude-internal-topics',
        "--topic 'read|talk'",
        ...(where === 'Kafka 4.1.0'
          ? ['--topic read --time earliest-local', '--topic read --time latest-tiered']
          : []),
      ])
        await same('kafka-get-offsets.sh', words)
      for (const words of ['--topic nosuch', '--topic read --partitions 7', '--topic read --time noon']) {
        await our('kafka-get-offsets.sh', words, 1)
        await their('kafka-get-offsets.sh', words, { code: 1 })
      }
    })
  })

describe('the tools of Kafka 0.10.2.1 and ours on it', { skip: skipWithoutPeers }, () => {
  test('topics, messages, groups and offsets, as far as that Kafka has them', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-old-kafka-tools-'))
    await using stack = new AsyncDisposableStack()
    stack.defer(() => rmSync(directory, { recursive: true, force: true }))
    const zookeeper = stack.use(await startZooKeeper(directory))
    const { bootstrap } = stack.use(await startKafka010(directory, zookeeper))
    const theirs = stack.use(await startTools('kafka-0.10.2.1', directory))
    const ours = stack.use(startDriver())
    const their = (name: ToolName, words: string, input = '') =>
      theirs.run(mains010[name]!, words.split(' '), { input })
    const our = async (name: ToolName, words: string, code = 0) => {
      const ran = await ours.run(name, ['--bootstrap-server', bootstrap, ...wordsOf(words)])
      assert.equal(ran.code, code, `${name} ${words}: ${ran.out}${ran.err}`)
      return ran
    }
    const told = (printed: string) =>
      facts(printed.replaceAll(/: +/g, ':').replaceAll(/Configs:.*/g, 'Configs:'))
    const topics = `--zookeeper ${zookeeper.connect}`

    // Theirs writes to ZooKeeper, and brokers hear of it later.
    const heard = (text: RegExp) =>
      waitFor(
        async () => text.test((await our('kafka-topics.sh', '--describe')).out),
        `the broker tells ${text}`,
      )

    // The same words as to 0.10's tool, but for the address.
    assert.equal(
      (
        await our(
          'kafka-topics.sh',
          '--create --topic ours --partitions 3 --replication-factor 1 --config retention.ms=3600000',
        )
      ).out,
      'Created topic ours.\n',
    )
    await their('kafka-topics.sh', `${topics} --create --topic theirs --partitions 2 --replication-factor 1`)
    await heard(/Topic: theirs\tPartitionCount: 2/)
    assert.deepEqual(
      told((await our('kafka-topics.sh', '--list')).out),
      told(await their('kafka-topics.sh', `${topics} --list`)),
    )
    const described = await our('kafka-topics.sh', '--describe')
    assert.deepEqual(told(described.out), told(await their('kafka-topics.sh', `${topics} --describe`)))
    assert.match(described.err, /the brokers do not tell the settings of topics \(Kafka 0\.11 and later do\)/)
    assert.match(
      await their('kafka-topics.sh', `${topics} --describe --topic ours`),
      /Configs:retention\.ms=3600000/,
    )
    const tooOld: readonly (readonly [name: ToolName, words: string, said: RegExp])[] = [
      [
        'kafka-topics.sh',
        '--alter --topic ours --partitions 5',
        /does not know CreatePartitions, which came with Kafka 1\.0/,
      ],
      [
        'kafka-topics.sh',
        '--alter --topic ours --config retention.ms=1',
        /does not know AlterConfigs, which came with Kafka 0\.11/,
      ],
      ['kafka-topics.sh', '--describe --topics-with-overrides', /these came with Kafka 0\.11/],
      [
        'kafka-get-offsets.sh',
        '--topic ours --time -3',
        /does not know the time -3, which came with Kafka 3\.0/,
      ],
    ]
    for (const [name, words, said] of tooOld) assert.match((await our(name, words, 1)).err, said)
    await our('kafka-topics.sh', '--delete --topic theirs')
    await their('kafka-topics.sh', `${topics} --alter --topic ours --partitions 5`)
    await heard(/Topic: ours\tPartitionCount: 5/)

    const keyed = '--property parse.key=true --property key.separator=:'
    const wrote = await runTool(
      'kafka-console-producer.sh',
      `--broker-list ${bootstrap} --topic ours ${keyed}`,
      { input: lines(10) },
    )
    assert.deepEqual([wrote.code, wrote.err], [0, ''])
    await their(
      'kafka-console-producer.sh',
      `--broker-list ${bootstrap} --topic ours --sync --timeout 0 ${keyed}`,
      lines(10),
    )
    const headers = await runTool(
      'kafka-console-producer.sh',
      `--broker-list ${bootstrap} --topic ours --property parse.headers=true`,
      { input: 'h:v\tx\n' },
    )
    assert.equal(headers.code, 0)
    assert.match(headers.err, /is older than Kafka 0\.11: headers are left out/)
    const read =
      '--topic ours --from-beginning --max-messages 21 --property print.key=true --property print.timestamp=true'
    const [mine, others] = [
      (await our('kafka-console-consumer.sh', read)).out,
      await their('kafka-console-consumer.sh', `--bootstrap-server ${bootstrap} ${read}`),
    ]
    assert.deepEqual(
      facts(mine),
      facts(others).filter(line => !line.startsWith('Processed')),
    )
    assert.match(mine, /^CreateTime:\d{13}\tk1\tv1$/m)
    assert.match(
      (await our('kafka-console-consumer.sh', '--topic ours --group old --from-beginning --max-messages 9'))
        .out,
      /^v\d$/m,
    )

    const list = `--new-consumer --bootstrap-server ${bootstrap} --list`
    const groups = (await our('kafka-consumer-groups.sh', '--list --new-consumer')).out
    assert.deepEqual(
      facts(groups),
      facts(await their('kafka-consumer-groups.sh', list)).filter(line => !line.startsWith('Note')),
    )
    {
      await using _ = await startMember(bootstrap, 'active', 'ours', 21)
      for (const group of ['active', 'old']) {
        // Without the group in front, which 0.10 leaves out, and without the widths of the columns.
        const rows = (printed: string) =>
          facts(printed.replaceAll(/ +/g, ' ')).filter(line => line.startsWith('ours '))
        const own = (await our('kafka-consumer-groups.sh', `--describe --group ${group}`)).out.replaceAll(
          new RegExp(`^${group} +`, 'gm'),
          '',
        )
        assert.deepEqual(
          rows(own),
          rows(
            await their(
              'kafka-consumer-groups.sh',
              `--new-consumer --bootstrap-server ${bootstrap} --describe --group ${group}`,
            ),
          ),
        )
        assert.equal(rows(own).length, 5)
      }
      assert.match((await our('kafka-consumer-groups.sh', '--list --state Stable')).out, /^active +Stable/m)
    }
    await our('kafka-consumer-groups.sh', '--reset-offsets --group old --topic ours --to-earliest --execute')
    assert.match(
      await their(
        'kafka-consumer-groups.sh',
        `--new-consumer --bootstrap-server ${bootstrap} --describe --group old`,
      ),
      /ours +0 +0 +\d/,
    )
    assert.match(
      (await our('kafka-consumer-groups.sh', '--describe --group nosuch', 1)).err,
      /nosuch does not exist/,
    )
    assert.match(
      (await our('kafka-consumer-groups.sh', '--delete --group old', 1)).err,
      /DeleteGroups, which came with Kafka 1\.1/,
    )
    assert.match(
      (await our('kafka-consumer-groups.sh', '--delete-offsets --group old --topic ours', 1)).err,
      /OffsetDelete, which came with Kafka 2\.4/,
    )

    for (const words of ['--topic ours', '--topic ours --time -2', '--topic ours --partitions 0,2 --time -1'])
      assert.deepEqual(
        facts((await our('kafka-get-offsets.sh', words)).out),
        facts(await their('kafka-get-offsets.sh', `--broker-list ${bootstrap} ${words}`)),
      )
    // By records here, by the age of files there: 0.10's own tool asks in the old way.
    assert.equal((await our('kafka-get-offsets.sh', '--topic ours --time 0')).out.split('\n').length, 6)
  })
})
