// The records of the topic __consumer_offsets in which positions of groups are kept: keys of versions 0 and 1
// name a position, those of other versions something else. Source: Kafka's OffsetCommitKey and
// OffsetCommitValue, as its tools read them.
import { int32, int64, string } from '../fields.ts'
import { defineVersionedMessage } from '../versioned-message.ts'

export const offsetsTopicName = '__consumer_offsets'

export const offsetCommitKey = defineVersionedMessage({
  name: 'offset commit key',
  versions: '0-1',
  fields: { group: string(), topic: string(), partition: int32() },
})

export const offsetCommitValue = defineVersionedMessage({
  name: 'offset commit value',
  versions: '0-3',
  fields: {
    offset: int64(),
    leaderEpoch: int32({ versions: '3+', default: -1, ignorable: true }),
    metadata: string(),
    commitTimestamp: int64(),
    expireTimestamp: int64({ versions: '1', default: -1, ignorable: true }),
  },
})
