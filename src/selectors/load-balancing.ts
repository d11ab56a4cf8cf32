// The load_balancing selector: each event to one of the source's channels.
import { defineSelector } from '../component.ts'
import { choice } from '../fields.ts'

export const loadBalancingSelector = defineSelector({
  type: 'load_balancing',
  aliases: ['org.apache.flume.channel.LoadBalancingChannelSelector'],
  summary: 'Gives each event to one channel of the source, in turn or at random.',
  description:
    "Flume 1.10 and 1.11 document this selector but refuse every configuration that names it. The order of events does not survive: the channels' sinks run side by side.",
  options: {
    policy: choice(['ROUND_ROBIN', 'RANDOM'], {
      doc: 'In turn, or at random.',
      default: 'ROUND_ROBIN',
      since: '1.10',
    }),
  },
  flow: () => [{ does: 'select-one' }],
  create({ policy }, { channels, system: { random } }) {
    const selections = channels.map(name => ({ required: [name], optional: [] }))
    let turn = 0
    return policy === 'RANDOM'
      ? { select: () => selections[Math.floor(random.next() * selections.length)]! }
      : {
          select() {
            const selection = selections[turn]!
            turn = (turn + 1) % selections.length
            return selection
          },
        }
  },
})
