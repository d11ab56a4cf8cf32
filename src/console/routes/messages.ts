// Routes of messages.
import * as api from '../api.ts'
import { isPlace } from '../messages.ts'
import { clusterOf, look, there, unreadable, wholeOf, type Route, type RouteParts } from '../route.ts'

const mostMessages = 500

export const messageRoutes = (parts: RouteParts): readonly Route[] => [
  look({
    method: 'GET',
    path: '/api/clusters/:cluster/topics/:topic/messages',
    summary: 'Messages of a topic, without a group: nothing is committed.',
    role: 'viewer',
    query: {
      from: 'newest (where absent), oldest, an offset, or a time: ISO 8601, or milliseconds since 1970 behind an @',
      partition: 'one partition; all where absent',
      limit: `messages of the answer, ${mostMessages} at most; 50 where absent`,
      find: 'a text in key, value or header, upper and lower case alike',
    },
    answer: api.Messages,
    async handle({ params: { cluster, topic }, query, session }) {
      const { from = 'newest', partition, limit = '50', find = '' } = query
      if (!isPlace(from)) throw unreadable(`from=${from}: write newest, oldest, an offset or a time`)
      const [only, most] = [
        partition === undefined ? undefined : wholeOf('partition', partition),
        wholeOf('limit', limit),
      ]
      const question = {
        topic,
        partition: only,
        from,
        limit: Math.min(mostMessages, Math.max(1, most)),
        find,
      }
      return there(
        await clusterOf(parts, cluster).messages(question, session),
        only === undefined ? `topic ${topic}` : `partition ${only} of topic ${topic}`,
      )
    },
  }),
]
