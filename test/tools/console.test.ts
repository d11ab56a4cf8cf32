// kafka-console-producer.sh and kafka-console-consumer.sh as processes against the embedded broker: what lines
// become, what is printed, how they end.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { waitFor } from '../interop/peers/waiting.ts'
import { root } from '../source-text.ts'
import { startGround, type Ground } from './ground.ts'
import { runShell, runTool, ToolProcess, wordsOf, type Ran, type ToolOptions } from './tool-process.ts'

let ground: Ground
before(async () => {
  ground = await startGround()
})
after(() => ground?.[Symbol.asyncDispose]())

const make = (topic: string, more = '') => ground.ask('kafka-topics.sh', `--create --topic ${topic} ${more}`)
const onBroker = (words: string) => ['--bootstrap-server', ground.broker.bootstrap, ...wordsOf(words)]

async function produce(words: string, input: string | Buffer): Promise<Ran> {
  const ran = await runTool('kafka-console-producer.sh', onBroker(words), { input })
  assert.deepEqual([ran.code, ran.out, ran.err], [0, '', ''], words)
  return ran
}
const consumer = (words: string, options: ToolOptions = {}) =>
  new ToolProcess('kafka-console-consumer.sh', onBroker(words), options)

/** What a reading to its end prints, without a process of its own. */
const reading = (words: string) => ground.driver.run('kafka-console-consumer.sh', onBroker(words))

/** What a reading from the beginning to the end prints. */
async function consume(words: string, count: number): Promise<Pick<Ran, 'out'>> {
  const ran = await reading(`--from-beginning --max-messages ${count} ${words}`)
  assert.deepEqual([ran.code, ran.err], [0, `Processed a total of ${count} messages\n`], words)
  return ran
}

