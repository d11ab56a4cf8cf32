// The multiplexing selector: the value of one header says which channels an event goes to.
import { defineSelector, type Selection } from '../component.ts'
import { HeaderName } from '../event.ts'
import { list, prefix, text } from '../fields.ts'
import { checkChannels } from './channel-names.ts'

const nothing: Selection = { required: [], optional: [] }

export const multiplexingSelector = defineSelector({
  type: 'multiplexing',
  aliases: ['org.apache.flume.channel.MultiplexingChannelSelector'],
  summary: 'Chooses the channels of an event by the value of one of its headers.',
  description: `Values are compared exactly, case included. An event whose header is missing, blank or without a mapping goes
to \`default\`; without a \`default\` it is dropped, as in Flume, which the agent says once. Lists of channels are separated
by blanks, any number of them (Flume: exactly one). A channel that is required and optional for a value is required.`,
  options: {
    header: text({ doc: 'The header looked at.', default: 'flume.selector.header' }),
    mapping: prefix({ doc: '`mapping.<value>`: channels that must take events with this value.' }),
    default: list({ doc: 'Channels for events that no mapping is for.', default: [] }),
    optional: prefix({ doc: '`optional.<value>`: channels that may take events with this value.' }),
  },
  check({ mapping, default: fallback }, say) {
    for (const [value, channels] of Object.entries(mapping))
      if (channels.trim() === '')
        say.error(`mapping.${value}`, 'names no channel', 'write the channels for this value')
    if (Object.keys(mapping).length === 0 && fallback.length === 0)
      say.warning('type', 'every event is dropped', 'write mapping.<value> or default')
  },
  checkNames({ mapping, default: fallback, optional }, channels, say) {
    for (const [value, names] of Object.entries(mapping))
      checkChannels(`mapping.${value}`, words(names), channels, say)
    checkChannels('default', fallback, channels, say)
    for (const [value, names] of Object.entries(optional))
      checkChannels(`optional.${value}`, words(names), channels, say)
    const reached = new Set(
      [mapping, optional]
        .flatMap(Object.values<string>)
        .flatMap(words)
        .concat(fallback),
    )
    const missed = channels.filter(name => !reached.has(name))
    if (reached.size > 0 && missed.length > 0)
      say.warning(
        'type',
        `no event goes to ${missed.join(', ')}`,
        'name it in mapping.<value> or default, or take it out of the channels of the source',
      )
  },
  flow: given => [
    {
      does: 'select-by-header',
      header: given.header,
      mapping: new Map(
        [...selectionsOf(given)].map(([value, { required, optional }]) => [
          value,
          [...required, ...optional],
        ]),
      ),
      fallback: given.default,
    },
  ],
  create(given, { log }) {
    const { header, default: fallback } = given
    const name = new HeaderName(header)
    const byValue = selectionsOf(given)
    const otherwise: Selection = fallback.length === 0 ? nothing : { required: fallback, optional: [] }
    let told = false
    return {
      select(event) {
        const value = event.header(name)
        const selection = (value === undefined ? undefined : byValue.get(value)) ?? otherwise
        if (selection === nothing && !told) {
          told = true
          log.warn(
            `events are dropped: no selector.mapping for what they have in header ${header}, and no selector.default`,
          )
        }
        return selection
      },
    }
  },
})

function selectionsOf({
  mapping,
  default: fallback,
  optional,
}: {
  readonly mapping: Readonly<Record<string, string>>
  readonly default: readonly string[]
  readonly optional: Readonly<Record<string, string>>
}): Map<string, Selection> {
  const byValue = new Map<string, Selection>()
  for (const [value, names] of Object.entries(mapping))
    byValue.set(value, { required: words(names), optional: [] })
  for (const [value, names] of Object.entries(optional)) {
    const all = words(names)
    const required = byValue.get(value)?.required ?? fallback
    byValue.set(value, { required, optional: all.filter(name => !required.includes(name)) })
  }
  return byValue
}

function words(text: string): string[] {
  return [...new Set(text.trim().split(/\s+/).filter(Boolean))]
}
