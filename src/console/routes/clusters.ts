// Routes of Kafka clusters as such.
import * as api from '../api.ts'
import { look, type Route, type RouteParts } from '../route.ts'

export const clusterRoutes = ({ clusters }: RouteParts): readonly Route[] => [
  look({
    method: 'GET',
    path: '/api/clusters',
    summary: 'The Kafka clusters that are given.',
    role: 'viewer',
    answer: api.Clusters,
    handle: () => clusters.list(),
  }),
]
