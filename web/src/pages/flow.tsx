// The first page: the flow from topic to topic across all agents, the sentence that says how it stands, the same as a
// list, and what has happened lately. A component opens beside it.
import type { Flow, FlowNode } from '../../../src/console/api.ts'
import { counted, duration, rate, time, whole, wholeOr } from '../format.ts'
import { Banner, Choice, Fact, Head, Number, Waiting } from '../parts.tsx'
import { parameter, setParameter } from '../router.ts'
import { flow } from '../store.ts'
import { Drawer } from './drawer.tsx'
import { shown, useSince, type Shown } from './figures.tsx'
import { Components, Notices } from './flow-list.tsx'
import { lasting, nodeHref } from './node-name.tsx'
import { Picture } from './picture.tsx'

export function FlowPage() {
  const seen = flow.value
  useSince(seen)
  if (seen === null)
    return (
      <main class="main" id="main">
        <Head title="Flow" sub="" />
        <Waiting what="the flow" />
      </main>
    )
  const node = seen.nodes.find(({ id }) => id === parameter('node'))
  return (
    <div class={`stage ${node === undefined ? '' : 'with-drawer'}`}>
      <main class="main" id="main">
        <FlowHead seen={seen} />
        {node === undefined && parameter('node') !== null ? (
          <Banner level="off" title="The component of this address is not part of the flow">
            It was renamed or removed, or its agent has stopped. <a href="/">Look at the flow as it is</a>.
          </Banner>
        ) : null}
        <Verdict seen={seen} />
        {seen.nodes.length === 0 ? null : <Totals seen={seen} />}
        {seen.nodes.length === 0 ? null : <Picture seen={seen} />}
        {seen.nodes.length === 0 ? null : <Components seen={seen} />}
        <Notices seen={seen} />
      </main>
      {node === undefined ? null : <Drawer key={node.id} node={node} seen={seen} />}
    </div>
  )
}

/** What an operator has to know first: what is wrong, since when, and how many events wait for it. */
function Verdict({ seen: { verdict, takenAt } }: { seen: Flow }) {
  const { level, sentence, detail, node, since, waiting } = verdict
  return (
    <Banner level={level} title={node === null ? sentence : <a href={nodeHref(node)}>{sentence}</a>}>
      {detail}
      {since === null ? null : (
        <>
          {' '}
          <span class="nw">
            Since {time(since)}, for <b>{lasting(since, takenAt)}</b>.
          </span>
        </>
      )}
      {since === null || waiting === null ? null : (
        <>
          {' '}
          <span class="nw">
            <b>{counted(waiting, 'event')}</b> {waiting === 1 ? 'waits' : 'wait'}.
          </span>
        </>
      )}
    </Banner>
  )
}

/** The cause of what is wrong now; else the last error that there was. */
function lastErrorOf({ verdict: { error, since }, notices }: Flow) {
  if (error !== null) return { at: since, text: error }
  const last = notices.find(({ level }) => level === 'bad')
  return last && { at: last.at, text: last.text }
}

/** The whole flow in one line: what goes in and out, how much waits, and the last error. */
function Totals({ seen }: { seen: Flow }) {
  const { inPerSecond, outPerSecond, inChannels, inTopics, oldestEventAgeMs } = seen.totals
  const error = lastErrorOf(seen)
  return (
    <dl class="totals">
      <Fact name="In" value={<Number value={rate(inPerSecond)} />} />
      <Fact name="Out" value={<Number value={rate(outPerSecond)} />} />
      <Fact name="Waiting in channels" value={whole(inChannels)} />
      {seen.nodes.some(({ kind }) => kind === 'topic') ? (
        <Fact name="Waiting in topics" value={wholeOr(inTopics)} />
      ) : null}
      <Fact name="Oldest" value={oldestEventAgeMs === null ? '–' : duration(oldestEventAgeMs / 1000)} />
      <div class="last">
        <dt>Last error</dt>
        <dd title={error?.text}>
          {error === undefined ? (
            'none since this console was started'
          ) : (
            <>
              {error.at === null ? null : (
                <span class="nw soft">
                  {time(error.at)}, {lasting(error.at, seen.takenAt)} ago:{' '}
                </span>
              )}
              {error.text}
            </>
          )}
        </dd>
      </div>
    </dl>
  )
}

function FlowHead({ seen }: { seen: Flow }) {
  const ends = (begins: boolean) =>
    seen.nodes.filter(
      ({ id, kind }) => kind === 'topic' && !seen.edges.some(({ from, to }) => (begins ? to : from) === id),
    )
  const names = (nodes: readonly FlowNode[]) => nodes.map(({ name }) => name).join(', ')
  const [from, to] = [names(ends(true)), names(ends(false))]
  const components = seen.nodes.filter(({ agent }) => agent !== null).length
  const since = parameter('since')
  return (
    <Head
      title={from === '' || to === '' ? 'Flow' : `${from} to ${to}`}
      sub={`${counted(seen.agents.length, 'agent')}, ${counted(components, 'component')}`}
    >
      <Choice
        label="Show"
        isLabelHidden
        name="show"
        value={shown()}
        of={[
          ['rate', 'Rate'],
          ['total', 'Total'],
          ['since', since === null ? 'Since now' : `Since ${time(+since)}`],
        ]}
        set={(one: Shown) => {
          setParameter('since', null, false)
          setParameter('show', one === 'rate' ? null : one, false)
        }}
      />
    </Head>
  )
}
