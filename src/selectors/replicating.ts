// The replicating selector: every event to every channel of the source.
import { defineSelector } from '../component.ts'
import { list } from '../fields.ts'
import { checkChannels } from './channel-names.ts'

export const replicatingSelector = defineSelector({
  type: 'replicating',
  aliases: ['org.apache.flume.channel.ReplicatingChannelSelector'],
  summary: 'Gives every event to every channel of the source. The default selector.',
  options: {
    optional: list({
      doc: 'Channels that may miss events: what they refuse is logged and forgotten.',
      default: [],
      differs:
        'A name that is not among the channels of the source is refused at start; Flume fails at run time.',
    }),
  },
  checkNames: ({ optional }, channels, say) => checkChannels('optional', optional, channels, say),
  flow: () => [{ does: 'select-all' }],
  create({ optional }, { channels }) {
    const selection = {
      required: channels.filter(name => !optional.includes(name)),
      optional: channels.filter(name => optional.includes(name)),
    }
    return { select: () => selection }
  },
})
