// Planted faults along the whole chain, from the consumer's positions to the broker's answers: each takes away one
// order of steps or one check, and the simulation of chains must notice.
import type { Mutation } from './mutations.ts'

export const chainTest = 'test/simulation/chain.test.ts'

const intake = 'src/sources/kafka/intake.ts'
const lane = 'src/topology/channel-lane.ts'
const avroSource = 'src/sources/rpc/intake.ts'
const avroClient = 'src/avro-rpc/client-connection.ts'
const produce = 'src/broker/handlers/produce.ts'
const partitionLog = 'src/broker/log/partition-log.ts'
const offsets = 'src/broker/groups/offset-store.ts'
const groupWriter = 'src/storage/group-writer.ts'
const returned = 'src/channels/returned-events.ts'
const queue = 'src/kafka-client/producer/partition-queue.ts'
const fetcher = 'src/kafka-client/consumer/fetcher.ts'
const fileLog = 'src/channels/file/log.ts'
const runner = 'src/topology/sink-runner.ts'
const avroSession = 'src/sinks/avro/session.ts'
const kafkaSink = 'src/sinks/kafka.ts'
const connection = 'src/kafka-client/connection/connection.ts'
const consumer = 'src/kafka-client/consumer/consumer.ts'
const producerStates = 'src/broker/log/producer-states.ts'
const group = 'src/broker/groups/group.ts'
const putGate = 'src/channels/put-gate.ts'

const planted: readonly Omit<Mutation, 'tests'>[] = [
  {
    name: 'a position is committed while the channel has yet to take the events',
    file: intake,
    from: 'await this.#parts.processor.processUntilAccepted(events, signal, handovers)',
    to: 'void this.#parts.processor.processUntilAccepted(events, signal, handovers).catch(() => {})',
  },
  {
    name: 'a put that failed is dropped by the lane of its channel',
    file: lane,
    from: ';(this.#waiting ??= []).push(entry)',
    to: 'resolve()',
  },
  {
    name: 'a repeated put that fails again is given up',
    file: lane,
    from: 'if (mayPass(error) && !entry.signal.aborted) {\n          this.#outage.fail(this.#doing, error)\n          continue\n        }\n        entry.settle.reject(error)',
    to: 'entry.settle.resolve()',
  },
  {
    name: 'the Avro source answers before the channel has the events',
    file: avroSource,
    from: 'await processor.process(encoded.map(Event.fromEncoded))',
    to: 'void processor.process(encoded.map(Event.fromEncoded)).catch(() => {})',
  },
  {
    name: 'the Avro source answers OK for a batch that its channel refused',
    file: avroSource,
    from: "if (!(error instanceof Fault) || error.code !== 'TRANSACTION_TOO_LARGE') {\n        this.#refused(error)\n        return false",
    to: "if (!(error instanceof Fault) || error.code !== 'TRANSACTION_TOO_LARGE') {\n        this.#refused(error)\n        return true",
  },
  {
    name: 'a broken Avro connection counts its unanswered requests as delivered',
    file: avroClient,
    from: 'for (const call of calls) call.reject(fault)',
    to: 'for (const call of calls) call.resolve()',
  },
  {
    name: 'an Avro request waits for its answer for ever',
    file: avroClient,
    from: 'this.#timer ??= this.#expectAnswer(this.#parts.requestTimeoutMs)',
    to: '',
  },
  {
    name: 'the broker answers Produce before the sync',
    file: produce,
    from: '  durable.then(\n    () =>',
    to: '  (durable.catch(() => {}), Promise.resolve()).then(\n    () =>',
  },
  {
    name: 'the high watermark moves before the sync',
    file: partitionLog,
    from: '      await this.#put(buffers, position)\n',
    to: '      void this.#put(buffers, position).catch(() => {})\n',
  },
  {
    name: 'a broker does not read the positions of groups at its start',
    file: offsets,
    from: 'if (log === undefined) return\n',
    to: 'if (log !== undefined) this.#log = log\n    if (log !== null) return\n',
  },
  {
    name: 'a group whose write failed counts as written',
    file: groupWriter,
    from: 'this.#refuse(group, cause)\n        this.#refuse(this.#queue',
    to: 'for (const { resolve } of group) resolve()\n        this.#refuse(this.#queue',
  },
  {
    name: 'the file channel acknowledges a group before its sync ends',
    file: fileLog,
    from: 'if (buffers !== null && syncEachGroup) await this.#writeDurably(buffers)',
    to: 'if (buffers !== null && syncEachGroup) void this.#writeDurably(buffers).catch(() => {})',
  },
  {
    name: 'events that come back go behind those that are left',
    file: returned,
    from: 'while (at > 0 && this.#runs[at - 1]!.first > run.first) at--\n',
    to: '',
  },
  {
    name: 'a batch that was refused for now is sent behind the next',
    file: queue,
    from: 'this.#again.unshift(batch)\n    this.takeBack()',
    to: 'this.#again.push(...[batch].filter(() => this.#chunks.length - this.#from === 0))\n    if (!this.#again.includes(batch)) this.#chunks.push(...batch.chunks)\n    this.takeBack()',
  },
  {
    name: 'a batch that comes again has new sequence numbers',
    file: queue,
    from: 'this.#again.unshift(batch)\n    this.takeBack()',
    to: 'if (isStamped(batch)) this.sequence.advance(batch.recordCount)\n    batch.encoded = null\n    this.#again.unshift(batch)\n    this.takeBack()',
  },
  {
    name: 'records of a batch that failed are lost without a word',
    file: queue,
    from: 'for (const chunk of batch.chunks) lose(chunk, fault)\n  }\n\n  /** Everything is lost but what is under way. */',
    to: 'for (const chunk of batch.chunks) chunk.send.complete()\n  }\n\n  /** Everything is lost but what is under way. */',
  },
  {
    name: 'a partition whose fetch failed is not asked for again',
    file: fetcher,
    from: '        else this.#rest(buffer, system.clock.monotonic())\n',
    to: '        else buffer.isPaused = true\n',
  },
  {
    name: 'the consumer passes over a partition that an answer leaves out',
    file: fetcher,
    from: "if (buffer.fetchOffset === offset) this.#failed(buffer, 'the broker does not answer for it')",
    to: '',
  },
  {
    name: 'a window goes on after a batch in it has failed',
    file: runner,
    from: 'if (!goOn) return false',
    to: '',
  },
  {
    name: 'events that a sink did not deliver are gone all the same',
    file: runner,
    from: 'const undelivered = error === undefined ? [] : undeliveredOf(error, sent)',
    to: 'const undelivered: readonly Event[] = []',
  },
  {
    name: 'a session survives its failure',
    file: runner,
    from: 'for (const member of failures.keys()) if (member !== null) void this.#close(member)',
    to: '',
  },
  {
    name: 'a request that the next agent refused counts as delivered',
    file: avroSession,
    from: 'undelivered: requests.filter(one => !passed.includes(one)).flatMap',
    to: 'undelivered: requests.slice(at + 1).flatMap',
  },
  {
    name: 'the first record that Kafka did not acknowledge counts as delivered',
    file: kafkaSink,
    from: 'undelivered: events.filter((_, index) => lost.has(records[index]!)),',
    to: 'undelivered: events.filter((_, index) => lost.has(records[index]!)).slice(1),',
  },
  {
    name: 'a Kafka request waits for its answer for ever',
    file: connection,
    from: "() => this.fail('PEER_TIMEOUT', `${this.where} did not answer ${api.name} within ${timeoutMs} ms`)",
    to: '() => {}',
  },
  {
    name: 'a consumer does not begin where its group is',
    file: consumer,
    from: 'positions.push({ ...one, offset })\n',
    to: 'positions.push({ ...one, offset: 0 })\n',
  },
  {
    name: 'the broker writes a batch again that it has',
    file: producerStates,
    from: 'if (known !== undefined)\n',
    to: "if (known !== undefined) return { kind: 'new' }\n    if (known !== undefined)\n",
  },
  {
    name: 'a member of a group that is gone stays in it',
    file: group,
    from: 'clock.after(member.sessionTimeoutMs, () => this.#remove(member), {',
    to: 'clock.after(member.sessionTimeoutMs, () => {}, {',
  },
  {
    name: 'a put that waits for room is not let in when there is some',
    file: putGate,
    from: 'this.#usedSlots -= room.slots\n    this.#admit()',
    to: 'this.#usedSlots -= room.slots',
  },
]

