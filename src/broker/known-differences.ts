// Where answers of this broker differ from those of a real Kafka 4.1 or 0.10.2.1 that was asked the same:
// the only list of them. docs/reference/kafka-apis.md prints it; the differential test fails on a
// difference that is not here, and on a line here that nothing needs any more.

export interface KnownDifference {
  readonly api: string
  /** All where absent. */
  readonly versions?: readonly [first: number, last: number]
  /** Only compared with this one; with both where absent. */
  readonly kafka?: '0.10.2.1' | '4.1.0'
  /** Steps of the test, as `session: step`. */
  readonly step: RegExp
  /** Fields of the answer, as `topics.partitions.offset`. */
  readonly field: RegExp
  /** What differs and why: a sentence for the reference. */
  readonly reason: string
}

const all = /./

export const knownDifferences: readonly KnownDifference[] = [
  {
    api: 'Produce',
    versions: [0, 2],
    kafka: '4.1.0',
    step: all,
    field: /^$/,
    reason:
      'Kafka 4 tells that it has these versions and closes the connection; here they are served, for clients of Kafka 0.9 and 0.10.',
  },
  {
    api: 'Produce',
    kafka: '4.1.0',
    step: all,
    field: /errorMessage$/,
    reason: 'An error comes with a sentence that says what is wrong; Kafka mostly leaves it out.',
  },
  {
    api: 'Produce',
    kafka: '4.1.0',
    step: /^idempotence: (a gap|a new epoch|the epoch before)/,
    field: /logStartOffset$/,
    reason: 'Beside an error of sequences Kafka tells the start of the log, this broker -1.',
  },
  {
    api: 'Produce',
    kafka: '4.1.0',
    step: /^idempotence: the (next|first) again/,
    field: /logAppendTimeMs$/,
    reason: 'For a batch that is there already Kafka tells its time as the time of append, this broker -1.',
  },
  {
    api: 'Fetch',
    step: /with room for one batch/,
    field: /isCutOff$/,
    reason: 'Kafka cuts an answer anywhere in a batch; here it ends with a whole one.',
  },
  {
    api: 'Fetch',
    versions: [0, 3],
    kafka: '0.10.2.1',
    step: /^records: from the (beginning|middle of a batch)/,
    field: /records\.batches/,
    reason: 'Message sets for old clients are given unpacked, from the offset that was asked for.',
  },
  {
    api: 'Fetch',
    kafka: '4.1.0',
    step: /^transactions: /,
    field: /records\.batches$|abortedTransactions$/,
    reason:
      'Kafka may end an answer to a reader of committed records before the last marker that is stable, and give that with the next one.',
  },
  {
    api: 'ListOffsets',
    kafka: '0.10.2.1',
    step: /the largest time|on the disk|nobody knows|the smallest time/,
    field: /errorCode$|timestamp$|offset$/,
    reason:
      'A special time of a newer version is UNSUPPORTED_VERSION, as in newer Kafka; 0.10 looks for records of such a time.',
  },
  {
    api: 'Metadata',
    kafka: '0.10.2.1',
    step: /a name that is not allowed/,
    field: /errorCode$/,
    reason:
      'A name that is not allowed is told as such in every version; Kafka 0.10 tells an unknown topic where it would not create one.',
  },
  {
    api: 'CreateTopics',
    kafka: '4.1.0',
    step: /new|only validated/,
    field: /^topics\.configs$/,
    reason: 'Settings of tiered storage, of replication quotas and compression.lz4.level are not there.',
  },
  {
    api: 'CreateTopics',
    kafka: '0.10.2.1',
    step: /a value that cannot be/,
    field: /errorCode$/,
    reason: 'INVALID_CONFIG, as in newer Kafka; 0.10 tells an unexpected error.',
  },
  {
    api: 'CreatePartitions',
    kafka: '4.1.0',
    step: /a topic that is not there/,
    field: /errorMessage$/,
    reason: 'An error comes with a sentence that says what is wrong.',
  },
  {
    api: 'DescribeConfigs',
    kafka: '4.1.0',
    step: /of a topic$/,
    field: /configSource$|synonyms$/,
    reason: 'Kafka 4.1 sets min.insync.replicas for all brokers when a cluster is made.',
  },
  {
    api: 'IncrementalAlterConfigs',
    kafka: '4.1.0',
    step: /an operation nobody knows/,
    field: /errorCode$|errorMessage$/,
    reason: 'INVALID_REQUEST with a sentence; Kafka tells an unexpected error.',
  },
  {
    api: 'FindCoordinator',
    kafka: '4.1.0',
    step: all,
    field: /errorMessage$/,
    reason: 'Where nothing is wrong there is no message; Kafka has one that says so.',
  },
  {
    api: 'Heartbeat',
    versions: [0, 0],
    kafka: '0.10.2.1',
    step: /before the assignment/,
    field: /errorCode$/,
    reason:
      'A member that waits for its assignment is alive, as in newer Kafka; 0.10 tells it to join again.',
  },
  {
    api: 'JoinGroup',
    kafka: '0.10.2.1',
    step: /no group id|a session that is too|an id nobody gave/,
    field: /generationId$/,
    reason: 'Generation -1 beside an error, as in newer Kafka; 0.10 has 0.',
  },
  {
    api: 'JoinGroup',
    kafka: '0.10.2.1',
    step: /no protocols/,
    field: /errorCode$/,
    reason: 'INCONSISTENT_GROUP_PROTOCOL, as in newer Kafka; 0.10 tells an unexpected error.',
  },
  {
    api: 'DescribeProducers',
    kafka: '4.1.0',
    step: /a producer/,
    field: /lastTimestamp$/,
    reason: "The broker's time of the last batch; Kafka tells the time that the batch has.",
  },
  {
    api: 'SaslHandshake',
    kafka: '0.10.2.1',
    step: /on a port without/,
    field: /mechanisms$/,
    reason: 'A port without logins offers none.',
  },
]
