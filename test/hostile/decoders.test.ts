// The decoders of the table under inputs that nobody writes on purpose (fuzzing.ts), and the inputs that were met by
// something else than a result or a fault before.
import assert from 'node:assert/strict'
import test from 'node:test'
import { decoders } from './decoders.ts'
import { fuzz, mostGrowthBytes, repeat, run, summaryOf } from './fuzzing.ts'

const onlySeed = process.env['MILLRACE_SEED']
const [inputs, first] =
  process.env['MILLRACE_DEEP'] === undefined ? [600_000, 1_000_000_000] : [50_000_000, 0]

test(`every decoder, ${onlySeed === undefined ? `${inputs} inputs` : `seed ${onlySeed}`}`, async t => {
  if (onlySeed !== undefined) return await repeat(Number(onlySeed))
  const done = await fuzz(inputs, first)
  for (const line of summaryOf(done)) t.diagnostic(line)
  assert.ok(
    done.growthBytes < mostGrowthBytes,
    `a thread holds ${done.growthBytes} bytes more than after the warm-up`,
  )
})

/** Decoder, input in hex, and what it was met by. */
const cases: readonly (readonly [decoder: string, hex: string, met: string])[] = [
  ['Java regular expression', Buffer.from('{0x10,').toString('hex'), 'an endless loop'],
  ...['$', '\\b', '\\B', '\\Z', '(?m)$', '(?m)^', '$\\b'].map(
    place =>
      [
        'Java regular expression',
        Buffer.from(`(k${place.repeat(40)})x`).toString('hex'),
        'a compilation that doubles with each place',
      ] as const,
  ),
  [
    'Java regular expression',
    Buffer.from('('.repeat(20_000)).toString('hex'),
    'a stack overflow, in its words',
  ],
  [
    'Java regular expression',
    Buffer.from('['.repeat(20_000)).toString('hex'),
    'a stack overflow, in its words',
  ],
  [
    'Java regular expression',
    Buffer.from('(?iu)' + '[\\x{80}-\\x{10ffff}]'.repeat(8)).toString('hex'),
    'seconds of work',
  ],
  [
    'Flume configuration',
    Buffer.from(`a1.x = ${'${a'.repeat(9000)}${'}'.repeat(9000)}`).toString('hex'),
    'a stack overflow',
  ],
  [
    'command line of a Kafka tool',
    Buffer.from(`--topic\n${'a'.repeat(40_000)}`).toString('hex'),
    'a SyntaxError',
  ],
  [
    'log4j.properties and log4j2.xml',
    Buffer.from('<File fileName="${a(b}"/>').toString('hex'),
    'a SyntaxError',
  ],
  [
    'log4j.properties and log4j2.xml',
    Buffer.from(`<File fileName="${'${a'.repeat(20_000)}"/>`).toString('hex'),
    'steps that grow with the square of its length',
  ],
  ['properties file', Buffer.from('\\b\n'.repeat(20_000)).toString('hex'), 'a warning for each line'],
  ['properties file', Buffer.from('\\u\n'.repeat(20_000)).toString('hex'), 'an error for each line'],
  ['zstd of Kafka', '28b52ffd2000010000'.repeat(9000), '256 KiB of memory for each frame of 0 bytes'],
  ...(
    [
      ['addresses', `${'a'.repeat(20_000)}/\n`],
      ['properties file', '\\u'.repeat(17_000)],
      ['command line of a Kafka tool', `--topic\n${'"'.repeat(20_000)}b`],
    ] as const
  ).map(
    ([name, text]) =>
      [name, Buffer.from(text).toString('hex'), 'steps that grow with the square of its length'] as const,
  ),
  ['console: from', Buffer.from('@99999999999999999999').toString('hex'), 'a time beyond int64'],
  ['console: from', Buffer.from('9999999999999999').toString('hex'), 'an offset beyond 2^53'],
  ['ip filter rules', Buffer.from(`deny:name:${'x'.repeat(60_000)}`).toString('hex'), 'a SyntaxError'],
  [
    'ip filter rules',
    Buffer.from(`deny:name:${'*a'.repeat(60)}*b`).toString('hex'),
    'steps without number, where a name is like it',
  ],
  [
    'snapshot of an agent',
    Buffer.from('{"sources":null}').toString('hex'),
    'a TypeError that ended the console',
  ],
  [
    'answers of ZooKeeper',
    '0000000100000000000000010000000000000002fffffffc00000000',
    'two billion turns of a loop',
  ],
  ['answers of ZooKeeper', '000000010000000000000001000000007fffffff', 'a RangeError'],
  ['registration of a broker', Buffer.from('{"endpoints":[null]}').toString('hex'), 'a TypeError'],
  ['registration of a broker', Buffer.from('null').toString('hex'), 'a TypeError'],
  ['entry of broker.journal', Buffer.from('17').toString('hex'), 'a TypeError'],
  [
    'entry of broker.journal',
    Buffer.from('{"topic":"t","id":"x","partitions":1e9,"settings":{}}').toString('hex'),
    'a thousand million partitions',
  ],
  ['entry of transactions.journal', Buffer.from('[').toString('hex'), 'a SyntaxError'],
  [
    'entry of scram.journal',
    Buffer.from('{"user":"u","mechanism":"SCRAM-SHA-256"}').toString('hex'),
    'a TypeError at the login',
  ],
  ['file channel checkpoint', Buffer.from('null').toString('hex'), 'a TypeError'],
  ['file channel checkpoint', Buffer.from('{').toString('hex'), 'a SyntaxError'],
  ['checkpoint of a partition', Buffer.from('null').toString('hex'), 'a TypeError'],
  [
    'full segment of a partition',
    `00000000000000${'00'.repeat(1)}fffffff4${'00'.repeat(49)}`,
    'an endless loop over a batch of 0 bytes',
  ],
  [
    'index of a partition',
    `000000000000f03f${Buffer.from(new Float64Array([-1e9, 0]).buffer).toString('hex')}00000000`,
    'a read before the file',
  ],
]

for (const [name, hex, met] of cases)
  test(`${name}: ${hex.length > 60 ? `${hex.slice(0, 60)}…` : hex}, which was met by ${met}`, async () => {
    const decoder = decoders.find(one => one.name === name)!
    const input = Buffer.from(hex, 'hex')
    await run(decoder, decoder.change?.(input) ?? input, { inputs: 0, refused: 0, longestMs: 0 })
  })
