// One component, beside the flow: how it stands, its last hour or day, its conditions, options and counters.
import type { Flow, FlowNode, NodeDetail } from '../../../src/console/api.ts'
import { Chart } from '../chart.tsx'
import { bytes, duration, percent, rate, time, whole, wholeOr, refusalText } from '../format.ts'
import { Choice, Icon, Mark, Number, Scroll, State } from '../parts.tsx'
import { parameter, setParameter } from '../router.ts'
import { useLook } from '../store.ts'
import { Events } from './events.tsx'
import { kindOf } from './kind.ts'
import { lasting } from './node-name.tsx'
import { Heads } from '../table.tsx'

/** As many as the server keeps. */
const mostNotices = 20

export function closeDrawer(): void {
  setParameter('events', null, false)
  setParameter('node', null)
}

export function Drawer({ node, seen }: { node: FlowNode; seen: Flow }) {
  const isDay = parameter('span') === 'day'
  const { data, refusal } = useLook<NodeDetail>(
    `/api/flow/nodes/${encodeURIComponent(node.id)}${isDay ? '?span=day' : ''}`,
    isDay ? 60_000 : 5000,
  )
  const agent = seen.agents.find(({ address }) => address === node.agent)
  return (
    <aside class="drawer" aria-labelledby="drawer-name">
      <header>
        <div>
          <h2 id="drawer-name">{node.name}</h2>
          <p class="soft">
            {kindOf(node)} of agent {agent?.name}
          </p>
        </div>
        <button class="btn quiet icon" aria-label="Close" title="Close (Esc)" onClick={closeDrawer}>
          <Icon name="close" size={16} />
        </button>
      </header>
      <section aria-label="Now">
        <dl class="facts">
          <Facts node={node} takenAt={seen.takenAt} />
        </dl>
      </section>
      <Conditions node={node} takenAt={seen.takenAt} />
      <Events node={node} seen={seen} />
      {data === undefined ? (
        <section>
          {refusal === undefined ? <p class="soft">Reading …</p> : <p>{refusalText(refusal)}</p>}
        </section>
      ) : (
        <Detail node={node} detail={data} />
      )}
    </aside>
  )
}

function Facts({ node, takenAt }: { node: FlowNode; takenAt: number }) {
  const { fill, since } = node
  const standing = [
    ['State', <State level={node.level} word={node.state} />],
    ...(since === null ? [] : [['Since', lasting(since, takenAt)] as const]),
  ] as const
  const facts =
    fill === null
      ? ([
          ...standing,
          ['In', <Number value={rate(node.inPerSecond)} />],
          ['Out', <Number value={rate(node.outPerSecond)} />],
          ['Events in', wholeOr(node.inTotal)],
          ['Events out', wholeOr(node.outTotal)],
        ] as const)
      : ([
          ...standing,
          ...(fill.capacity === null
            ? [['Events', whole(fill.size)] as const]
            : ([
                ['Fill', `${percent(fill.size, fill.capacity)} %`],
                ['Events', `${whole(fill.size)} / ${whole(fill.capacity)}`],
              ] as const)),
          fill.fullInSeconds === null
            ? ['Empty in', duration(fill.emptyInSeconds)]
            : ['Full in', duration(fill.fullInSeconds)],
          ['On disk', <Number value={bytes(fill.diskBytes)} />],
          ['Oldest', fill.oldestEventAgeMs === null ? '–' : duration(fill.oldestEventAgeMs / 1000)],
          ['Net', <Number value={rate(fill.net)} />],
        ] as const)
  return (
    <>
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </>
  )
}

function Conditions({ node, takenAt }: { node: FlowNode; takenAt: number }) {
  return (
    <section>
      <h3>Conditions</h3>
      {node.conditions.length === 0 ? (
        <p class="soft">No condition is raised.</p>
      ) : (
        <ul class="raised">
          {node.conditions.map(one => (
            <li key={one.name}>
              <Mark level={one.isRed ? 'bad' : 'warn'} />
              <div>
                <p>
                  {one.problem}{' '}
                  <span class="faint nw">
                    since {time(one.since)}, for {lasting(one.since, takenAt)}
                  </span>
                </p>
                {one.remedy === '' ? null : <p class="soft">{one.remedy}</p>}
              </div>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

function Detail({ node, detail }: { node: FlowNode; detail: NodeDetail }) {
  const { history, stepSeconds } = detail
  const changed = detail.options.filter(({ writtenAt }) => writtenAt !== null).length
  return (
    <>
      <section aria-label="Past">
        <Choice
          label="Past"
          isLabelHidden
          name="span"
          value={parameter('span') === 'day' ? 'day' : 'hour'}
          of={[
            ['hour', 'Hour'],
            ['day', 'Day'],
          ]}
          set={span => setParameter('span', span === 'hour' ? null : span, false)}
        />
        {node.kind === 'channel' ? (
          <Chart
            title={`Events in ${node.name}`}
            lines={[{ name: 'events', values: history.size, kind: 'a' }]}
            stepSeconds={stepSeconds}
            limit={node.fill?.capacity ?? null}
          />
        ) : null}
        <Chart
          title="In and out, events/s"
          lines={[
            { name: 'in', values: history.inPerSecond, kind: 'a' },
            { name: 'out', values: history.outPerSecond, kind: 'b' },
          ]}
          stepSeconds={stepSeconds}
        />
      </section>
      {detail.notices.length === 0 ? null : (
        <section>
          <h3>
            Last conditions <span class="u">the newest {mostNotices} at most</span>
          </h3>
          <ul class="raised last-conditions">
            {detail.notices.map(({ at, level, text }) => (
              <li key={`${at} ${text}`}>
                <Mark level={level} />
                <p>
                  <span class="faint nw">{time(at)}</span> {text}
                </p>
              </li>
            ))}
          </ul>
        </section>
      )}
      {detail.options.length === 0 ? null : (
        <section>
          <h3>
            Options <span class="u">{changed} written</span>
          </h3>
          <Scroll>
            <table class="t dense small">
              <caption class="vh">Options of {node.name}</caption>
              <Heads of={['Option', 'Value', 'Default']} />
              <tbody>
                {detail.options.map(option => (
                  <tr key={option.key}>
                    <th scope="row" title={option.writtenAt ?? 'not written'}>
                      {option.key}
                    </th>
                    <td class={`wide-cell ${option.writtenAt === null ? 'soft' : 'changed'}`}>
                      {option.value || '–'}
                    </td>
                    <td class="faint wide-cell">
                      {option.default === option.value ? 'same' : option.default || '–'}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
          <p class="hint">Written at {detail.writtenAt}. Values that may be secrets are not shown.</p>
        </section>
      )}
      {detail.counters.length === 0 ? null : (
        <section>
          <h3>
            Counters{' '}
            <span class="u">{detail.startedAt === null ? '' : `since ${time(detail.startedAt)}`}</span>
          </h3>
          <Scroll>
            <table class="t dense small">
              <caption class="vh">Counters of {node.name}</caption>
              <tbody>
                {detail.counters.map(({ name, value }) => (
                  <tr key={name}>
                    <th scope="row">{name}</th>
                    <td class="r">{/^\d+$/.test(value) ? whole(+value) : value}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
        </section>
      )}
    </>
  )
}
