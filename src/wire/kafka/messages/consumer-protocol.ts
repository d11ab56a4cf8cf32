// The consumer protocol: what members put into JoinGroup (their subscription) and the leader into
// SyncGroup (each member's assignment).
import { array, bytes, int32, list, string } from '../fields.ts'
import { defineVersionedMessage } from '../versioned-message.ts'

export const consumerSubscription = defineVersionedMessage({
  name: 'consumer subscription',
  versions: '0-3',
  fields: {
    topics: array(string()),
    userData: bytes({ nullable: '0+', default: null }),
    ownedPartitions: list(
      { topic: string(), partitions: array(int32()) },
      { versions: '1+', ignorable: true },
    ),
    generationId: int32({ versions: '2+', default: -1, ignorable: true }),
    rackId: string({ versions: '3+', nullable: '3+', default: null, ignorable: true }),
  },
})

export const consumerAssignment = defineVersionedMessage({
  name: 'consumer assignment',
  versions: '0-3',
  fields: {
    assignedPartitions: list({ topic: string(), partitions: array(int32()) }),
    userData: bytes({ nullable: '0+', default: null }),
  },
})
