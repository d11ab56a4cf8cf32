// The flow as a list, which has the same components in reach of keys, and what has happened lately.
import { useEffect } from 'preact/hooks'
import type { Flow, FlowNode } from '../../../src/console/api.ts'
import { time } from '../format.ts'
import { byLines, layoutOf } from '../layout.ts'
import { Mark, Scroll, Section, State } from '../parts.tsx'
import { parameter, setParameter } from '../router.ts'
import { isPaused } from '../store.ts'
import { Heads, isShortcut, Rows, type Cell } from '../table.tsx'
import { closeDrawer } from './drawer.tsx'
import { Figure } from './figures.tsx'
import { kindOf } from './kind.ts'
import { lasting, NodeName } from './node-name.tsx'

export function Components({ seen }: { seen: Flow }) {
  // As the picture has them: line by line, from left to right.
  const components = layoutOf(seen)
    .placed.filter(({ node }) => node.agent !== null)
    .toSorted(byLines)
    .map(({ node }) => node)
  useKeys(components.map(({ id }) => id))
  const columns: readonly Cell<FlowNode>[] = [
    { title: 'Name', cell: node => <NodeName node={node} /> },
    { title: 'Kind', drop: 'p1', cell: node => <span class="soft">{kindOf(node)}</span> },
    { title: 'Agent', cell: node => seen.agents.find(({ address }) => address === node.agent)?.name ?? '' },
    { title: 'State', cell: node => <State level={node.level} word={node.state} /> },
    {
      title: 'For',
      isNumber: true,
      drop: 'p2',
      cell: ({ since }) => (since === null ? <span class="zero">–</span> : lasting(since, seen.takenAt)),
    },
    {
      title: 'In',
      isNumber: true,
      drop: 'p0',
      cell: one => <Figure of={`in ${one.id}`} perSecond={one.inPerSecond} total={one.inTotal} />,
    },
    {
      title: 'Out',
      isNumber: true,
      cell: one => <Figure of={`out ${one.id}`} perSecond={one.outPerSecond} total={one.outTotal} />,
    },
    {
      title: 'Conditions',
      isNumber: true,
      drop: 'p2',
      cell: ({ conditions: { length } }) => <span class={length === 0 ? 'zero' : ''}>{length}</span>,
    },
  ]
  return (
    <Section title="Components" action={<span class="faint">the same flow as a list</span>}>
      <Rows
        label="Components of the flow"
        rows={components}
        columns={columns}
        nameOf={({ id }) => id}
        isDense
        isOpen={({ id }) => id === parameter('node')}
      />
    </Section>
  )
}

/** j and k go from component to component, Escape closes. */
function useKeys(ids: readonly string[]): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.key === 'Escape') closeDrawer()
      if (!isShortcut(event) || (event.key !== 'j' && event.key !== 'k')) return
      const at = ids.indexOf(parameter('node') ?? '')
      const next = event.key === 'j' ? at + 1 : at - 1
      setParameter('node', ids[Math.max(0, Math.min(ids.length - 1, next))] ?? null, false)
    }
    addEventListener('keydown', press)
    return () => removeEventListener('keydown', press)
  }, [ids.join(' ')])
}

const words = { good: 'over', warn: 'warning', bad: 'error', off: 'info' } as const

export function Notices({ seen }: { seen: Flow }) {
  const nameOf = (id: string) =>
    seen.nodes.find(node => node.id === id)?.name ??
    seen.agents.find(({ address }) => address === id)?.name ??
    id
  return (
    <Section
      title="Notices"
      action={<span class="faint">since this console was started{isPaused.value ? '; paused' : ''}</span>}
    >
      {seen.notices.length === 0 ? (
        <p class="soft">No condition has begun or ended.</p>
      ) : (
        <Scroll>
          <table class="t dense">
            <caption class="vh">Last notices</caption>
            <Heads of={['Time', 'Level', 'Component', 'Message']} isHidden />
            <tbody>
              {seen.notices.slice(0, 20).map(({ at, level, node, text }) => (
                <tr key={`${at} ${node} ${text}`}>
                  <td class="soft">{time(at)}</td>
                  <td>
                    <span class="state">
                      <Mark level={level} />
                      {words[level]}
                    </span>
                  </td>
                  <td class="p1">{nameOf(node)}</td>
                  <td class="wrap">{text}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </Section>
  )
}