const writer = 'src/sinks/kafka/exactly-once/origin-writer.ts'
const progress = 'src/sinks/kafka/exactly-once/progress-topic.ts'
const coverage = 'src/origin/coverage.ts'
const once = 'test/simulation/exactly-once.test.ts'

/** Of exactly-once delivery. What no simulated broker does (a leader that cuts off records) a smaller test finds. */
const plantedOnce: readonly Omit<Mutation, 'seeds'>[] = [
  {
    name: 'progress is written outside of the transaction of its records',
    file: writer,
    from: 'await producer.send([...records, progressOf(written)], signal)\n',
    to: 'await producer.send(records, signal)\n      await producer.commit(signal)\n      producer.begin()\n      await producer.send([progressOf(written)], signal)\n',
    tests: [once],
  },
  {
    name: 'progress is read before the writer before is fenced',
    file: writer,
    from: 'await producer.init(signal)\n',
    to: 'const early = await read()\n    await producer.init(signal)\n    if (producer.recognizesFenced) return early\n',
    tests: [once],
  },
  {
    name: 'progress is read no further than it goes at the moment',
    file: progress,
    from: 'if (position >= end) left.delete(partition)',
    to: 'left.delete(partition)',
    tests: [once],
  },
  {
    name: 'an event closes what was jumped over',
    file: coverage,
    from: 'if (reading?.next === from) reading.next = to + 1',
    to: 'if (reading !== undefined) reading.next = to + 1',
    tests: ['src/topology/coverage.test.ts'],
  },
  {
    name: 'an event closes the offset before what was handed over',
    file: coverage,
    from: 'reading.closed.get(channel) ?? reading.begin',
    to: 'Math.max(0, (reading.closed.get(channel) ?? reading.begin) - 1)',
    tests: ['src/topology/coverage.test.ts'],
  },
  {
    name: 'what one of two channels closes counts for the other',
    file: coverage,
    from: 'this.#namesChannels = channels > 1',
    to: 'this.#namesChannels = channels > 1_000',
    tests: [once],
  },
  {
    name: 'an event that is written counts as written in every leader epoch',
    file: 'src/origin/written.ts',
    from: 'range.from <= to && range.leaderEpoch >= leaderEpoch',
    to: 'range.from <= to',
    tests: ['test/exactly-once/sink.test.ts'],
  },
  {
    name: 'a topic that was created again is the one before',
    file: 'src/origin/origin.ts',
    from: "${encodeURIComponent(of.topicId) || '-'}",
    to: '-',
    tests: ['test/exactly-once/source.test.ts'],
  },
]

export const chainMutations: readonly Mutation[] = [
  ...planted.map(one => ({ ...one, tests: [chainTest], seeds: 2_000 })),
  ...plantedOnce.map(one => ({ ...one, seeds: 400 })),
]
