// Sessions about topics and the records in them, and how the other sessions ask for both.
import { zeroUuid } from '../../src/wire/kafka/fields.ts'
import { createPartitions } from '../../src/wire/kafka/messages/create-partitions.ts'
import { createTopics } from '../../src/wire/kafka/messages/create-topics.ts'
import { deleteRecords } from '../../src/wire/kafka/messages/delete-records.ts'
import { deleteTopics } from '../../src/wire/kafka/messages/delete-topics.ts'
import { fetch } from '../../src/wire/kafka/messages/fetch.ts'
import { listOffsets } from '../../src/wire/kafka/messages/list-offsets.ts'
import { metadata } from '../../src/wire/kafka/messages/metadata.ts'
import { offsetForLeaderEpoch } from '../../src/wire/kafka/messages/offset-for-leader-epoch.ts'
import { produce } from '../../src/wire/kafka/messages/produce.ts'
import { magicOfProduce, writeRecords } from '../../src/wire/kafka/record-set.ts'
import type { ProducerIdentity } from '../../src/wire/kafka/record.ts'
import type { Session } from './play.ts'

export const newTopic = (
  name: string,
  numPartitions = 1,
  more: { replicationFactor?: number; configs?: { name: string; value: string | null }[] } = {},
) => ({ name, numPartitions, replicationFactor: 1, assignments: [], configs: [], ...more })

export const time = 1_500_000_000_000
export const recordsOf = (
  values: readonly string[],
  more: { magic?: 0 | 1 | 2; codec?: 'none' | 'gzip'; identity?: ProducerIdentity } = {},
) =>
  writeRecords(
    values.map((value, index) => ({
      timestamp: time + index,
      key: Buffer.from(`k${index}`),
      value: Buffer.from(value),
      ...(more.magic === undefined || more.magic === 2
        ? { headers: [{ key: 'h', value: Buffer.from('v') }] }
        : {}),
    })),
    more,
  )

export const produceTo = (
  topic: string,
  records: Buffer | null,
  more: { acks?: number; index?: number; id?: string | null } = {},
) => ({
  acks: more.acks ?? -1,
  timeoutMs: 5000,
  transactionalId: more.id ?? null,
  topicData: [{ name: topic, partitionData: [{ index: more.index ?? 0, records }] }],
})

export const fetchFrom = (
  topic: string,
  fetchOffset: number,
  more: { partition?: number; isolationLevel?: number; bytes?: number } = {},
) => ({
  maxWaitMs: 0,
  minBytes: 0,
  maxBytes: 1_000_000,
  ...(more.isolationLevel === undefined ? {} : { isolationLevel: more.isolationLevel }),
  topics: [
    {
      topic,
      partitions: [{ partition: more.partition ?? 0, fetchOffset, partitionMaxBytes: more.bytes ?? 100_000 }],
    },
  ],
  forgottenTopicsData: [],
})

export const topics: Session = {
  name: 'topics',
  needs: [createTopics, metadata],
  async run(play) {
    const there = await play.topic(2)
    const missing = play.name('missing')
    for (const version of play.versions(metadata)) {
      const more = version >= 4 ? { allowAutoTopicCreation: false } : {}
      const ask = (step: string, name: string) =>
        play.ask(step, metadata, version, { topics: [{ name }], ...more })
      await ask('a topic', there)
      await ask('a topic that is not there', missing)
      await ask('a name that is not allowed', 'not allowed')
    }
    for (const version of play.versions(createTopics)) {
      const make = (step: string, one: ReturnType<typeof newTopic>, validateOnly = false) =>
        play.ask(step, createTopics, version, {
          topics: [one],
          timeoutMs: 10_000,
          ...(version >= 1 ? { validateOnly } : {}),
        })
      await make('new', newTopic(play.name(`new-${version}`), 2))
      await make('there already', newTopic(there))
      await make('no partitions', newTopic(play.name('none'), 0))
      await make('too many replicas', newTopic(play.name('replicas'), 1, { replicationFactor: 3 }))
      await make('a name that is not allowed', newTopic('not allowed'))
      await make(
        'a setting nobody knows',
        newTopic(play.name('odd'), 1, { configs: [{ name: 'odd', value: '1' }] }),
      )
      await make(
        'a value that cannot be',
        newTopic(play.name('odd'), 1, { configs: [{ name: 'retention.ms', value: 'x' }] }),
      )
      if (version >= 1) await make('only validated', newTopic(play.name('validated'), 3), true)
    }
    for (const version of play.versions(createPartitions)) {
      const grow = (step: string, name: string, count: number) =>
        play.ask(step, createPartitions, version, {
          topics: [{ name, count, assignments: null }],
          timeoutMs: 10_000,
          validateOnly: true,
        })
      await grow('more', there, 4)
      await grow('fewer', there, 1)
      await grow('of a topic that is not there', missing, 4)
    }
    for (const version of play.versions(deleteTopics)) {
      const remove = (step: string, name: string) =>
        play.ask(step, deleteTopics, version, {
          ...(version >= 6 ? { topics: [{ name, topicId: zeroUuid }] } : { topicNames: [name] }),
          timeoutMs: 10_000,
        })
      await remove('one that is there', await play.topic())
      await remove('one that is not there', missing)
    }
  },
}

