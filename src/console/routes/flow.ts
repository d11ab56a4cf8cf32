// Routes of the flow through agents.
import { Fault, messageOf } from '../../errors.ts'
import type { ShownEvent } from '../../observe/event-view.ts'
import type { Session } from '../access/session.ts'
import * as api from '../api.ts'
import { spanNames } from '../history.ts'
import {
  eventOf,
  look,
  Refused,
  stream,
  there,
  unreadable,
  wholeOf,
  type Route,
  type RouteParts,
} from '../route.ts'

const mostPeeked = 100

export const flowRoutes = ({ agents }: RouteParts): readonly Route[] => [
  look({
    method: 'GET',
    path: '/api/flow',
    summary: 'The flow across all agents, as it is now.',
    role: 'viewer',
    answer: api.Flow,
    handle: () => agents.flow,
  }),
  look({
    method: 'GET',
    path: '/api/flow/nodes/:node',
    summary: 'One component: options, counters, and the last hour or day.',
    role: 'viewer',
    query: { span: 'hour (where absent), in steps of 10 s; or day, in steps of a minute' },
    answer: api.NodeDetail,
    handle({ params: { node }, query: { span = 'hour' } }) {
      const known = spanNames.find(name => name === span)
      if (known === undefined) throw unreadable(`span=${span}: write ${spanNames.join(' or ')}`)
      return there(agents.detail(node, known), `component ${node}`)
    },
  }),
  stream({
    method: 'GET',
    path: '/api/flow/stream',
    summary: 'The flow, whenever it was looked at.',
    role: 'viewer',
    type: 'text/event-stream',
    async run({ gone }, outlet) {
      const send = (flow: api.Flow): void => {
        // A browser that sleeps gets the next one it can take: each is whole.
        if (outlet.isReady) outlet.send(eventOf('flow', flow))
      }
      send(agents.flow)
      const forget = agents.watch(send)
      await new Promise<void>(resolve => gone.addEventListener('abort', () => resolve(), { once: true }))
      forget()
    },
  }),
  look({
    method: 'GET',
    path: '/api/flow/nodes/:node/events',
    summary: 'The oldest events of a channel; none is taken.',
    role: 'operator',
    action: 'peek into a channel',
    query: { limit: `events of the answer, ${mostPeeked} at most; 20 where absent` },
    answer: api.Peek,
    async handle({ params: { node }, query: { limit = '20' }, session }) {
      needEvents(session)
      const most = Math.min(mostPeeked, Math.max(1, wholeOf('limit', limit)))
      const { at, size, events } = there(await agents.peek(node, most), `channel ${node}`)
      return { at, size, events: events.map(one => masked(session, one)) }
    },
  }),
  stream({
    method: 'GET',
    path: '/api/flow/tap',
    summary: 'A live sample of the events that pass from one component of an agent to the next.',
    role: 'operator',
    action: 'tap an edge',
    audited: ['from', 'to'],
    query: { from: 'id of a source or channel', to: 'id of the channel or sink behind it' },
    type: 'text/event-stream',
    async run({ query: { from = '', to = '' }, session, gone }, outlet) {
      needEvents(session)
      const samples = there(agents.tap(from, to, gone), `edge from ${from} to ${to}`)
      try {
        let passed = 0
        for await (const sample of samples) {
          passed += sample.passed
          if (!outlet.isReady) continue
          outlet.send(
            eventOf('sample', { ...sample, passed, events: sample.events.map(one => masked(session, one)) }),
          )
          passed = 0
        }
      } catch (error) {
        if (!gone.aborted) outlet.send(eventOf('refusal', refusalOf(error)))
      }
    },
  }),
]

/** Events that pass an agent belong to no topic yet: who sees some topics only does not see them. */
function needEvents(session: Session): void {
  if (!session.may('operator', null))
    throw new Refused(
      403,
      `events of an agent take the role operator for all topics, which ${session.user} has not`,
    )
}

/** Beyond what the agent has hidden, what the rules of this console hide. */
function masked<E extends ShownEvent>(session: Session, event: E): E {
  const { headers, body, isText } = event
  // The header may say anything: where the event goes is not known yet.
  const shown = session.mask(null, {
    key: null,
    value: Buffer.from(body, isText ? 'utf8' : 'hex'),
    headers: Object.entries(headers).map(([key, value]) => ({ key, value: Buffer.from(value) })),
  })
  return {
    ...event,
    headers: Object.fromEntries(shown.headers.map(({ key, value }) => [key, value?.toString() ?? ''])),
    body: shown.value?.toString(isText ? 'utf8' : 'hex') ?? '',
  }
}

/** A browser's stream of events knows no answer but an open connection. */
const refusalOf = (error: unknown) => ({
  error: messageOf(error),
  remedy: error instanceof Fault ? error.remedy : '',
})
