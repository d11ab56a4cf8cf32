// Routes of where partitions lie: a plan, moving by it, what moves, and electing the preferred leaders.
import * as api from '../api.ts'
import { change, clusterOf, look, outcomesOf, type Route, type RouteParts } from '../route.ts'

export const placementRoutes = (parts: RouteParts): readonly Route[] => [
  change({
    method: 'POST',
    path: '/api/clusters/:cluster/placement/plan',
    summary: 'Where the replicas of topics lie, and where they would lie if they were spread again.',
    role: 'viewer',
    action: 'plan placement',
    isQuestion: true,
    audited: [],
    body: api.PlacementQuestion,
    bodyLimit: 4 * 1024 * 1024,
    answer: api.Placements,
    touches: ({ body: { topics } }) => topics,
    async handle({ params: { cluster }, body: { topics, brokers, replicas } }) {
      const choice = { brokers: brokers ?? undefined, replicas: replicas ?? undefined }
      return { topics: await clusterOf(parts, cluster).reassignments.plan([...new Set(topics)], choice) }
    },
  }),
  change({
    method: 'PUT',
    path: '/api/clusters/:cluster/placement',
    summary:
      'Begins to move replicas of topics to other brokers, with a limit for the rate where one is given.',
    role: 'admin',
    action: 'reassign partitions',
    audited: ['partitions', 'bytesPerSecond'],
    body: api.TopicMoves,
    bodyLimit: 16 * 1024 * 1024,
    answer: api.Outcomes,
    // A limit is a setting of brokers.
    touches: ({ body: { partitions, bytesPerSecond } }) =>
      bytesPerSecond === null ? [...new Set(partitions.map(({ topic }) => topic))] : null,
    async handle({ params: { cluster }, body: { partitions, bytesPerSecond } }) {
      const at = clusterOf(parts, cluster)
      const outcomes = await at.reassignments.begin(partitions, bytesPerSecond)
      at.forget()
      return outcomesOf(outcomes)
    },
  }),
  change({
    method: 'DELETE',
    path: '/api/clusters/:cluster/placement',
    summary: 'Gives up the moves of topics that are under way: their replicas stay where they were.',
    role: 'admin',
    action: 'cancel reassignment',
    audited: ['topics'],
    body: api.ChosenTopics,
    bodyLimit: 4 * 1024 * 1024,
    answer: api.Outcomes,
    touches: ({ body: { topics } }) => topics,
    async handle({ params: { cluster }, body: { topics } }) {
      const at = clusterOf(parts, cluster)
      const outcomes = await at.reassignments.stop(topics)
      at.forget()
      return outcomesOf(outcomes)
    },
  }),
  change({
    method: 'DELETE',
    path: '/api/clusters/:cluster/placement/limit',
    summary: 'Takes the limit of moves away from all brokers and topics.',
    role: 'admin',
    action: 'lift the limit of reassignments',
    audited: [],
    body: api.Done,
    answer: api.Outcomes,
    touches: () => null,
    handle: async ({ params: { cluster } }) =>
      outcomesOf(await clusterOf(parts, cluster).reassignments.liftAll()),
  }),
  look({
    method: 'GET',
    path: '/api/clusters/:cluster/moves',
    summary: 'Partitions that move to other brokers.',
    role: 'viewer',
    answer: api.MovesUnderWay,
    async handle({ params: { cluster }, session }) {
      const at = clusterOf(parts, cluster)
      const all = await at.reassignments.underWay()
      return {
        takenAt: at.takenAt,
        ...all,
        moves: all.moves?.filter(({ topic }) => session.sees(topic)) ?? null,
      }
    },
  }),
  change({
    method: 'POST',
    path: '/api/clusters/:cluster/elections',
    summary: 'Makes the first replica of each partition of the topics its leader.',
    role: 'operator',
    action: 'elect preferred leaders',
    audited: ['topics'],
    body: api.Election,
    answer: api.Outcomes,
    touches: ({ body: { topics } }) => topics,
    async handle({ params: { cluster }, body: { topics } }) {
      const at = clusterOf(parts, cluster)
      const wanted = (await at.admin.topics.describe(topics)).flatMap(({ name, partitions }) =>
        partitions
          .filter(({ leader, replicas }) => leader !== replicas[0])
          .map(({ index }) => ({ topic: name, partition: index })),
      )
      if (wanted.length === 0) return { outcomes: [] }
      const outcomes = await at.admin.partitions.electPreferred(wanted)
      at.forget()
      return outcomesOf(outcomes)
    },
  }),
]
