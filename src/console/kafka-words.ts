// What Kafka refuses, in plain words beside the field that is wrong.
import type { KafkaRefusal } from '../kafka-client/kafka-client.ts'
import { Refused } from './route.ts'

/** The field of the body that an error is about, and what can be done. */
const rows: Readonly<Record<string, readonly [field: string | undefined, remedy: string]>> = {
  UNKNOWN_TOPIC_OR_PARTITION: [undefined, 'It may have been deleted: look at the list of topics.'],
  INVALID_TOPIC: ['name', ''],
  TOPIC_ALREADY_EXISTS: ['name', 'Choose another name.'],
  INVALID_PARTITIONS: ['partitions', ''],
  INVALID_REPLICATION_FACTOR: ['replicas', 'There can be one replica on each broker.'],
  INVALID_CONFIG: ['settings', ''],
  INVALID_REQUEST: ['settings', ''],
  POLICY_VIOLATION: [undefined, 'A policy of the brokers forbids it.'],
  TOPIC_AUTHORIZATION_FAILED: [
    undefined,
    'Give the user of the console the right to do this with the topic.',
  ],
  GROUP_AUTHORIZATION_FAILED: [
    undefined,
    'Give the user of the console the right to do this with the group.',
  ],
  CLUSTER_AUTHORIZATION_FAILED: [
    undefined,
    'Give the user of the console the right to do this on the cluster.',
  ],
  NON_EMPTY_GROUP: [undefined, 'Stop its members first.'],
  UNKNOWN_MEMBER_ID: [undefined, 'A member has joined the group meanwhile: stop it first.'],
  TOPIC_DELETION_DISABLED: [undefined, 'Set delete.topic.enable=true on the brokers.'],
  MESSAGE_TOO_LARGE: ['value', 'Raise max.message.bytes of the topic.'],
  INVALID_RECORD: ['key', 'A topic that is compacted takes no record without a key.'],
  OFFSET_OUT_OF_RANGE: ['partitions', 'Look at the offsets again: they have changed.'],
}

export function wordsOf({ message, errorName, said }: KafkaRefusal): Refused {
  const [field, remedy] = rows[errorName] ?? [undefined, '']
  // Beside the field it is known what was not done.
  const problem = field === undefined ? message : said
  return new Refused(
    422,
    problem.replace(/^[a-z](?=[a-z]* )/, letter => letter.toUpperCase()),
    remedy,
    field,
  )
}
