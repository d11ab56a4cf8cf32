// The default sink processor: a group of exactly one sink.
import { defineSinkProcessor } from '../component.ts'

export const defaultProcessor = defineSinkProcessor({
  type: 'default',
  aliases: ['org.apache.flume.sink.DefaultSinkProcessor'],
  summary: 'Drives the one sink of its group, as a sink without a group is driven.',
  options: {},
  create(_options, { sinks }) {
    if (sinks.length > 1)
      throw new Error(
        `a sink group with processor.type = default has one sink, this one has ${sinks.length}: ${sinks.join(' ')}; write processor.type = failover or load_balance`,
      )
    return { order: () => sinks, delivered() {}, failed() {} }
  },
})
