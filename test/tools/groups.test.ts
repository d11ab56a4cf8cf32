// kafka-consumer-groups.sh and kafka-get-offsets.sh against the embedded broker.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startGround, type Ground } from './ground.ts'
import { wordsOf } from './tool-process.ts'

let ground: Ground
before(async () => {
  ground = await startGround()
})
after(() => ground?.[Symbol.asyncDispose]())

const groups = (words: string) => ground.ask('kafka-consumer-groups.sh', words)
const offsets = (words: string) => ground.ask('kafka-get-offsets.sh', words)

/** Without what differs from run to run. */
const settled = (text: string) =>
  text.replaceAll(/TopicId: \S{22}/g, 'TopicId: ID').replaceAll(ground.broker.bootstrap, 'BROKER')

describe('groups and offsets', () => {
  const positions = async (group: string) =>
    (await groups(`--describe --group ${group}`))
      .split('\n')
      .filter(line => line.startsWith(group))
      .map(line => line.split(/ +/).slice(1, 6).join(' '))

  before(async () => {
    await ground.ask('kafka-topics.sh', '--create --topic read --partitions 2')
    const producer = ground.broker.kafkajs().producer()
    await producer.connect()
    const message = (index: number) => ({
      partition: index % 2,
      value: `${index}`,
      timestamp: `${1_000 + index}`,
    })
    await producer.send({ topic: 'read', messages: Array.from({ length: 20 }, (_, index) => message(index)) })
    await producer.disconnect()
  })

  test('offsets at the ends and at times, by every form of the partitions', async () => {
    const cases: readonly (readonly [words: string, printed: string])[] = [
      ['--topic read', 'read:0:10 read:1:10'],
      ['--topic read --time -2', 'read:0:0 read:1:0'],
      ['--topic read --time earliest --partitions 1', 'read:1:0'],
      ['--topic read --time max-timestamp', 'read:0:9 read:1:9'],
      ['--topic read --time 1010', 'read:0:5 read:1:5'],
      ['--topic read --time 1018', 'read:0:9 read:1:9'],
      ['--topic read --time 9999', ''],
      ['--topic-partitions read:1', 'read:1:10'],
      ['--topic-partitions read:0-1,read:1-', 'read:0:10 read:1:10'],
      ["--topic-partitions 'rea.:-1'", 'read:0:10'],
      ["--topic 'r.*d' --offsets 1 --max-wait-ms 10", 'read:0:10 read:1:10'],
    ]
    for (const [words, printed] of cases)
      assert.equal(
        await offsets(words),
        printed
          .split(' ')
          .filter(Boolean)
          .map(line => `${line}\n`)
          .join(''),
        words,
      )
    await ground.refused(
      'kafka-get-offsets.sh',
      `--bootstrap-server ${ground.broker.bootstrap} --topic read --partitions 7`,
      /no partition fits/,
    )
  })

  test('a group with a member, and one without, are listed and described', async () => {
    const consumer = ground.broker.kafkajs().consumer({ groupId: 'active', maxWaitTimeInMs: 50 })
    await consumer.connect()
    await consumer.subscribe({ topics: ['read'], fromBeginning: true })
    const { promise, resolve } = Promise.withResolvers<void>()
    let left = 20
    await consumer.run({
      autoCommitThreshold: 1,
      eachMessage: async () => {
        if (--left === 0) resolve()
      },
    })
    await promise
    await groups('--reset-offsets --group idle --topic read --to-offset 4 --execute')
    assert.equal(await groups('--list'), 'active\nidle\n')
    assert.equal(
      await groups('--list --state'),
      'GROUP                     STATE               \n' +
        'active                    Stable              \n' +
        'idle                      Empty               \n',
    )
    assert.match(await groups('--list --state stable --new-consumer'), /^GROUP .*\nactive .*\n$/)
    const told = await groups('--describe --group active')
    const member = /kafkajs-\S+/.exec(told)![0]
    const pad = (text: string, width: number) => text.padEnd(Math.max(width, text.length))
    assert.equal(
      told,
      `\nGROUP           TOPIC           PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG             ${pad('CONSUMER-ID', member.length)} HOST            CLIENT-ID\n` +
        `active          read            0          10              10              0               ${member} /127.0.0.1      kafkajs\n` +
        `active          read            1          10              10              0               ${member} /127.0.0.1      kafkajs\n`,
    )
    assert.equal(
      await groups('--describe --group active --members --verbose'),
      `\nGROUP           ${pad('CONSUMER-ID', member.length)} HOST            CLIENT-ID       #PARTITIONS     CURRENT-ASSIGNMENT\n` +
        `active          ${member} /127.0.0.1      kafkajs         2               read:0,1          \n`,
    )
    assert.equal(
      settled(await groups('--describe --group idle --group active --state')),
      '\nGROUP           COORDINATOR (ID)          ASSIGNMENT-STRATEGY  STATE                #MEMBERS\n' +
        `idle            ${'BROKER  (0)'.padEnd(25 - ground.broker.bootstrap.length + 6)} -                    Empty                0\n` +
        '\nGROUP           COORDINATOR (ID)          ASSIGNMENT-STRATEGY  STATE                #MEMBERS\n' +
        `active          ${'BROKER  (0)'.padEnd(25 - ground.broker.bootstrap.length + 6)} RoundRobinAssigner   Stable               1\n`,
    )
    const all = await ground.driver.run(
      'kafka-consumer-groups.sh',
      wordsOf(`--bootstrap-server ${ground.broker.bootstrap} --describe --all-groups`),
    )
    assert.equal(all.out.match(/^GROUP /gm)?.length, 2)
    assert.equal(all.err, "\nConsumer group 'idle' has no active members.\n")
    const on = `--bootstrap-server ${ground.broker.bootstrap}`
    await ground.refused(
      'kafka-consumer-groups.sh',
      `${on} --describe --group astray`,
      /consumer group astray does not exist/,
    )
    await ground.refused(
      'kafka-consumer-groups.sh',
      `${on} --reset-offsets --group active --topic read --to-latest --execute`,
      /'active' is inactive, but the current state is Stable: stop its members first/,
    )
    await ground.refused(
      'kafka-consumer-groups.sh',
      `${on} --delete-offsets --group active --topic read`,
      /^$/,
    )
    await ground.refused(
      'kafka-consumer-groups.sh',
      `${on} --delete --group idle --group active`,
      /\* group active was not deleted: NON_EMPTY_GROUP: .*\n1 of 2 groups were deleted/,
    )
    await consumer.disconnect()
    assert.equal(
      await groups('--delete --group active'),
      "Deletion of requested consumer groups ('active') was successful.\n",
    )
    assert.equal(await groups('--list'), '')
  })

  test('positions go where every form says, and with --execute alone', async () => {
    const reset = async (words: string) => {
      const head = 'GROUP                          TOPIC                          PARTITION  NEW-OFFSET     '
      const lines = (await groups(`--reset-offsets --group moved ${words}`)).split('\n')
      assert.deepEqual([lines[0], lines[1], lines.at(-1)], ['', head, ''])
      return lines.slice(2, -1).map(line => line.split(/ +/).slice(1, 4).join(' '))
    }
    const topic = '--topic read'
    assert.deepEqual(await reset(`${topic} --to-latest --dry-run`), ['read 0 10', 'read 1 10'])
    await ground.refused(
      'kafka-consumer-groups.sh',
      `--bootstrap-server ${ground.broker.bootstrap} --describe --group moved`,
      /does not exist/,
    )
    assert.deepEqual(await reset(`${topic} --to-current`), ['read 0 10', 'read 1 10'])
    assert.deepEqual(await reset(`${topic}:1 --to-offset 3 --execute`), ['read 1 3'])
    assert.deepEqual(await positions('moved'), ['read 1 3 10 7'])
    assert.deepEqual(await reset(`${topic} --to-current --execute`), ['read 0 10', 'read 1 3'])
    assert.deepEqual(await reset('--all-topics --shift-by -2 --execute'), ['read 0 8', 'read 1 1'])
    assert.deepEqual(await reset('--all-topics --shift-by -2 --execute'), ['read 0 6', 'read 1 0'])
    assert.deepEqual(await reset(`${topic}:0,1 --to-offset 99`), ['read 0 10', 'read 1 10'])
    assert.deepEqual(await reset(`${topic} --to-earliest --execute`), ['read 0 0', 'read 1 0'])
    assert.deepEqual(await positions('moved'), ['read 0 0 10 10', 'read 1 0 10 10'])
    for (const [time, offset] of [
      ['1970-01-01T00:00:01.010', 5],
      ['1970-01-01T00:00:01.010Z', 5],
      ['1970-01-01T08:00:01.010+0800', 5],
      ['1969-12-31T23:00:01.010-01:00', 5],
      ['1970-01-01T00:00:01', 0],
      ['1969-12-31T23:59:59.998', 0],
      ['2099-01-01T00:00', 10],
    ] as const)
      assert.deepEqual(
        await reset(`${topic} --to-datetime ${time}`),
        [`read 0 ${offset}`, `read 1 ${offset}`],
        time,
      )
    for (const duration of ['PT1H', 'P1D', 'P0DT0H0M0.5S'])
      assert.deepEqual(
        await reset(`${topic} --by-duration ${duration}`),
        ['read 0 10', 'read 1 10'],
        duration,
      )
    assert.deepEqual(await reset(`${topic} --by-duration P40000D`), ['read 0 0', 'read 1 0'])
    const on = `--bootstrap-server ${ground.broker.bootstrap} --reset-offsets`
    for (const [words, said] of [
      ['--group moved --topic astray --to-latest', /topic astray does not exist/],
      ['--group moved --topic read:7 --to-latest', /topic read has no partition 7, but 0 to 1/],
      [
        '--group fresh --topic read --shift-by 1',
        /group fresh has no position in read-0 that could be shifted/,
      ],
    ] as const)
      await ground.refused('kafka-consumer-groups.sh', `${on} ${words}`, said)
    assert.equal(
      await groups('--delete-offsets --group moved --topic read:1'),
      'Request succeeded for deleting offsets from group moved.\n\nTOPIC           PARTITION  STATUS         \nread            1          Successful     \n',
    )
    assert.deepEqual(await positions('moved'), ['read 0 0 10 10'])
    await groups('--delete --all-groups')
  })
})