describe('lines become messages', { concurrency: 2 }, () => {
  test('each line one, however it ends, and its bytes as they are', async () => {
    await make('plain')
    const latin = Buffer.from('h\xe4user\n', 'latin1')
    await produce(
      '--topic plain',
      Buffer.concat([Buffer.from('one\ntwo\r\n\nthree\rfour\u2028five\n'), latin, Buffer.from('last')]),
    )
    const { bytes } = await consumer('--topic plain --from-beginning --max-messages 7').ended
    assert.deepEqual(
      bytes,
      Buffer.concat([Buffer.from('one\ntwo\n\nthree\nfour\u2028five\n'), latin, Buffer.from('last\n')]),
    )
  })

  test('none of 20,000 is lost, doubled or out of order, with every codec', async () => {
    for (const [index, codec] of [
      '',
      '--compression-codec',
      '--compression-codec zstd',
      '--compression-codec lz4 --request-required-acks 1',
    ].entries()) {
      await make(`many${index}`)
      const text = Array.from({ length: 20_000 }, (_, line) => `message ${line}\n`).join('')
      await produce(`--topic many${index} ${codec}`, text)
      const { out } = await consume(`--topic many${index}`, 20_000)
      assert.ok(out === text, `${codec}: ${out.length} of ${text.length} characters`)
    }
  })

  test('with keys, headers and nulls, printed in every form', async () => {
    await make('formed', '--config message.timestamp.type=LogAppendTime')
    await produce(
      '--topic formed --sync --property parse.key=true --property parse.headers=true --property key.separator=: --property null.marker=NULL',
      'h1:v1,h2:v2\tk1:val:ue\nNULL\tNULL:NULL\nh1:NULL\tk2:\n',
    )
    await produce(
      '--topic formed --property parse.headers=true --property headers.delimiter=| --property headers.separator=; --property headers.key.separator==',
      'a=1;b=2|x\n',
    )
    const all =
      '--property print.key=true --property print.headers=true --property print.partition=true --property print.offset=true'
    assert.equal(
      (await consume(`--topic formed ${all}`, 4)).out,
      'Partition:0\tOffset:0\th1:v1,h2:v2\tk1\tval:ue\nPartition:0\tOffset:1\tNO_HEADERS\tnull\tnull\n' +
        'Partition:0\tOffset:2\th1:null\tk2\t\nPartition:0\tOffset:3\ta:1,b:2\tnull\tx\n',
    )
    assert.equal(
      (
        await consume(
          '--topic formed --property print.key=true --property print.headers=true --property print.value=false --property key.separator=| --property headers.separator=; --property null.literal=NIL --property line.separator=/',
          3,
        )
      ).out,
      'h1:v1;h2:v2|k1/NO_HEADERS|NIL/h1:NIL|k2/',
    )
    assert.match(
      (await consume('--topic formed --property print.timestamp=true', 1)).out,
      /^LogAppendTime:\d{13}\tval:ue\n$/,
    )
  })

  test('a line that cannot be read ends it with 1, and what stands before it is written', async () => {
    await make('broken')
    const words = '--topic broken --property parse.key=true'
    const { code, err } = await runTool('kafka-console-producer.sh', onBroker(words), {
      input: 'k\tone\nno key\nk\ttwo\n',
    })
    assert.deepEqual(
      [code, err],
      [1, 'kafka-console-producer.sh: line 2: no end of the key (key.separator) "\\t" in it\n'],
    )
    await produce(`${words} --property ignore.error=true`, 'no key\n')
    assert.equal((await consume('--topic broken --property print.key=true', 2)).out, 'k\tone\nnull\tno key\n')
  })

  test('a message the broker refuses is named by its line, and the others are written', async () => {
    await make('small', '--config max.message.bytes=1000')
    const input = `one\n${'x'.repeat(2000)}\nthree\n`
    const { code, err } = await runTool('kafka-console-producer.sh', onBroker('--topic small --sync'), {
      input,
    })
    assert.equal(code, 1)
    assert.match(err, /^line 2 was not written: .*MESSAGE_TOO_LARGE/m)
    assert.equal((await consume('--topic small', 2)).out, 'one\nthree\n')
  })

  test('a misspelt property is named with the one that was meant', async () => {
    await make('misspelt')
    const { code, err } = await runTool(
      'kafka-console-producer.sh',
      onBroker('--topic misspelt --property parse.keys=true'),
      { input: 'x\n' },
    )
    assert.deepEqual(
      [code, err],
      [
        0,
        "warning: --property parse.keys is not a key of Kafka's reader and is ignored. Did you mean parse.key?\n",
      ],
    )
  })

  const skip = existsSync('/usr/bin/script') ? false : 'there is no script(1)'
  test('on a terminal it asks for each line with >', { skip }, async () => {
    await make('typed')
    const command = `${join(root, 'bin/kafka-console-producer.sh')} ${onBroker('--topic typed').join(' ')}`
    const { out } = await runShell('exec script -q -e -c "$COMMAND" /dev/null', {
      input: 'one\ntwo\n\x04',
      environment: { COMMAND: command },
    })
    assert.match(out, />.*>.*>/s)
    assert.equal((await consume('--topic typed', 2)).out, 'one\ntwo\n')
  })
})

