// Routes of topics.
import * as api from '../api.ts'
import { clusterOf, look, there, type Route, type RouteParts } from '../route.ts'

export const topicRoutes = (parts: RouteParts): readonly Route[] => [
  look({
    method: 'GET',
    path: '/api/clusters/:cluster/topics',
    summary: 'Topics, with sizes, rates and how evenly they lie on brokers.',
    role: 'viewer',
    answer: api.Topics,
    async handle({ params: { cluster }, session }) {
      const all = await clusterOf(parts, cluster).topics()
      return { ...all, topics: all.topics.filter(({ name }) => session.sees(name)) }
    },
  }),
  look({
    method: 'GET',
    path: '/api/clusters/:cluster/topics/:topic',
    summary: 'One topic: partitions, settings, groups.',
    role: 'viewer',
    answer: api.Topic,
    handle: async ({ params: { cluster, topic } }) =>
      there(await clusterOf(parts, cluster).topic(topic), `topic ${topic}`),
  }),
]
