// Fetch: reads partitions, and waits where there is less than the client wants. Sessions (KIP-227) are
// refused as the protocol provides for: the answer has session 0, and every request names all it wants.
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import { FormatError } from '../../wire/kafka/format-error.ts'
import type { RequestOf, ResponseInputOf } from '../../wire/kafka/api.ts'
import type { fetch } from '../../wire/kafka/messages/fetch.ts'
import type { Call } from '../api-row.ts'
import { epochError } from '../leader-epoch.ts'
import { batchesOf } from '../log/batch-header.ts'
import { OffsetOutOfRange } from '../log/log-parts.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { toMessageSet } from '../outgoing-records.ts'

type FetchRequest = RequestOf<typeof fetch>
type FetchAnswer = ResponseInputOf<typeof fetch>
type PartitionAnswer = FetchAnswer['responses'][number]['partitions'][number]
type Asked = FetchRequest['topics'][number]['partitions'][number]

interface Collected {
  readonly answer: FetchAnswer
  readonly bytes: number
  readonly hasErrors: boolean
}

/** Isolation level: nothing of transactions that are open or were aborted. */
const readCommitted = 1
const noRecords = Buffer.alloc(0)

export async function answerFetch(request: FetchRequest, call: Call): Promise<FetchAnswer> {
  const { sessionId, maxWaitMs, minBytes } = request
  if (sessionId !== 0)
    return { errorCode: errorCodes.FETCH_SESSION_ID_NOT_FOUND, sessionId: 0, responses: [] }
  const { clock } = call.broker.system
  const until = clock.monotonic() + maxWaitMs
  // Watched before the first look: what arrives while partitions are read must not be slept through.
  const watch = new Watch(request, call)
  try {
    for (;;) {
      const { answer, bytes, hasErrors } = await collect(request, call, await takeRoom(request, call))
      // What is not used of it others may have while this one waits.
      call.memory.add(bytes - call.memory.heldBytes)
      const left = until - clock.monotonic()
      if (hasErrors || bytes >= minBytes || left <= 0 || call.signal.aborted) return answer
      await watch.moved(left)
    }
  } finally {
    watch.stop()
  }
}

/** A fetch is never asked to do with less while there is memory at all. */
const leastRoom = 65_536
/** So that many who do not read their answers leave something to others. */
const mostOfFree = 1 / 8

/** Counts memory for the records before they are read: as much as the client asks for, or what its fair share is. */
async function takeRoom({ maxBytes }: FetchRequest, { broker, memory, signal }: Call): Promise<number> {
  const { limitBytes, usedBytes } = broker.system.memory
  const most = Math.floor((limitBytes - usedBytes) * mostOfFree)
  for (
    let room = Math.min(maxBytes, broker.settings.fetchMaxBytes, most);
    room > leastRoom;
    room = Math.floor(room / 2)
  )
    if (memory.tryTake(room)) return room
  await memory.reserve('the answer of a Fetch', leastRoom, 0, signal)
  return Math.min(maxBytes, leastRoom)
}

async function collect(request: FetchRequest, call: Call, room: number): Promise<Collected> {
  const { topics, isolationLevel } = request
  const { pace } = call.broker
  let left = room
  let bytes = 0
  let hasErrors = false
  const responses: FetchAnswer['responses'][number][] = []
  for (const { topic, partitions } of topics) {
    const answers: PartitionAnswer[] = []
    for (const asked of partitions) {
      if (pace.isOver) await pace.turn()
      const log = call.broker.topics.partition(topic, asked.partition)
      const answer = await readPartition(log, asked, { left, isFirst: bytes === 0, isolationLevel }, call)
      const size = answer.records?.length ?? 0
      bytes += size
      left = Math.max(0, left - size)
      hasErrors ||= answer.errorCode !== 0
      answers.push(answer)
    }
    responses.push({ topic, partitions: answers })
  }
  return { answer: { errorCode: 0, sessionId: 0, responses }, bytes, hasErrors }
}

