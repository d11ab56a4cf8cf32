// Settings of a topic or a broker, on its page: those that somebody has written, or all of them.
import type { Setting } from '../../../src/console/api.ts'
import { counted } from '../format.ts'
import { Section } from '../parts.tsx'
import { parameter, setParameter } from '../router.ts'
import { Rows, type Cell } from '../table.tsx'

type Shown = Pick<Setting, 'name' | 'value' | 'source'> & { readonly isSensitive?: boolean }

const columns: readonly Cell<Shown>[] = [
  { title: 'Setting', cell: ({ name }) => name },
  {
    title: 'Value',
    cell: ({ value, source, isSensitive }) => (
      <span class={source === 'default' ? 'soft' : 'changed'}>
        {isSensitive ? '[hidden]' : value === '' ? '–' : (value ?? '–')}
      </span>
    ),
  },
  { title: 'Comes from', drop: 'p1', cell: ({ source }) => <span class="soft">{source}</span> },
]

export function SettingsSection({
  of,
  settings,
  change,
}: {
  of: string
  /** Undefined until they are read; null where brokers do not tell them. */
  settings: readonly Shown[] | null | undefined
  /** Where they are changed. */
  change: string | undefined
}) {
  if (settings === undefined) return null
  if (settings === null)
    return (
      <Section title="Settings">
        <p class="soft">These brokers do not report settings. Kafka 0.11 introduced that.</p>
      </Section>
    )
  const showsAll = parameter('settings') === 'all'
  const shown = showsAll ? settings : settings.filter(({ source }) => source !== 'default')
  return (
    <Section
      title="Settings"
      action={
        <span class="right actions">
          <button class="btn link" onClick={() => setParameter('settings', showsAll ? null : 'all', false)}>
            {showsAll ? 'Only those that are set' : `All ${settings.length}`}
          </button>
          {change === undefined ? null : (
            <a class="btn" href={change}>
              Change settings
            </a>
          )}
        </span>
      }
    >
      {!showsAll && shown.length === 0 ? (
        <p class="soft">All settings have the brokers’ defaults.</p>
      ) : (
        <Rows
          label={`${counted(shown.length, 'setting')} of ${of}`}
          rows={shown}
          columns={columns}
          nameOf={one => one.name}
          isDense
        />
      )}
    </Section>
  )
}
