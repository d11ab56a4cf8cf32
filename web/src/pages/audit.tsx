// What was changed, by whom, and what was refused: for administrators.
import type { AuditEntry, AuditLog } from '../../../src/console/api.ts'
import { counted, exactTime } from '../format.ts'
import { Page, Scroll, State } from '../parts.tsx'
import { useLook } from '../store.ts'
import { Heads } from '../table.tsx'

const levels = { done: 'good', refused: 'warn', failed: 'bad' } as const

export function AuditPage() {
  const asked = useLook<AuditLog>('/api/audit', 5000)
  return (
    <Page
      title="Audit log"
      what="the audit log"
      asked={asked}
      sub={({ entries }) => counted(entries.length, 'action')}
    >
      {({ entries }) =>
        entries.length === 0 ? (
          <p class="blank soft">No changes since the console was started.</p>
        ) : (
          <Entries entries={entries} />
        )
      }
    </Page>
  )
}

const Entries = ({ entries }: { entries: readonly AuditEntry[] }) => (
  <Scroll>
    <table class="t">
      <caption class="vh">Changes, newest first</caption>
      <Heads of={['Time', 'User', ['From', 'p2'], 'Action', 'On', ['Details', 'p1'], 'Result']} />
      <tbody>
        {entries.map((entry, index) => (
          <tr key={index}>
            <td class="nw">{exactTime(entry.at)}</td>
            <td>{entry.user}</td>
            <td class="p2 mono">{entry.from}</td>
            <td>{entry.action}</td>
            <td class="mono">{Object.values(entry.target).join(' / ')}</td>
            <td class="p1 mono cut">
              {Object.keys(entry.details).length === 0 ? '' : JSON.stringify(entry.details)}
            </td>
            <td title={entry.why}>
              <State level={levels[entry.result]} word={entry.result} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  </Scroll>
)
