// What a vocabulary declares, as tables for a reference page.
import { defaultText as textOf, type Field, type Fields, type Vocabulary } from '../../src/fields.ts'

export const generated = '<!-- Made by `npm run docs` from the declarations in src/. Do not edit. -->\n'

/** Lines for all keys, under headings of this rank. */
export function vocabularyTables(
  { options, deprecated = {}, withoutEffect = {}, refused = {} }: Vocabulary,
  rank: string,
): string[] {
  const old = Object.entries(deprecated).map(([key, { to }]) => [`\`${key}\``, `\`${to}\``])
  return [
    `${rank} Options`,
    '',
    ...optionsTable(options),
    ...table(`${rank} Deprecated keys`, ['key', 'write instead'], old),
    ...table(`${rank} Keys that are refused`, ['key', 'why'], reasons(refused)),
    ...table(`${rank} Keys without effect`, ['key', 'why'], reasons(withoutEffect)),
  ]
}

function optionsTable(options: Fields): string[] {
  const fields = Object.entries(options)
  if (fields.length === 0) return ['None.', '']
  return [
    ...table(
      '',
      ['key', 'default', 'accepts', 'what it does'],
      fields.map(([key, field]) => [
        keyText(key, field),
        defaultText(field),
        cell(acceptsText(field)),
        cell(aboutText(field)),
      ]),
    ).slice(2),
    ...(fields.some(([, { required }]) => required) ? ['**Bold** keys must be written.', ''] : []),
  ]
}

/** A row a reason. */
const reasons = (given: Readonly<Record<string, string>>) =>
  [...Map.groupBy(Object.entries(given), ([, reason]) => reason)].map(([reason, keys]) => [
    keys.map(([key]) => `\`${key}\``).join(', '),
    cell(reason),
  ])

/** With its heading; nothing where there are no rows. */
export function table(
  heading: string,
  heads: readonly string[],
  rows: readonly (readonly string[])[],
): string[] {
  if (rows.length === 0) return []
  return [heading, '', row(heads), `|${'---|'.repeat(heads.length)}`, ...rows.map(row), '']
}

function keyText(key: string, field: Field<unknown>): string {
  const name = field.kind === 'prefix' ? `${key.replace(/\.$/, '')}.*` : key
  return field.required ? `**\`${name}\`**` : `\`${name}\``
}

function acceptsText({ accepts, unit }: Field<unknown>): string {
  return unit === undefined ? accepts : `${accepts} (${unit})`
}

function defaultText(field: Field<unknown>): string {
  const { default: value, secret } = field
  if (secret === true) return ''
  if (value === Number.MAX_SAFE_INTEGER || value === Infinity) return 'no limit'
  const text = textOf(field)
  return text === null ? '' : text === '' ? 'empty' : `\`${cell(text)}\``
}

function aboutText({ doc, example, since, differs }: Field<unknown>): string {
  const parts = [/[.;:!?]$/.test(doc) ? doc : `${doc}.`]
  if (example !== undefined) parts.push(`Example: \`${example}\`.`)
  if (since === 'ours') parts.push('Not in Flume.')
  else if (since !== undefined) parts.push(`Since Flume ${since}.`)
  if (differs !== undefined) parts.push(`**Differs:** ${differs}`)
  return parts.join(' ')
}

export const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll(/\s*\n\s*/g, ' ')
export const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
