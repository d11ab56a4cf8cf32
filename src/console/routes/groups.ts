// Routes of consumer groups.
import * as api from '../api.ts'
import type { Session } from '../access/session.ts'
import { clusterOf, look, there, type Route, type RouteParts } from '../route.ts'

export const groupRoutes = (parts: RouteParts): readonly Route[] => [
  look({
    method: 'GET',
    path: '/api/clusters/:cluster/groups',
    summary: 'Consumer groups, with lag and how it changes.',
    role: 'viewer',
    answer: api.Groups,
    handle: async ({ params: { cluster }, session }) => {
      const all = await clusterOf(parts, cluster).groups()
      return { ...all, groups: all.groups.flatMap(row => rowFor(session, row) ?? []) }
    },
  }),
  look({
    method: 'GET',
    path: '/api/clusters/:cluster/groups/:group',
    summary: 'One consumer group: members and positions.',
    role: 'viewer',
    answer: api.Group,
    handle: async ({ params: { cluster, group }, session }) => {
      const found = there(await clusterOf(parts, cluster).group(group), `group ${group}`)
      const row = there(rowFor(session, found.row) ?? undefined, `group ${group}`)
      const sees = ({ topic }: { topic: string }) => session.sees(topic)
      return {
        ...found,
        row,
        members: found.members.map(one => ({ ...one, assigned: one.assigned.filter(sees) })),
        positions: found.positions.filter(sees),
        // As the lag itself: not over topics that the session does not see.
        history: row.lag === found.row.lag ? found.history : { ...found.history, lag: [] },
      }
    },
  }),
]

/** The row with the topics that the session sees; null where it sees none. A lag over hidden ones is not shown. */
function rowFor(session: Session, row: api.GroupRow): api.GroupRow | null {
  if (session.may('viewer', null)) return row
  const topics = row.topics.filter(topic => session.sees(topic))
  if (topics.length === 0) return null
  if (topics.length === row.topics.length) return row
  return { ...row, topics, lag: null, lagPerSecond: null, drainsInSeconds: null }
}
