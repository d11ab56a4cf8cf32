// The seed's two configuration files, byte for byte, on the Kafka they were written for, on today's, and
// on the embedded broker.
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { fetchPeer, skipWithoutPeers } from './peers/fetch.ts'

const root = new URL('../..', import.meta.url).pathname

const sums = {
  'avro-memory-kafka.conf': '00b6e529a7df200a76d698e78325021797c9952098c3e6998358011783d2adee',
  'kafka-memory-avro.conf': '837e9b7fa1f77942df1e1ecca501332f307b079006879791811acbdd412445eb',
}

test('the two files are as their author wrote them', () => {
  for (const place of ['conf', 'examples/02-kafka-to-kafka/conf'])
    for (const [name, sum] of Object.entries(sums)) {
      const content = readFileSync(join(root, place, name))
      assert.equal(createHash('sha256').update(content).digest('hex'), sum, `${place}/${name}`)
    }
})

const canUnshare = spawnSync('unshare', ['-n', '-m', 'true']).status === 0
const skip = canUnshare ? false : 'a network namespace of its own needs root'

// The files name directories outside the test: in this mount namespace they lie in memory. What must be
// there to be mounted on is removed again.
const mounted = ['/home/mywork', join(homedir(), '.flume')].filter(directory => !existsSync(directory))
after(() => {
  for (const directory of mounted) if (existsSync(directory)) rmdirSync(directory)
})
const enter = `set -e
ip link set lo up
ip addr add 192.168.79.129/32 dev lo
for directory in /home/mywork "$1/.flume"; do mkdir -p "$directory"; mount -t tmpfs tmpfs "$directory"; done
shift
exec "$@"`

for (const version of ['0.10.2.1', '4.1.0', 'embedded'] as const)
  test(
    `10,000 messages pass through the seed's system on ${version === 'embedded' ? 'the embedded broker, started from its own server.properties' : `Kafka ${version}`}, in order, none twice`,
    { skip: (version !== 'embedded' && skipWithoutPeers) || skip },
    async () => {
      if (version === '0.10.2.1') await fetchPeer('zookeeper-3.4.10')
      if (version !== 'embedded') await fetchPeer(`kafka-${version}`)
      const inside = new URL('seed-inside.ts', import.meta.url).pathname
      const { stdout } = await promisify(execFile)(
        'unshare',
        ['-n', '-m', 'sh', '-c', enter, 'sh', homedir(), process.execPath, inside, version],
        { timeout: 240_000, maxBuffer: 64 * 1024 * 1024 },
      )
      const seen = JSON.parse(stdout.trim().split('\n').at(-1)!) as Record<string, unknown>
      assert.deepEqual(
        {
          inOrder: seen['inOrder'],
          received: seen['received'],
          inTest3: seen['inTest3'],
          ended: seen['ended'],
          errors: seen['errors'],
        },
        { inOrder: true, received: 10_000, inTest3: 10_000, ended: [0, 0], errors: [] },
      )
      assert.match(
        String(seen['warning']),
        /kafka-memory-avro\.conf:23: .*checkpontDir.*\.flume\/file-channel\/checkpoint.*[Dd]id you mean checkpointDir/,
      )
      assert.equal(seen['defaultDirectory'], true)
    },
  )
