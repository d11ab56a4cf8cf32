// Routes of consumer groups.
import * as api from '../api.ts'
import { clusterOf, look, there, type Route, type RouteParts } from '../route.ts'

export const groupRoutes = (parts: RouteParts): readonly Route[] => [
  look({
    method: 'GET',
    path: '/api/clusters/:cluster/groups',
    summary: 'Consumer groups, with lag and how it changes.',
    role: 'viewer',
    answer: api.Groups,
    handle: ({ params: { cluster } }) => clusterOf(parts, cluster).groups(),
  }),
  look({
    method: 'GET',
    path: '/api/clusters/:cluster/groups/:group',
    summary: 'One consumer group: members and positions.',
    role: 'viewer',
    answer: api.Group,
    handle: async ({ params: { cluster, group } }) =>
      there(await clusterOf(parts, cluster).group(group), `group ${group}`),
  }),
]
