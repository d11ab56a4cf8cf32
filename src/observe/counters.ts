// Counters under Flume's names. One group a component; a component moves those of its own attributes
// that Flume's moves, the rest stay 0. What Flume has no name for is counted beside them, under names
// of ours, and appears on the Prometheus page only.

const common = {
  SOURCE: [
    'EventReceivedCount',
    'EventAcceptedCount',
    'AppendReceivedCount',
    'AppendAcceptedCount',
    'AppendBatchReceivedCount',
    'AppendBatchAcceptedCount',
    'OpenConnectionCount',
  ],
  CHANNEL: [
    'ChannelSize',
    'ChannelCapacity',
    'EventPutAttemptCount',
    'EventPutSuccessCount',
    'EventTakeAttemptCount',
    'EventTakeSuccessCount',
  ],
  SINK: [
    'ConnectionCreatedCount',
    'ConnectionClosedCount',
    'ConnectionFailedCount',
    'BatchEmptyCount',
    'BatchUnderflowCount',
    'BatchCompleteCount',
    'EventDrainAttemptCount',
    'EventDrainSuccessCount',
  ],
} as const

export type CounterKind = keyof typeof common

/** The counts that say what goes in and comes out. */
export const flowCounters: Readonly<Record<CounterKind, readonly [inward: string, outward: string]>> = {
  SOURCE: ['EventReceivedCount', 'EventAcceptedCount'],
  CHANNEL: ['EventPutSuccessCount', 'EventTakeSuccessCount'],
  SINK: ['EventDrainAttemptCount', 'EventDrainSuccessCount'],
}

/** What every group of the kind has; Flume 1.9 added the three failure counts, but not to its Kafka components. */
export const sourceCounters: readonly string[] = [
  ...common.SOURCE,
  'EventReadFail',
  'ChannelWriteFail',
  'GenericProcessingFail',
]
export const sinkCounters: readonly string[] = [...common.SINK, 'EventWriteFail', 'ChannelReadFail']
export const kafkaSourceCounters: readonly string[] = [
  ...common.SOURCE,
  'KafkaEventGetTimer',
  'KafkaCommitTimer',
  'KafkaEmptyCount',
]
export const kafkaSinkCounters: readonly string[] = [...common.SINK, 'KafkaEventSendTimer', 'RollbackCount']
export const channelCounters: readonly string[] = common.CHANNEL
export const fileChannelCounters: readonly string[] = [
  ...common.CHANNEL,
  'Open',
  'Closed',
  'Unhealthy',
  'EventPutErrorCount',
  'EventTakeErrorCount',
  'CheckpointWriteErrorCount',
  'CheckpointBackupWriteErrorCount',
]

export class Counters {
  readonly kind: CounterKind
  readonly name: string
  /** Milliseconds since 1970; 0 while not started, or while running. */
  startTime = 0
  stopTime = 0
  readonly #values = new Map<string, number | boolean>()
  readonly #own = new Map<string, number>()

  constructor(kind: CounterKind, name: string, attributes: readonly string[]) {
    this.kind = kind
    this.name = name
    for (const attribute of attributes) this.#values.set(attribute, attribute === 'Open' ? false : 0)
  }

  /** The component as /metrics names it: SINK.k1. */
  get component(): string {
    return `${this.kind}.${this.name}`
  }

  /** Adds to one of the group's attributes; naming another is a bug and throws. */
  add(attribute: string, delta = 1): void {
    const value = this.#values.get(attribute)
    if (typeof value !== 'number')
      throw new Error(`${this.kind} ${this.name} has no count named ${attribute}`)
    this.#values.set(attribute, value + delta)
  }

  set(attribute: string, value: number | boolean): void {
    if (!this.#values.has(attribute))
      throw new Error(`${this.kind} ${this.name} has nothing named ${attribute}`)
    this.#values.set(attribute, value)
  }

  get(attribute: string): number | boolean | undefined {
    return this.#values.get(attribute)
  }

  /** Counts something Flume has no name for: snake_case, e.g. `records_with_headers`. */
  addOwn(name: string, delta = 1): void {
    this.#own.set(name, (this.#own.get(name) ?? 0) + delta)
  }

  get values(): ReadonlyMap<string, number | boolean> {
    return this.#values
  }

  get own(): ReadonlyMap<string, number> {
    return this.#own
  }
}