/** The first records of an answer are given even where they are larger than the client's limits. */
async function readPartition(
  log: PartitionLog | undefined,
  asked: Asked,
  { left, isFirst, isolationLevel }: { left: number; isFirst: boolean; isolationLevel: number },
  { version, broker }: Call,
): Promise<PartitionAnswer> {
  const isCommittedOnly = isolationLevel === readCommitted
  const answer = (errorCode: number, records: Buffer = noRecords): PartitionAnswer => ({
    partitionIndex: asked.partition,
    errorCode,
    highWatermark: log?.highWatermark ?? -1,
    lastStableOffset: log?.lastStableOffset ?? -1,
    logStartOffset: log?.startOffset ?? -1,
    abortedTransactions:
      isCommittedOnly && log !== undefined ? abortedIn(log, asked.fetchOffset, records) : null,
    records,
  })
  if (log === undefined) return { ...answer(errorCodes.UNKNOWN_TOPIC_OR_PARTITION), abortedTransactions: [] }
  if (log.isDamaged) return answer(errorCodes.KAFKA_STORAGE_ERROR)
  const wrongEpoch = epochError(asked.currentLeaderEpoch)
  if (wrongEpoch !== 0) return answer(wrongEpoch)
  const { fetchOffset } = asked
  const nowhere = { highWatermark: -1, lastStableOffset: -1, logStartOffset: -1, abortedTransactions: null }
  const outOfRange = { ...answer(errorCodes.OFFSET_OUT_OF_RANGE), ...nowhere }
  const limit = Math.min(left, Math.max(0, asked.partitionMaxBytes))
  try {
    const below = isCommittedOnly ? log.lastStableOffset : log.highWatermark
    const batches = await log.read(fetchOffset, limit, isFirst, below)
    if (version >= 4 || batches.length === 0) return answer(0, batches)
    const { pace } = broker
    return answer(
      0,
      await toMessageSet(batches, version >= 2 ? 1 : 0, { from: fetchOffset, maxBytes: limit, pace }),
    )
  } catch (error) {
    if (error instanceof OffsetOutOfRange) return outOfRange
    if (error instanceof FormatError) return answer(errorCodes.CORRUPT_MESSAGE)
    if (fetchOffset < log.startOffset) return outOfRange // removed while it was read
    broker.log.error(`cannot read ${log.name} at offset ${fetchOffset}`, error)
    return answer(errorCodes.KAFKA_STORAGE_ERROR)
  }
}

/** The aborted transactions among the records of an answer, for the client to leave out. */
function abortedIn(log: PartitionLog, from: number, records: Buffer) {
  let to = from
  for (const { header } of batchesOf(records)) to = header.lastOffset + 1
  return log.aborted.between(from, to).map(({ producerId, firstOffset }) => ({ producerId, firstOffset }))
}

/** Tells when one of the partitions of a request has moved on since it was asked last. */
class Watch {
  readonly #call: Call
  readonly #stops: (() => void)[] = []
  #hasMoved = false
  #wake: () => void = () => {}

  constructor({ topics }: FetchRequest, call: Call) {
    this.#call = call
    const moved = () => {
      this.#hasMoved = true
      this.#wake()
    }
    for (const { topic, partitions } of topics)
      for (const { partition } of partitions) {
        const log = call.broker.topics.partition(topic, partition)
        if (log !== undefined) this.#stops.push(log.onAdvance(moved))
      }
    call.signal.addEventListener('abort', moved, { once: true })
    this.#stops.push(() => call.signal.removeEventListener('abort', moved))
  }

  /** Resolves then, or after `waitMs`. */
  async moved(waitMs: number): Promise<void> {
    if (!this.#hasMoved)
      await new Promise<void>(resolve => {
        const timer = this.#call.broker.system.clock.after(waitMs, resolve, { background: true })
        this.#wake = () => {
          timer.cancel()
          resolve()
        }
      })
    this.#hasMoved = false
    this.#wake = () => {}
  }

  stop(): void {
    for (const stop of this.#stops) stop()
  }
}
