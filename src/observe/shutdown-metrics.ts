// What Flume writes to the log when a counter group stops, line by line, because some people parse it:
//
//   Shutdown Metric for type: SINK, name: k1. sink.event.drain.sucess == 7      (Flume's own spelling)
import type { Counters } from './counters.ts'

/** Flume's internal names of its attributes, where one name serves all kinds or the kind decides. */
const internalNames: Readonly<Record<string, string>> = {
  ChannelSize: 'channel.current.size',
  ChannelCapacity: 'channel.capacity',
  EventPutAttemptCount: 'channel.event.put.attempt',
  EventPutSuccessCount: 'channel.event.put.success',
  EventTakeAttemptCount: 'channel.event.take.attempt',
  EventTakeSuccessCount: 'channel.event.take.success',
  EventPutErrorCount: 'channel.file.event.put.error',
  EventTakeErrorCount: 'channel.file.event.take.error',
  CheckpointWriteErrorCount: 'channel.file.checkpoint.write.error',
  CheckpointBackupWriteErrorCount: 'channel.file.checkpoint.backup.write.error',
  EventReceivedCount: 'src.events.received',
  EventAcceptedCount: 'src.events.accepted',
  AppendReceivedCount: 'src.append.received',
  AppendAcceptedCount: 'src.append.accepted',
  AppendBatchReceivedCount: 'src.append-batch.received',
  AppendBatchAcceptedCount: 'src.append-batch.accepted',
  OpenConnectionCount: 'src.open-connection.count',
  EventReadFail: 'src.event.read.fail',
  ChannelWriteFail: 'src.channel.write.fail',
  GenericProcessingFail: 'src.generic.processing.fail',
  KafkaEventGetTimer: 'source.kafka.event.get.time',
  KafkaCommitTimer: 'source.kafka.commit.time',
  KafkaEmptyCount: 'source.kafka.empty.count',
  ConnectionCreatedCount: 'sink.connection.creation.count',
  ConnectionClosedCount: 'sink.connection.closed.count',
  ConnectionFailedCount: 'sink.connection.failed.count',
  BatchEmptyCount: 'sink.batch.empty',
  BatchUnderflowCount: 'sink.batch.underflow',
  BatchCompleteCount: 'sink.batch.complete',
  EventDrainAttemptCount: 'sink.event.drain.attempt',
  EventDrainSuccessCount: 'sink.event.drain.sucess',
  EventWriteFail: 'sink.event.write.fail',
  ChannelReadFail: 'sink.channel.read.fail',
  KafkaEventSendTimer: 'channel.kafka.event.send.time',
  RollbackCount: 'channel.rollback.count',
}

/** The lines for a group that has stopped: its times, then its counts by internal name. */
export function shutdownMetricLines(group: Counters): string[] {
  const { kind, name, startTime, stopTime } = group
  const start = `Shutdown Metric for type: ${kind}, name: ${name}. `
  const prefix = kind.toLowerCase()
  const counts = [...group.values]
    .flatMap(([attribute, value]) => {
      const internal = internalNames[attribute]
      return internal === undefined ? [] : [`${internal} == ${value}`]
    })
    .sort()
  return [
    `Component type: ${kind}, name: ${name} stopped`,
    ...[`${prefix}.start.time == ${startTime}`, `${prefix}.stop.time == ${stopTime}`, ...counts].map(
      line => start + line,
    ),
  ]
}
