// The reference pages, made of the components' declarations and the table of faults: one page a
// component, an index that says of everything Flume has whether it is here, and a page of faults.
import { runnerBackoff } from '../../src/backoff.ts'
import type { CatalogueEntry, ComponentKind, Definition } from '../../src/component.ts'
import { faultTable } from '../../src/errors.ts'
import { adviceFor } from '../../src/java/known-classes.ts'
import { cell, generated, row, vocabularyTables } from './vocabulary-tables.ts'

const kinds: readonly (readonly [kind: ComponentKind, title: string, one: string])[] = [
  ['source', 'Sources', 'source'],
  ['channel', 'Channels', 'channel'],
  ['sink', 'Sinks', 'sink'],
  ['interceptor', 'Interceptors', 'interceptor'],
  ['selector', 'Channel selectors', 'channel selector'],
  ['sink-processor', 'Sink processors', 'sink processor'],
]

/** File name -> Markdown, for everything in the catalogue. */
export async function referencePages(catalogue: readonly CatalogueEntry[]): Promise<Map<string, string>> {
  const pages = new Map<string, string>()
  const loaded = new Map<CatalogueEntry, Definition>()
  for (const entry of catalogue)
    if (entry.load !== undefined) {
      const definition = await entry.load()
      loaded.set(entry, definition)
      pages.set(pageName(definition), componentPage(definition))
    }
  pages.set('README.md', indexPage(catalogue, loaded))
  pages.set('errors.md', errorsPage())
  return pages
}

/** `source-kafka.md`: the kind and the alias, or what the class name says where there is no alias. */
export function pageName({ kind, type }: Definition): string {
  return `${kind}-${shortName(type)}.md`
}

function shortName(type: string): string {
  if (!type.includes('.')) return type
  const simple = type.split('.').at(-1)!.replace(/\$.*$/, '')
  return simple.replace(/(Source|Channel|Sink|Interceptor|Selector|Processor)$/, '').toLowerCase()
}

// ------------------------------------------------------------------------------------ one component

function componentPage(definition: Definition): string {
  const { kind, type, aliases, summary, description } = definition
  const [, , one] = kinds.find(([name]) => name === kind)!
  const lines = [
    generated,
    `# ${type} (${one})`,
    '',
    summary,
    '',
    `\`type = ${type}\`${aliases.length === 0 ? '' : `; the same: ${aliases.map(name => `\`${name}\``).join(', ')}`}`,
    '',
  ]
  if (description !== undefined) lines.push(description, '')
  lines.push(...vocabularyTables(definition, '##'))
  if ('counters' in definition && definition.counters !== undefined)
    lines.push('## Counters', '', definition.counters.map(name => `\`${name}\``).join(', '), '')
  else if (kind === 'source' || kind === 'sink')
    lines.push('## Counters', '', 'None, as in Flume: it does not appear in `/metrics`.', '')
  return lines.join('\n')
}

// ------------------------------------------------------------------------------------------- index

function indexPage(
  catalogue: readonly CatalogueEntry[],
  loaded: ReadonlyMap<CatalogueEntry, Definition>,
): string {
  const lines = [
    generated,
    '# Reference',
    '',
    'Every component of Flume: whether it is here, and whether it behaves as in Flume. "differs" means that its page names',
    'differences; they are deliberate. "added" means that Flume has no such component. Pages of their own have',
    '[what can go wrong while an agent runs](errors.md), the',
    '[metrics](metrics.md), the [properties of the Kafka client](kafka-client.md) and the',
    '[settings of the embedded broker](broker-settings.md).',
    '',
  ]
  for (const [kind, title] of kinds) {
    lines.push(`## ${title}`, '', '| type | here | |', '|---|---|---|')
    for (const entry of catalogue.filter(one => one.kind === kind)) {
      const definition = loaded.get(entry)
      if (definition === undefined) lines.push(row([`\`${entry.names[0]}\``, 'absent', absentCell(entry)]))
      else {
        const link = `[\`${definition.type}\`](${pageName(definition)})`
        lines.push(row([link, standingOf(definition), cell(definition.summary)]))
      }
    }
    lines.push('')
  }
  return lines.join('\n')
}

/** Why it is not here, and what to use. */
function absentCell({ kind, names, absent }: CatalogueEntry): string {
  const advice = adviceFor(kind, names.at(-1)!, '')
  return advice?.isKnown === true ? `${absent}; ${cell(advice.use)}.` : `${absent}.`
}

/** Beside Flume's: whether its page names a difference. */
function standingOf({ type, aliases, options, description = '', withoutEffect = {} }: Definition): string {
  if (![type, ...aliases].some(name => name.startsWith('org.apache.flume.'))) return 'added'
  const differs =
    Object.values(options).some(field => field.differs !== undefined) ||
    Object.keys(withoutEffect).length > 0 ||
    /Flume/.test(description.replaceAll(/\b(as|like) (in )?Flume('s)?\b/g, ''))
  return differs ? 'differs' : 'same'
}

// ------------------------------------------------------------------------------------------- faults

const retries = {
  'at-once': 'at once',
  'after-backoff': `after a pause that grows from ${runnerBackoff.firstMs / 1000} s to ${runnerBackoff.mostMs / 1000} s`,
  never: 'never',
} as const

function errorsPage(): string {
  const lines = [
    generated,
    '# Faults',
    '',
    'What can go wrong while an agent runs. Each has a code; the message beside it names the place (host:port, file).',
    '',
    '| code | retried | what to do |',
    '|---|---|---|',
  ]
  for (const [code, { retry, remedy }] of Object.entries(faultTable))
    lines.push(row([`\`${code}\``, retries[retry], cell(remedy)]))
  return `${lines.join('\n')}\n`
}
