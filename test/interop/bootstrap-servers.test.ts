// bootstrap.servers in every form that a configuration may hold it: read as Kafka 4.1's clients read it. What they make
// of each form stands here, and is asked again where Java can be had.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { addressesIn, parseAddress } from '../../src/address.ts'
import { java, skipWithoutPeers } from './peers/peers.ts'

const forms: readonly (readonly [text: string, read: string])[] = [
  ['h:1', 'h 1'],
  ['H:1', 'H 1'],
  ['localhost:9092', 'localhost 9092'],
  [' localhost:9092 ', 'localhost 9092'],
  ['localhost:9092,', 'localhost 9092'],
  [',localhost:9092', 'localhost 9092'],
  ['localhost:9092,,other:9093', 'localhost 9092, other 9093'],
  ['a:1 , b:2', 'a 1, b 2'],
  ['a:1\t,\tb:2', 'a 1, b 2'],
  ['a:1 b:2', 'refused'],
  ['a:1;b:2', 'refused'],
  ['', 'refused'],
  [' ', 'refused'],
  [',', 'refused'],
  [' , ', 'refused'],
  ['localhost', 'refused'],
  ['localhost:', 'refused'],
  [':9092', ' 9092'],
  ['::1:9092', '::1 9092'],
  ['[::1]:9092', '::1 9092'],
  ['[::1]', 'refused'],
  ['::1', ': 1'],
  ['2001:db8::1:9092', '2001:db8::1 9092'],
  ['[2001:db8::1]:9092', '2001:db8::1 9092'],
  ['[fe80::1%eth0]:9092', 'fe80::1%eth0 9092'],
  ['fe80::1%eth0:9092', 'fe80::1%eth0 9092'],
  ['[fe80::1%25eth0]:9092', 'fe80::1%25eth0 9092'],
  ['SASL_SSL://host:9092', 'host 9092'],
  ['SASL_PLAINTEXT://host:9092', 'host 9092'],
  ['PLAINTEXT://host:9092', 'host 9092'],
  ['SSL://host:9092', 'host 9092'],
  ['ssl://host:9092', 'host 9092'],
  ['MY-LISTENER://host:9092', 'host 9092'],
  ['MY.LISTENER_1://host:9092', 'host 9092'],
  ['SASL_SSL://[::1]:9092', '::1 9092'],
  ['SASL_SSL://::1:9092', '::1 9092'],
  ['http://host:9092/path', 'refused'],
  ['host:9092/', 'refused'],
  ['host/chroot:9092', 'refused'],
  ['://host:9092', 'host 9092'],
  ['//host:9092', 'refused'],
  ['SASL_SSL:host:9092', 'SASL_SSL:host 9092'],
  ['SASL_SSL:/host:9092', 'refused'],
  ['SASL_SSL://SASL_SSL://host:9092', 'refused'],
  ['SASL_SSL://', 'refused'],
  ['SASL_SSL://host', 'refused'],
  ['SASL_SSL://:9092', ' 9092'],
  ['user@host:9092', 'refused'],
  ['user:pw@host:9092', 'refused'],
  ['my_host:9092', 'my_host 9092'],
  ['my-host:9092', 'my-host 9092'],
  ['-host:9092', '-host 9092'],
  ['host-:9092', 'host- 9092'],
  ['host.:9092', 'host. 9092'],
  ['.host:9092', '.host 9092'],
  ['host..x:9092', 'host..x 9092'],
  ['a.b.c:9092', 'a.b.c 9092'],
  ['127.0.0.1:9092', '127.0.0.1 9092'],
  ['999.1.1.1:9092', '999.1.1.1 9092'],
  ['host:0', 'host 0'],
  ['host:1', 'host 1'],
  ['host:65535', 'host 65535'],
  ['host:65536', 'refused'],
  ['host:99999', 'refused'],
  ['host:2147483647', 'refused'],
  ['host:2147483648', 'refused'],
  ['host:99999999999999999999', 'refused'],
  ['host:-1', 'refused'],
  ['host:+9092', 'refused'],
  ['host:09092', 'host 9092'],
  ['host:0009092', 'host 9092'],
  ['host:9092a', 'refused'],
  ['host:90 92', 'refused'],
  ['host: 9092', 'refused'],
  ['host :9092', 'refused'],
  ['host:9092-9094', 'refused'],
  ['host:9092,host', 'refused'],
  ['h\u00f6st:9092', 'refused'],
  ['host:\uff19\uff10\uff19\uff12', 'refused'],
  ['b\u00fccher.example:9092', 'refused'],
  ['host:9092\u00a0', 'refused'],
  ['\u00a0host:9092', 'refused'],
  ['"host:9092"', 'refused'],
  ["'host:9092'", 'refused'],
  ['host:9092"', 'refused'],
  ['[host]:9092', 'host 9092'],
  ['[host:9092', 'host 9092'],
  ['host]:9092', 'host 9092'],
  ['[[::1]]:9092', 'refused'],
  ['[]:9092', ' 9092'],
  ['[:9092', ' 9092'],
  [']:9092', ' 9092'],
  ['%:9092', '% 9092'],
  ['_:9092', '_ 9092'],
  ['*:9092', 'refused'],
  ['host*:9092', 'refused'],
  ['a:b:9092', 'a:b 9092'],
  ['a:9092:9093', 'a:9092 9093'],
  ['${BROKER}:9092', 'refused'],
  ['host:9092#x', 'refused'],
  ['0.0.0.0:9092', '0.0.0.0 9092'],
  ['[::ffff:127.0.0.1]:9092', '::ffff:127.0.0.1 9092'],
  ['::ffff:127.0.0.1:9092', '::ffff:127.0.0.1 9092'],
]

/** Java takes the first and finds no address for such names when it starts; it does not trim the last. */
const differences: Readonly<Record<string, string>> = {
  '::1': 'refused',
  'SASL_SSL:host:9092': 'refused',
  'a:b:9092': 'refused',
  'a:9092:9093': 'refused',
  'host:9092\u00a0': 'host 9092',
  '\u00a0host:9092': 'host 9092',
}

function ours(text: string): string {
  const read = addressesIn(text).map(parseAddress)
  if (read.length === 0 || read.includes(null)) return 'refused'
  return read.map(one => `${one!.host} ${one!.port}`).join(', ')
}

it("bootstrap.servers is read as Kafka's clients read it", () => {
  for (const [text, read] of forms) assert.equal(ours(text), differences[text] ?? read, JSON.stringify(text))
})

it(
  "Kafka 4.1's clients still read bootstrap.servers so",
  { skip: skipWithoutPeers, timeout: 60_000 },
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-servers-'))
    try {
      const file = join(directory, 'forms')
      writeFileSync(file, forms.map(([text]) => text).join('\n'))
      const running = await java('kafka-4.1.0', directory, 'bootstrap-servers', {
        main: [new URL('bootstrap-servers.java', import.meta.url).pathname, file],
        ready: /^done/m,
      })
      await running.stop()
      assert.deepEqual(
        [...running.output.matchAll(/^> (.*)$/gm)].map(([, read]) => read),
        forms.map(([, read]) => read),
      )
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  },
)
