// The quickstart on real Kafka: `millrace demo --bootstrap` makes its topics, leaves data alone that is there,
// and leaves no group behind where Kafka can delete one.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { endedDemo, inDirectory, nobodyLeft } from '../demo/demo-process.ts'
import { skipWithoutPeers, startKafka010, startKafka41, startZooKeeper, type Kafka } from './peers/peers.ts'
import { countOf, createTopic, produceAll, withAdmin } from './peers/topics.ts'

for (const version of ['4.1.0', '0.10.2.1'] as const)
  describe(`the quickstart on Kafka ${version}`, { skip: skipWithoutPeers }, () => {
    let directory: string
    const stack = new AsyncDisposableStack()
    let kafka: Kafka
    before(async () => {
      directory = mkdtempSync(join(tmpdir(), 'millrace-demo-kafka-'))
      kafka =
        version === '4.1.0'
          ? await startKafka41(directory)
          : await startKafka010(directory, stack.use(await startZooKeeper(directory)))
      stack.use(kafka)
    })
    after(async () => {
      await stack.disposeAsync()
      rmSync(directory, { recursive: true, force: true })
    })

    test('topics are made, found again with what they hold, and every event arrives once, in order', async () => {
      const run = () =>
        inDirectory(async own => {
          const { code, output } = await endedDemo(own, [
            '--bootstrap',
            kafka.bootstrap,
            '--events',
            '2000',
            '--exit',
          ])
          assert.equal(code, 0, output)
          assert.match(output, /^2000 events sent, 2000 arrived, all in order, none twice$/m)
          assert.match(
            output,
            /^\+kafka-memory-avro\.sources\.s1\.kafka\.consumer\.group\.id = millrace-demo-/m,
          )
          assert.equal(/^group \S+ stays until Kafka forgets it/m.test(output), version !== '4.1.0', output)
          await nobodyLeft(own)
        })
      await createTopic(kafka.bootstrap, 'test3', 2)
      await produceAll(
        kafka.bootstrap,
        'test3',
        Array.from({ length: 40 }, (_, index) => ({ key: null, value: `old ${index}` })),
      )
      await run()
      await run()
      assert.equal(await countOf(kafka.bootstrap, 'test3'), 4040)
      assert.equal(await countOf(kafka.bootstrap, 'test2'), 4000)
      const groups = await withAdmin(kafka.bootstrap, async admin => (await admin.listGroups()).groups)
      // Kafka deletes groups on request from 1.1 on.
      if (version === '4.1.0')
        assert.deepEqual(
          groups.filter(one => one.groupId.startsWith('millrace-demo-')),
          [],
        )
    })
  })
