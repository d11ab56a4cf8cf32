// Routes of brokers.
import * as api from '../api.ts'
import { clusterOf, look, wholeOf, type Route, type RouteParts } from '../route.ts'

export const brokerRoutes = (parts: RouteParts): readonly Route[] => [
  look({
    method: 'GET',
    path: '/api/clusters/:cluster/brokers',
    summary: 'Brokers, with what they lead and keep.',
    role: 'viewer',
    answer: api.Brokers,
    handle: ({ params: { cluster } }) => clusterOf(parts, cluster).brokers(),
  }),
  look({
    method: 'GET',
    path: '/api/clusters/:cluster/brokers/:broker/topics',
    summary: 'Topics that have a replica on a broker, and how evenly they lie on it.',
    role: 'viewer',
    answer: api.BrokerTopics,
    async handle({ params: { cluster, broker }, session }) {
      const all = await clusterOf(parts, cluster).brokerTopics(wholeOf('broker', broker))
      return { ...all, topics: all.topics.filter(({ name }) => session.sees(name)) }
    },
  }),
]
