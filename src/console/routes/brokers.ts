// Routes of brokers.
import * as api from '../api.ts'
import { clusterOf, look, type Route, type RouteParts } from '../route.ts'

export const brokerRoutes = (parts: RouteParts): readonly Route[] => [
  look({
    method: 'GET',
    path: '/api/clusters/:cluster/brokers',
    summary: 'Brokers, with what they lead and keep.',
    role: 'viewer',
    answer: api.Brokers,
    handle: ({ params: { cluster } }) => clusterOf(parts, cluster).brokers(),
  }),
]
