// The default sink processor: a group of exactly one sink.
import { defineSinkProcessor } from '../component.ts'

export const defaultProcessor = defineSinkProcessor({
  type: 'default',
  aliases: ['org.apache.flume.sink.DefaultSinkProcessor'],
  summary: 'Drives the one sink of its group, as a sink without a group is driven.',
  options: {},
  checkNames(_options, sinks, say) {
    if (sinks.length > 1)
      say.error(
        'type',
        `default is for one sink, and this group has ${sinks.length}: ${sinks.join(' ')}`,
        'write failover or load_balance',
      )
  },
  create: (_options, { sinks }) => ({ order: () => sinks, delivered() {}, failed() {} }),
})
