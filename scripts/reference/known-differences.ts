// Where this broker differs from a real Kafka 4.1 or 0.10.2.1: answers to the same questions, and what it does
// not offer at all. The only list of either: docs/reference/kafka-apis.md prints it; the differential test
// fails on a difference that is not here, and on a line here that nothing needs any more.

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
    api: 'Produce',
    versions: [0, 2],
    kafka: '0.10.2.1',
    step: /a batch that is cut off|no batch/,
    field: /errorCode$/,
    reason: 'Records of which none is whole are refused; Kafka 0.10 acknowledges them and keeps nothing.',
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
    step: /the largest time|on the disk|in a remote store|nobody knows|the smallest time/,
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
      'An invalid name is answered with INVALID_TOPIC_EXCEPTION in every version; Kafka 0.10 answers UNKNOWN_TOPIC_OR_PARTITION where it would not create the topic.',
  },
  {
    api: 'CreateTopics',
    kafka: '4.1.0',
    step: /new|only validated/,
    field: /^topics\.configs\.configSource$/,
    reason: 'Kafka 4.1 sets min.insync.replicas for all brokers when a cluster is made.',
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
    api: 'IncrementalAlterConfigs',
    kafka: '4.1.0',
    step: /a key nobody knows is set$/,
    field: /errorCode$|errorMessage$/,
    reason: 'A setting of the broker that nobody knows is refused; Kafka keeps it, for plug-ins.',
  },
  {
    api: 'AlterClientQuotas',
    kafka: '4.1.0',
    step: /more$/,
    field: /errorCode$|errorMessage$/,
    reason: 'A quota is refused with UNSUPPORTED_VERSION, as it would not be enforced.',
  },
  {
    api: 'ApiVersions',
    versions: [3, 4],
    kafka: '4.1.0',
    step: /what is offered/,
    field: /[fF]eatures/,
    reason: 'There are no features: clients then use transactions as before transaction.version 2.',
  },
  {
    api: 'FindCoordinator',
    kafka: '4.1.0',
    step: all,
    field: /errorMessage$/,
    reason: 'A success has no message; Kafka sends a message about the success.',
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

export interface NotOffered {
  readonly key: number
  readonly name: string
  /** Versions that are left out; all of them where absent. */
  readonly versions?: readonly [first: number, last: number]
  readonly reason: string
}

const byId = 'Topics are named in requests, not numbered by their ids.'
const joining = 'Of transaction.version 2: a partition joins a transaction by being written to.'
const share = 'There are no share groups; ShareGroupHeartbeat, which comes first, tells so.'
const shareState = 'Between the brokers of share groups.'
const voters = 'There is one node, and none can join it.'

/** What Kafka 4.1 offers and this broker does not. */
export const notOffered: readonly NotOffered[] = [
  { key: 0, name: 'Produce', versions: [12, 13], reason: `${joining} ${byId}` },
  { key: 1, name: 'Fetch', versions: [13, 18], reason: byId },
  { key: 24, name: 'AddPartitionsToTxn', versions: [4, 5], reason: 'Between brokers.' },
  { key: 26, name: 'EndTxn', versions: [5, 5], reason: joining },
  { key: 28, name: 'TxnOffsetCommit', versions: [5, 5], reason: joining },
  { key: 78, name: 'ShareFetch', reason: share },
  { key: 79, name: 'ShareAcknowledge', reason: share },
  { key: 80, name: 'AddRaftVoter', reason: voters },
  { key: 81, name: 'RemoveRaftVoter', reason: voters },
  { key: 83, name: 'InitializeShareGroupState', reason: shareState },
  { key: 84, name: 'ReadShareGroupState', reason: shareState },
  { key: 85, name: 'WriteShareGroupState', reason: shareState },
  { key: 86, name: 'DeleteShareGroupState', reason: shareState },
  { key: 87, name: 'ReadShareGroupStateSummary', reason: shareState },
  { key: 90, name: 'DescribeShareGroupOffsets', reason: share },
  { key: 91, name: 'AlterShareGroupOffsets', reason: share },
  { key: 92, name: 'DeleteShareGroupOffsets', reason: share },
]
