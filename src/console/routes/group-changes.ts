// Routes that move and delete the positions of consumer groups.
import { nameOf } from '../../kafka-client/contract.ts'
import * as api from '../api.ts'
import { timeOf } from '../messages/question.ts'
import { planReset, readScope, whoIsIn, type Target } from '../offset-reset.ts'
import {
  change,
  clusterOf,
  look,
  outcomesOf,
  Refused,
  unreadable,
  type Route,
  type RouteParts,
} from '../route.ts'
import { confirm } from './topic-changes.ts'

function targetOf(to: string, value: string): Target {
  if (to === 'earliest' || to === 'latest') return { to }
  const isWhole = /^[+-]?\d{1,15}$/.test(value)
  if (to === 'offset' && isWhole && Number(value) >= 0) return { to, offset: Number(value) }
  if (to === 'shift' && isWhole) return { to, by: Number(value) }
  const time = to === 'time' ? timeOf(value) : null
  if (time !== null) return { to: 'time', time }
  throw new Refused(
    400,
    `"${value}" is no ${to === 'shift' ? 'number to shift by' : to}`,
    to === 'time'
      ? 'Write a time such as 2026-11-29T14:00Z, or milliseconds since 1970 behind an @.'
      : 'Write a whole number.',
    'value',
  )
}

export const groupChangeRoutes = (parts: RouteParts): readonly Route[] => [
  look({
    method: 'GET',
    path: '/api/clusters/:cluster/groups/:group/reset',
    summary: 'Where a group would read on after a reset.',
    role: 'viewer',
    query: {
      to: 'earliest, latest, offset, time or shift',
      value:
        'the offset, the time (ISO 8601, or milliseconds since 1970 behind an @), or by how much to shift',
      scope: 'topic, or topic:0,2,5-9, several with a semicolon between; where the group stands where absent',
    },
    answer: api.ResetPlan,
    async handle({ params: { cluster, group }, query: { to = '', value = '', scope }, session }) {
      if (!['earliest', 'latest', 'offset', 'time', 'shift'].includes(to))
        throw unreadable(`to=${to}: write earliest, latest, offset, time or shift`)
      const chosen = scope === undefined ? null : readScope(scope)
      if (chosen === undefined)
        throw unreadable(`scope=${scope}: write topic:0,2,5-9, with a semicolon between topics`)
      const at = clusterOf(parts, cluster)
      const description = await at.admin.groups.describe(group)
      const positions = await planReset(at.admin, description, targetOf(to, value), chosen)
      return {
        takenAt: at.takenAt,
        active: whoIsIn(description),
        positions: positions.filter(({ topic }) => session.sees(topic)),
      }
    },
  }),
  change({
    method: 'POST',
    path: '/api/clusters/:cluster/groups/:group/positions',
    summary: 'Commits positions for a group that nobody is in.',
    role: 'operator',
    action: 'reset offsets',
    audited: ['positions'],
    body: api.Reset,
    bodyLimit: 16 * 1024 * 1024,
    answer: api.Outcome,
    touches: ({ body: { positions } }) => [...new Set(positions.map(({ topic }) => topic))],
    async handle({ params: { cluster, group }, body: { positions } }) {
      const at = clusterOf(parts, cluster)
      const active = whoIsIn(await at.admin.groups.describe(group))
      if (active !== null) throw new Refused(409, active, 'Stop it first; then reset.')
      // For one that is not there the coordinator would be asked until patience is over: it may be new.
      const topics = await at.admin.topics.describe([...new Set(positions.map(({ topic }) => topic))])
      const counts = new Map(topics.map(({ name, partitions }) => [name, partitions.length]))
      const missing = positions.find(({ topic, partition }) => partition >= (counts.get(topic) ?? 0))
      if (missing !== undefined)
        throw new Refused(409, `there is no partition ${nameOf(missing)}`, 'Look at the preview again.')
      const committed = await at.admin.groups.committed(group)
      const known = new Map(committed.map(one => [nameOf(one), one.offset]))
      for (const one of positions) {
        const now = known.get(nameOf(one)) ?? null
        if (now !== one.from)
          throw new Refused(
            409,
            `the group stands at ${now ?? 'no position'} of ${nameOf(one)} by now, and was shown at ${one.from ?? 'none'}`,
            'Look at the preview again.',
          )
      }
      await at.admin.groups.commit(
        group,
        positions.map(({ topic, partition, to }) => ({ topic, partition, offset: to })),
      )
      at.forget()
      return { done: true }
    },
  }),
  change({
    method: 'DELETE',
    path: '/api/clusters/:cluster/groups/:group/positions',
    summary: 'Forgets the positions of a group in topics that nobody of it reads.',
    role: 'admin',
    action: 'forget positions',
    audited: ['topics'],
    body: api.Forgotten,
    answer: api.Outcomes,
    touches: ({ body: { topics } }) => topics,
    async handle({ params: { cluster, group }, body: { topics } }) {
      const at = clusterOf(parts, cluster)
      const held = (await at.admin.groups.committed(group)).filter(one => topics.includes(one.topic))
      if (held.length === 0) return { outcomes: [] }
      const outcomes = await at.admin.groups.deletePositions(group, held)
      at.forget()
      return outcomesOf(outcomes)
    },
  }),
  change({
    method: 'DELETE',
    path: '/api/clusters/:cluster/groups/:group',
    summary: 'Deletes a group that nobody is in, with its positions.',
    role: 'admin',
    action: 'delete group',
    audited: [],
    body: api.Confirmation,
    answer: api.Outcome,
    touches: () => null,
    async handle({ params: { cluster, group }, body: { name } }) {
      confirm(name, group)
      const at = clusterOf(parts, cluster)
      const active = whoIsIn(await at.admin.groups.describe(group))
      if (active !== null) throw new Refused(409, active, 'Stop it first; then delete the group.')
      await at.admin.groups.delete(group)
      at.forget()
      return { done: true }
    },
  }),
]