describe('messages are read', { concurrency: 2 }, () => {
  test('from where --partition and --offset say, and from several topics', async () => {
    await make('placed', '--partitions 2')
    await make('place2')
    const producer = ground.broker.kafkajs().producer()
    await producer.connect()
    await producer.send({
      topic: 'placed',
      messages: [0, 1, 2, 3].map(index => ({ partition: index % 2, value: `p${index}` })),
    })
    await producer.send({ topic: 'place2', messages: [{ value: 'other' }] })
    await producer.disconnect()
    const read = async (words: string, printed: string, warned = /^Processed/) => {
      const ran = await reading(words)
      assert.deepEqual([ran.code, ran.out], [0, printed], words)
      assert.match(ran.err, warned, words)
    }
    await read('--topic placed --partition 1 --offset earliest --max-messages 2', 'p1\np3\n')
    await read('--topic placed --partition 0 --offset 1 --max-messages 1', 'p2\n')
    await read('--topic placed --partition 0 --timeout-ms 300', '')
    await read(
      '--topic placed --partition 0 --offset 99 --timeout-ms 300',
      '',
      /placed-0 holds offsets from 0 to 2, and not 99/,
    )
    await read('--topic placed --max-messages 0', '')
    const both = await consume('--include place.*', 5)
    assert.deepEqual(both.out.split('\n').sort(), ['', 'other', 'p0', 'p1', 'p2', 'p3'])
    assert.equal((await consume("--whitelist 'place2,nothing'", 1)).out, 'other\n')
    await ground.refused(
      'kafka-console-consumer.sh',
      `${onBroker('--topic placed --partition 7').join(' ')}`,
      /--partition 7: topic placed has the partitions 0 to 1/,
    )
  })

  test('in a group, which keeps the position behind the last that was printed', async () => {
    await make('grouped')
    await produce('--topic grouped', '1\n2\n3\n4\n5\n')
    assert.equal((await consume('--topic grouped --group console', 3)).out, '1\n2\n3\n')
    assert.equal((await consume('--topic grouped --group console', 1)).out, '4\n')
    await consume('--topic grouped --group console --consumer-property enable.auto.commit=false', 1)
    assert.match(
      await ground.ask('kafka-consumer-groups.sh', '--describe --group console'),
      /console +grouped +0 +4 +5 +1 /,
    )
    await consume('--topic grouped', 5)
    assert.equal(
      await ground.ask('kafka-consumer-groups.sh', '--list'),
      'console\n',
      'no group without --group',
    )
  })

  test('a topic that is not there is waited for, with a warning, and read from its first message', async () => {
    for (const group of ['', '--group early']) {
      const topic = `late${group.length}`
      const waiting = consumer(`--topic ${topic} --max-messages 1 ${group}`)
      await waiting.says(
        new RegExp(
          `topic ${topic} does not exist at \\S+. The command waits for it. To create it: \\S*kafka-topics.sh`,
        ),
      )
      await make(topic)
      await produce(`--topic ${topic}`, 'first\n')
      const { code, out } = await waiting.ended
      assert.deepEqual([code, out], [0, 'first\n'])
    }
    const idle = await reading('--include nothing.* --timeout-ms 200')
    assert.equal(idle.code, 0)
    assert.match(idle.err, /no topic at \S+ matches nothing\.\*\. The command waits for one/)
    await ground.refused(
      'kafka-console-consumer.sh',
      onBroker("--topic 'bad/name'").join(' '),
      /topic bad\/name: INVALID_TOPIC_EXCEPTION/,
    )
    await ground.refused(
      'kafka-console-producer.sh',
      onBroker('--topic nowhere --max-block-ms 300').join(' '),
      /topic nowhere does not exist at .*auto\.create\.topics\.enable.*kafka-topics\.sh --bootstrap-server \S+ --create --topic nowhere/,
    )
  })

  test('a reader that has enough ends it quietly, and the group is left with its position', async () => {
    await make('piped')
    await produce('--topic piped', Array.from({ length: 20_000 }, (_, index) => `line ${index}\n`).join(''))
    const begun = consumer('--topic piped --from-beginning --group piped')
    await begun.says(/line 0\n/)
    begun.stopReading()
    const { code, err } = await begun.ended
    assert.equal(code, 0)
    assert.match(err, /^Processed a total of \d+ messages\n$/)
    const described = await ground.ask('kafka-consumer-groups.sh', '--describe --group piped --state')
    assert.match(described, /Empty +0\n$/)
    const command = `${join(root, 'bin/kafka-console-consumer.sh')} ${onBroker('--topic piped --from-beginning').join(' ')}`
    assert.equal((await runShell(`${command} | head -2`)).out, 'line 0\nline 1\n')
  })

  test('Ctrl-C and SIGTERM end it, and commit what was printed', async () => {
    await make('ended')
    await produce('--topic ended', 'a\nb\n')
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const begun = consumer(`--topic ended --from-beginning --group ended-${signal}`)
      await begun.says(/b\n/)
      begun.signal(signal)
      const ran = await begun.ended
      assert.deepEqual([ran.code, ran.err], [code, 'Processed a total of 2 messages\n'])
      assert.match(
        await ground.ask('kafka-consumer-groups.sh', `--describe --group ended-${signal}`),
        /ended +0 +2 +2 +0 /,
      )
    }
    const writing = new ToolProcess('kafka-console-producer.sh', onBroker('--topic ended'))
    writing.type('c\nunfinished')
    await waitFor(
      async () => /ended:0:3/.test(await ground.ask('kafka-get-offsets.sh', '--topic ended')),
      'c is written',
    )
    writing.signal('SIGTERM')
    assert.equal((await writing.ended).code, 143)
  })
})
