// kafka-topics.sh against the embedded broker, and the options of all our forms of Kafka's tools: what they print is
// what Kafka 4.1's tools print (test/interop/kafka-tools.test.ts runs both), and what they refuse, with a
// sentence and the code 1.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startGround, type Ground } from './ground.ts'
import { runTool, wordsOf, type ToolName } from './tool-process.ts'

let ground: Ground
before(async () => {
  ground = await startGround()
})
after(() => ground?.[Symbol.asyncDispose]())

const topics = (words: string) => ground.ask('kafka-topics.sh', words)

/** Without what differs from run to run. */
const settled = (text: string) =>
  text.replaceAll(/TopicId: \S{22}/g, 'TopicId: ID').replaceAll(ground.broker.bootstrap, 'BROKER')

describe('topics', () => {
  test('are made, listed, described, altered and deleted', async () => {
    assert.equal(
      await topics(
        '--create --topic made --partitions 2 --replication-factor 1 --config retention.ms=3600000 --config max.message.bytes=2000000',
      ),
      'Created topic made.\n',
    )
    assert.equal(await topics('--create --if-not-exists --topic made'), '')
    assert.equal(await topics('--create --topic made.too'), 'Created topic made.too.\n')
    assert.equal(await topics("--list --topic 'made.*'"), 'made\nmade.too\n')
    assert.equal(
      settled(await topics('--describe --topic made')),
      'Topic: made\tTopicId: ID\tPartitionCount: 2\tReplicationFactor: 1\tConfigs: max.message.bytes=2000000,retention.ms=3600000\n' +
        '\tTopic: made\tPartition: 0\tLeader: 0\tReplicas: 0\tIsr: 0\n' +
        '\tTopic: made\tPartition: 1\tLeader: 0\tReplicas: 0\tIsr: 0\n',
    )
    // A dot is no wildcard where a topic has exactly this name.
    await topics('--create --topic madeXtoo')
    assert.equal(await topics('--list --topic made.too'), 'made.too\n')
    assert.equal(await topics('--alter --topic made --partitions 3'), '')
    assert.equal(
      await topics('--alter --topic made --config retention.ms=60000 --delete-config max.message.bytes'),
      'Updated config for topic made.\n',
    )
    assert.match(
      await topics('--describe --topic made'),
      /PartitionCount: 3\tReplicationFactor: 1\tConfigs: retention.ms=60000\n(\t.*\n){3}$/,
    )
    assert.equal(
      await topics("--describe --topics-with-overrides --topic 'made,made.too'").then(settled),
      'Topic: made\tTopicId: ID\tPartitionCount: 3\tReplicationFactor: 1\tConfigs: retention.ms=60000\n',
    )
    for (const filter of ['under-replicated', 'unavailable', 'under-min-isr'])
      assert.equal(await topics(`--describe --topic made --${filter}-partitions`), '')
    assert.equal((await topics('--describe --topic made --at-min-isr-partitions')).split('\n').length, 4)
    assert.equal(await topics("--delete --topic 'made.*'"), '')
    assert.equal(await topics("--list --topic 'made.*'"), '')
    for (const action of ['describe', 'delete', 'alter --partitions 9'])
      assert.equal(await topics(`--${action} --topic made --if-exists`), '')
  })

  test('what the broker refuses is said in a sentence', async () => {
    await topics('--create --topic there')
    const on = `--bootstrap-server ${ground.broker.bootstrap}`
    const cases: readonly (readonly [words: string, said: RegExp])[] = [
      ['--create --topic there', /^kafka-topics\.sh: topic there already exists; --if-not-exists/],
      ["--create --topic 'bad name'", /topic bad name was not created: INVALID_TOPIC: /],
      [
        '--create --topic many --replication-factor 3',
        /topic many was not created: INVALID_REPLICATION_FACTOR: /,
      ],
      ['--create --topic odd --config nosuch=1', /topic odd was not created: INVALID_CONFIG: /],
      [
        '--alter --topic there --partitions 1',
        /partitions of topic there are as they were: INVALID_PARTITIONS/,
      ],
      ['--alter --topic there --config nosuch=1', /settings of topic there are as they were: /],
      ['--describe --topic astray', /topic astray does not exist; --list prints those that do/],
      ['--delete --topic astray', /topic astray does not exist/],
      ["--list --topic '('", /\( is no regular expression/],
    ]
    for (const [words, said] of cases) await ground.refused('kafka-topics.sh', `${on} ${words}`, said)
  })
})

describe('options', () => {
  test('one dash or two, a blank or =, the older name of the broker, and millrace', async () => {
    await topics('--create --topic dashes')
    const { bootstrap } = ground.broker
    for (const words of [
      `-bootstrap-server ${bootstrap} -list`,
      `--bootstrap-server=${bootstrap} --list --force`,
      `--broker-list PLAINTEXT://${bootstrap} --list`,
      `--list --bootstrap-server 127.0.0.1:1,${bootstrap}`,
    ]) {
      const { code, out } = await ground.driver.run('kafka-topics.sh', wordsOf(words))
      assert.equal(code, 0, words)
      assert.match(out, /^dashes$/m, words)
    }
  })

  test('the launchers and the commands of millrace are the same tools', async () => {
    await topics('--create --topic same')
    const pairs = [
      ['topics', 'kafka-topics.sh', '--list --topic same', 'same\n'],
      ['offsets', 'kafka-get-offsets.sh', '--topic same', 'same:0:0\n'],
      [
        'groups',
        'kafka-consumer-groups.sh',
        '--list --state Stable',
        'GROUP                     STATE               \n',
      ],
    ] as const
    for (const [command, launcher, words, printed] of pairs) {
      const on = `--bootstrap-server ${ground.broker.bootstrap} ${words}`
      for (const ran of [await runTool('millrace', `${command} ${on}`), await runTool(launcher, on)])
        assert.deepEqual([ran.code, ran.out, ran.err], [0, printed, ''])
    }
  })

  const unreachable = '--bootstrap-server 127.0.0.1:1'
  const cases: readonly (readonly [name: ToolName, words: string, said: RegExp])[] = [
    ['kafka-topics.sh', '--list', /^kafka-topics\.sh: --bootstrap-server is missing: write the address/],
    [
      'kafka-topics.sh',
      unreachable,
      /write exactly one of --create, --list, --describe, --alter and --delete/,
    ],
    ['kafka-topics.sh', `${unreachable} --list --describe`, /write exactly one of/],
    ['kafka-topics.sh', `${unreachable} --create`, /--topic is missing/],
    ['kafka-topics.sh', `${unreachable} --create test3`, /"test3" belongs to no option/],
    ['kafka-topics.sh', `${unreachable} --create --topic`, /'--topic <value>' argument missing/],
    [
      'kafka-topics.sh',
      `${unreachable} --create --topic t --partitions x`,
      /--partitions x: write a whole number from 1 on/,
    ],
    [
      'kafka-topics.sh',
      `${unreachable} --create --topic t --partitions 0`,
      /--partitions 0: write a whole number/,
    ],
    ['kafka-topics.sh', `${unreachable} --create --topic t --config a`, /--config a: write KEY=VALUE/],
    ['kafka-topics.sh', `${unreachable} --alter --topic t`, /nothing to alter: add --partitions/],
    ['kafka-topics.sh', `${unreachable} --alter --topic t --replication-factor 2`, /belongs to --create/],
    [
      'kafka-topics.sh',
      `${unreachable} --list --partitons 1`,
      /--partitons is not an option of this tool; did you mean --partitions\? --help/,
    ],
    [
      'kafka-topics.sh',
      '--boot x --list',
      /--boot is not an option of this tool; did you mean --bootstrap-server\?/,
    ],
    ['kafka-topics.sh', '--bootstrap-server here --list', /--bootstrap-server: "here" is not host:port/],
    ['kafka-topics.sh', `${unreachable} --list --command-config /none`, /cannot read \/none: ENOENT/],
    [
      'kafka-topics.sh',
      '--create --zookeeper 192.168.79.129:2181 --topic test3 --partitions 1 --replication-factor 1',
      /--zookeeper: nothing here speaks to ZooKeeper; write --bootstrap-server 192\.168\.79\.129:9092 in its place/,
    ],
    [
      'kafka-console-consumer.sh',
      '--zookeeper z1:2181,z2:2181/k --topic t',
      /write --bootstrap-server z1:9092/,
    ],
    ['kafka-consumer-groups.sh', '--zookeeper z1:2181 --list', /write --bootstrap-server z1:9092/],
    [
      'kafka-console-producer.sh',
      `${unreachable} --topic t --old-producer`,
      /--old-producer: there is one producer here/,
    ],
    ['kafka-console-producer.sh', unreachable, /--topic is missing/],
    [
      'kafka-console-producer.sh',
      `${unreachable} --topic t --compression-codec brotli`,
      /compression\.type: "brotli" is not one of: none, gzip/,
    ],
    [
      'kafka-console-producer.sh',
      `${unreachable} --topic t --request-required-acks 7`,
      /acks: "7" is not one of/,
    ],
    [
      'kafka-console-producer.sh',
      `${unreachable} --topic t --line-reader my.Reader`,
      /my\.Reader is a Java class/,
    ],
    [
      'kafka-console-producer.sh',
      `${unreachable} --topic t --property key.separator=`,
      /key\.separator= is empty/,
    ],
    ['kafka-console-consumer.sh', unreachable, /--topic is missing/],
    [
      'kafka-console-consumer.sh',
      `${unreachable} --topic t --include t`,
      /--topic and --include exclude each other/,
    ],
    ['kafka-console-consumer.sh', `${unreachable} --topic t --offset 3`, /--offset needs --partition/],
    [
      'kafka-console-consumer.sh',
      `${unreachable} --topic t --partition 0 --offset x`,
      /--offset x: write earliest, latest or/,
    ],
    ['kafka-console-consumer.sh', `${unreachable} --topic t --partition 0 --offset -5`, /--offset -5: write/],
    [
      'kafka-console-consumer.sh',
      `${unreachable} --topic t --partition 0 --group g`,
      /--group and --partition exclude/,
    ],
    [
      'kafka-console-consumer.sh',
      `${unreachable} --topic t --group g --consumer-property group.id=h`,
      /--group says g, and group\.id in the properties says h/,
    ],
    [
      'kafka-console-consumer.sh',
      `${unreachable} --topic t --from-beginning --consumer-property auto.offset.reset=latest`,
      /exclude each other/,
    ],
    [
      'kafka-console-consumer.sh',
      `${unreachable} --topic t --isolation-level sloppy`,
      /isolation\.level: "sloppy" is not one of/,
    ],
    [
      'kafka-console-consumer.sh',
      `${unreachable} --topic t --formatter my.Formatter`,
      /my\.Formatter is a Java class/,
    ],
    [
      'kafka-consumer-groups.sh',
      `${unreachable} --describe`,
      /--describe needs --group GROUP or --all-groups/,
    ],
    [
      'kafka-consumer-groups.sh',
      `${unreachable} --describe --group g --members --state`,
      /--members and --state exclude/,
    ],
    ['kafka-consumer-groups.sh', `${unreachable} --list --group g`, /--describe --group tells of one/],
    [
      'kafka-consumer-groups.sh',
      `${unreachable} --delete --group g --topic t`,
      /--delete-offsets --topic forgets/,
    ],
    [
      'kafka-consumer-groups.sh',
      `${unreachable} --reset-offsets --group g --topic t`,
      /write exactly one of --to-earliest/,
    ],
    [
      'kafka-consumer-groups.sh',
      `${unreachable} --reset-offsets --group g --to-earliest`,
      /needs --topic TOPIC or --all-topics/,
    ],
    [
      'kafka-consumer-groups.sh',
      `${unreachable} --reset-offsets --group g --topic t --to-latest --execute --dry-run`,
      /--dry-run and --execute exclude/,
    ],
    [
      'kafka-consumer-groups.sh',
      `${unreachable} --reset-offsets --group g --topic t --to-datetime yesterday`,
      /yesterday: write YYYY-MM-DD/,
    ],
    [
      'kafka-consumer-groups.sh',
      `${unreachable} --reset-offsets --group g --topic t --by-duration 1h`,
      /1h: write PnDTnHnMnS/,
    ],
    ['kafka-get-offsets.sh', `${unreachable} --time noon`, /--time noon: write latest, earliest/],
    ['kafka-get-offsets.sh', `${unreachable} --topic t --partitions a`, /--partitions a: write numbers/],
    [
      'kafka-get-offsets.sh',
      `${unreachable} --topic-partitions t --topic t`,
      /leave --topic and --partitions out/,
    ],
    ['kafka-get-offsets.sh', `${unreachable} --topic-partitions t:x`, /t:x: write TOPIC:NUMBER/],
  ]
  test('what is wrong with a command line is said before anybody is asked', async () => {
    for (const [name, words, said] of cases) await ground.refused(name, words, said)
  })

  test('help and version are no errors', async () => {
    for (const name of [
      'kafka-topics.sh',
      'kafka-console-producer.sh',
      'kafka-console-consumer.sh',
      'kafka-consumer-groups.sh',
      'kafka-get-offsets.sh',
    ] as const) {
      const help = await ground.driver.run(name, ['--help'])
      assert.deepEqual([help.code, help.err], [0, ''])
      assert.ok(help.out.startsWith(`Usage: ${name} --bootstrap-server HOST:PORT`), help.out)
      assert.match((await ground.driver.run(name, ['--version'])).out, /^Millrace \d+\.\d+\.\d+\n$/)
    }
  })
})