export const records: Session = {
  name: 'records',
  needs: [produce, fetch, listOffsets],
  async run(play) {
    const topic = await play.topic()
    const missing = play.name('missing')
    const newest = play.newest(produce)
    for (const values of [
      ['a', 'b'],
      ['c', 'd'],
      ['e', 'f'],
    ])
      await play.ask(
        'to be read',
        produce,
        newest,
        produceTo(
          topic,
          recordsOf(values, { magic: magicOfProduce(newest), codec: values[0] === 'c' ? 'gzip' : 'none' }),
        ),
      )
    for (const version of play.versions(produce)) {
      const magic = magicOfProduce(version)
      const topic = await play.topic()
      const send = (step: string, body: ReturnType<typeof produceTo>) =>
        play.ask(step, produce, version, body)
      await send('records', produceTo(topic, recordsOf([`a${version}`, `b${version}`], { magic })))
      await send('packed', produceTo(topic, recordsOf(['c', 'd'], { magic, codec: 'gzip' }), { acks: 1 }))
      const damaged = recordsOf(['x'], { magic })
      damaged[damaged.length - 1]! ^= 1
      await send('a wrong checksum', produceTo(topic, damaged))
      const whole = recordsOf(['x'], { magic })
      await send('bytes behind a batch', produceTo(topic, Buffer.concat([whole, Buffer.from([0, 1, 2])])))
      await send('a batch that is cut off', produceTo(topic, whole.subarray(0, -3)))
      await send('two batches', produceTo(topic, Buffer.concat([whole, whole])))
      await send('no batch', produceTo(topic, Buffer.alloc(0)))
      await send(
        'a batch that begins with nothing',
        produceTo(topic, Buffer.concat([Buffer.alloc(20), whole])),
      )
      await send(
        'a batch, and bytes that begin none',
        produceTo(topic, Buffer.concat([whole, Buffer.alloc(20)])),
      )
      if (version >= 3) await send('a message set', produceTo(topic, recordsOf(['x'], { magic: 1 })))
      await send('a topic that is not there', produceTo(missing, recordsOf(['x'], { magic })))
      await send('a partition that is not there', produceTo(topic, recordsOf(['x'], { magic }), { index: 9 }))
      await send('acks that are none', produceTo(topic, recordsOf(['x'], { magic }), { acks: 5 }))
      await send('too large', produceTo(topic, recordsOf(['x'.repeat(1_200_000)], { magic })))
    }
    for (const version of play.versions(fetch)) {
      const read = (step: string, body: ReturnType<typeof fetchFrom>) => play.ask(step, fetch, version, body)
      await read('from the beginning', fetchFrom(topic, 0))
      await read('from the middle of a batch', fetchFrom(topic, 3))
      await read('with room for one batch', fetchFrom(topic, 0, { bytes: 150 }))
      await read('beyond the end', fetchFrom(topic, 9999))
      await read('a topic that is not there', fetchFrom(missing, 0))
      await read('a partition that is not there', fetchFrom(topic, 0, { partition: 9 }))
      if (version >= 4) await read('committed records', fetchFrom(topic, 0, { isolationLevel: 1 }))
    }
    for (const version of play.versions(listOffsets)) {
      const find = (step: string, name: string, timestamp: number, partitionIndex = 0) =>
        play.ask(step, listOffsets, version, {
          topics: [{ name, partitions: [{ partitionIndex, timestamp, maxNumOffsets: 10 }] }],
        })
      await find('the beginning', topic, -2)
      await find('the end', topic, -1)
      if (version >= 1) await find('a time', topic, time + 1)
      if (version >= 1) await find('a time that is to come', topic, time * 2)
      if (version >= 1) await find('the largest time', topic, -3)
      if (version >= 1) await find('the beginning of what is on the disk', topic, -4)
      if (version >= 1) await find('the end of what is in a remote store', topic, -5)
      if (version >= 1) await find('a special time nobody knows', topic, -9)
      await find('of a topic that is not there', missing, -1)
      await find('of a partition that is not there', topic, -1, 9)
    }
    for (const version of play.versions(offsetForLeaderEpoch)) {
      const find = (step: string, leaderEpoch: number, partition = 0) =>
        play.ask(step, offsetForLeaderEpoch, version, {
          topics: [{ topic, partitions: [{ partition, leaderEpoch }] }],
        })
      await find('the epoch', 0)
      await find('an epoch to come', 7)
      await find('of a partition that is not there', 0, 9)
    }
    for (const version of play.versions(deleteRecords)) {
      const remove = (step: string, offset: number, partitionIndex = 0) =>
        play.ask(step, deleteRecords, version, {
          topics: [{ name: topic, partitions: [{ partitionIndex, offset }] }],
          timeoutMs: 5000,
        })
      await remove('some', 2 + version)
      await remove('fewer than are gone', 1)
      await remove('more than there are', 9999)
      await remove('of a partition that is not there', 1, 9)
    }
    if (play.has(deleteRecords))
      await play.ask('what was deleted', fetch, play.newest(fetch), fetchFrom(topic, 0))
  },
}
