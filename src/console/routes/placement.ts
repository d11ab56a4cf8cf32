// Routes of where partitions lie: a plan, moving by it, what moves, and electing the preferred leaders.
import { replicaBytes } from '../../kafka-client/admin/brokers.ts'
import { nameOf } from '../../kafka-client/contract.ts'
import * as api from '../api.ts'
import type { KafkaCluster } from '../clusters.ts'
import { placementOf } from '../placement.ts'
import {
  change,
  clusterOf,
  look,
  outcomesOf,
  Refused,
  there,
  unreadable,
  wholeOf,
  type Route,
  type RouteParts,
} from '../route.ts'

async function planned(
  cluster: KafkaCluster,
  name: string,
  { brokers, replicas }: { brokers?: string | undefined; replicas?: string | undefined },
): Promise<api.Placement> {
  const topic = there(await cluster.topic(name), `topic ${name}`)
  const known = (await cluster.brokers()).brokers.map(({ id }) => id)
  const chosen = brokers === undefined ? known : brokers.split(',').map(id => wholeOf('brokers', id))
  const unknown = chosen.find(id => !known.includes(id))
  if (unknown !== undefined) throw new Refused(400, `there is no broker ${unknown}`, '', 'brokers')
  const count = replicas === undefined ? topic.row.replicas : wholeOf('replicas', replicas)
  if (count < 1 || count > new Set(chosen).size)
    throw new Refused(
      400,
      `${count} replicas do not fit ${new Set(chosen).size} brokers`,
      'Choose more brokers, or fewer replicas.',
      'brokers',
    )
  const after = placementOf(name, topic.partitions.length, count, [...new Set(chosen)])
  return {
    partitions: topic.partitions.map(({ index, replicas: before, bytes }, at) => ({
      index,
      before,
      after: after[at]!,
      bytes,
    })),
  }
}

async function underWay(cluster: KafkaCluster): Promise<api.MovesUnderWay> {
  const moves = await cluster.admin.partitions.moves()
  if (moves === null || moves.length === 0) return { takenAt: cluster.takenAt, moves: moves && [] }
  const directories = await cluster.admin.brokers.logDirectories()
  const sizeOn = (broker: number, name: string) => replicaBytes(directories.get(broker), name)
  return {
    takenAt: cluster.takenAt,
    moves: moves.map(move => {
      const name = nameOf(move)
      const sizes = move.replicas.filter(id => !move.adding.includes(id)).map(id => sizeOn(id, name))
      const whole = sizes.some(size => size === undefined) ? null : Math.max(0, ...(sizes as number[]))
      const copied = move.adding.reduce((sum, id) => sum + (sizeOn(id, name) ?? 0), 0)
      return {
        topic: move.topic,
        partition: move.partition,
        replicas: [...move.replicas],
        adding: [...move.adding],
        removing: [...move.removing],
        copied: whole === null ? null : copied,
        bytes: whole === null ? null : whole * move.adding.length,
      }
    }),
  }
}

export const placementRoutes = (parts: RouteParts): readonly Route[] => [
  look({
    method: 'GET',
    path: '/api/clusters/:cluster/topics/:topic/placement',
    summary: 'Where the replicas of a topic lie, and where they would lie if they were spread again.',
    role: 'viewer',
    query: {
      brokers: 'ids of the brokers to spread over, with commas between; all where absent',
      replicas: 'of each partition; as many as there are where absent',
    },
    answer: api.Placement,
    async handle({ params: { cluster, topic }, query: { brokers, replicas } }) {
      if (brokers !== undefined && !/^\d{1,9}(,\d{1,9})*$/.test(brokers))
        throw unreadable(`brokers=${brokers}: write ids with commas between`)
      return planned(clusterOf(parts, cluster), topic, { brokers, replicas })
    },
  }),
  change({
    method: 'PUT',
    path: '/api/clusters/:cluster/topics/:topic/placement',
    summary: 'Begins to move replicas of a topic to other brokers.',
    role: 'admin',
    action: 'reassign partitions',
    audited: ['partitions'],
    body: api.Moves,
    bodyLimit: 8 * 1024 * 1024,
    answer: api.Outcomes,
    touches: ({ params: { topic } }) => [topic],
    async handle({ params: { cluster, topic }, body: { partitions } }) {
      const at = clusterOf(parts, cluster)
      at.forget()
      const now = there(await at.topic(topic), `topic ${topic}`)
      for (const { index, before } of partitions) {
        const known = now.partitions.find(one => one.index === index)
        if (known?.replicas.join() !== before.join())
          throw new Refused(
            409,
            `the replicas of ${topic}-${index} lie on ${known?.replicas.join(', ') ?? 'no broker'} by now`,
            'Look at the plan again.',
          )
      }
      const moves = partitions.map(({ index, after }) => ({ topic, partition: index, replicas: after }))
      const outcomes = await at.admin.partitions.reassign(moves)
      at.forget()
      return outcomesOf(outcomes)
    },
  }),
  change({
    method: 'DELETE',
    path: '/api/clusters/:cluster/topics/:topic/placement',
    summary: 'Gives up the moves of a topic that are under way: its replicas stay where they were.',
    role: 'admin',
    action: 'cancel reassignment',
    audited: [],
    body: api.Confirmation,
    answer: api.Outcomes,
    touches: ({ params: { topic } }) => [topic],
    async handle({ params: { cluster, topic } }) {
      const at = clusterOf(parts, cluster)
      const moves = ((await at.admin.partitions.moves()) ?? []).filter(move => move.topic === topic)
      if (moves.length === 0) return { outcomes: [] }
      const ended = moves.map(({ partition }) => ({ topic, partition, replicas: null }))
      const outcomes = await at.admin.partitions.reassign(ended)
      at.forget()
      return outcomesOf(outcomes)
    },
  }),
  look({
    method: 'GET',
    path: '/api/clusters/:cluster/moves',
    summary: 'Partitions that move to other brokers.',
    role: 'viewer',
    answer: api.MovesUnderWay,
    async handle({ params: { cluster }, session }) {
      const all = await underWay(clusterOf(parts, cluster))
      return { ...all, moves: all.moves?.filter(({ topic }) => session.sees(topic)) ?? null }
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
