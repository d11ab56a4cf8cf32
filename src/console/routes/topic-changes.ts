// Routes that make, grow, empty and delete topics, and write into them.
import { messageOf } from '../../errors.ts'
import * as api from '../api.ts'
import { change, clusterOf, Refused, type Route, type RouteParts } from '../route.ts'

export const topicChangeRoutes = (parts: RouteParts): readonly Route[] => [
  change({
    method: 'POST',
    path: '/api/clusters/:cluster/topics',
    summary: 'Makes a topic, or tries whether it could be made.',
    role: 'operator',
    action: 'create topic',
    audited: ['name', 'partitions', 'replicas', 'settings', 'validateOnly'],
    body: api.NewTopic,
    answer: api.Outcome,
    touches: ({ body: { name } }) => [name],
    async handle({ params: { cluster }, body }) {
      const { name, partitions, replicas, validateOnly } = body
      const at = clusterOf(parts, cluster)
      const settings = new Map(body.settings.map(one => [one.name, one.value]))
      const topic = { name, partitions: partitions ?? -1, replicationFactor: replicas ?? -1, settings }
      if ((await at.admin.topics.create(topic, { validateOnly })) === 'exists')
        throw new Refused(409, `topic ${name} exists already`, 'Choose another name.', 'name')
      at.forget()
      return { done: !validateOnly }
    },
  }),
  change({
    method: 'DELETE',
    path: '/api/clusters/:cluster/topics/:topic',
    summary: 'Deletes a topic with all of its records.',
    role: 'admin',
    action: 'delete topic',
    audited: [],
    body: api.Confirmation,
    answer: api.Outcome,
    touches: ({ params: { topic } }) => [topic],
    async handle({ params: { cluster, topic }, body: { name } }) {
      confirm(name, topic)
      const at = clusterOf(parts, cluster)
      await at.admin.topics.delete(topic)
      at.forget()
      return { done: true }
    },
  }),
  change({
    method: 'POST',
    path: '/api/clusters/:cluster/topics/:topic/partitions',
    summary: 'Gives a topic more partitions, or tries whether it could have them.',
    role: 'operator',
    action: 'add partitions',
    audited: ['count', 'validateOnly'],
    body: api.MorePartitions,
    answer: api.Outcome,
    touches: ({ params: { topic } }) => [topic],
    async handle({ params: { cluster, topic }, body: { count, validateOnly } }) {
      const at = clusterOf(parts, cluster)
      await at.admin.topics.addPartitions(topic, count, { validateOnly })
      at.forget()
      return { done: !validateOnly }
    },
  }),
  change({
    method: 'DELETE',
    path: '/api/clusters/:cluster/topics/:topic/messages',
    summary: 'Deletes the records of partitions that lie before an offset.',
    role: 'admin',
    action: 'delete records',
    audited: ['partitions'],
    body: api.Deletion,
    answer: api.Outcomes,
    touches: ({ params: { topic } }) => [topic],
    async handle({ params: { cluster, topic }, body: { name, partitions } }) {
      confirm(name, topic)
      const at = clusterOf(parts, cluster)
      const offsets = partitions.map(({ index, before }) => ({
        topic,
        partition: index,
        offset: before ?? -1,
      }))
      const left = await at.admin.records.deleteBefore(offsets)
      at.forget()
      return { outcomes: [...left.keys()].map(what => ({ what, problem: null })) }
    },
  }),
  change({
    method: 'POST',
    path: '/api/clusters/:cluster/topics/:topic/messages',
    summary: 'Writes a message, or several like it.',
    role: 'operator',
    action: 'produce a message',
    audited: ['partition', 'count'],
    body: api.NewMessage,
    bodyLimit: 8 * 1024 * 1024,
    answer: api.Written,
    touches: ({ params: { topic } }) => [topic],
    async handle({ params: { cluster, topic }, body, gone }) {
      const { partition, encoding, count = 1 } = body
      const at = clusterOf(parts, cluster)
      const record = {
        topic,
        ...(partition === null ? {} : { partition }),
        key: bytesOf('key', body.key, encoding),
        value: bytesOf('value', body.value, encoding),
        headers: body.headers.map(({ name, value }) => ({ key: name, value: Buffer.from(value) })),
      }
      let written = 0
      try {
        for (;;) {
          const last = await at.admin.records.append(record)
          if (++written === count || gone.aborted) return { ...last, count: written }
        }
      } catch (error) {
        if (written === 0) throw error
        throw new Refused(
          502,
          `${written} of ${count} messages were written, and then none: ${messageOf(error)}`,
          'Write the others once that is over.',
        )
      } finally {
        at.forget()
      }
    },
  }),
]

export function confirm(given: string, name: string): void {
  if (given !== name)
    throw new Refused(400, `"${given}" is not ${name}`, 'Type the name as it is written.', 'name')
}

function bytesOf(field: string, text: string | null, encoding: api.NewMessage['encoding']): Buffer | null {
  if (text === null) return null
  if (encoding === 'text') return Buffer.from(text)
  const bare = text.replaceAll(/\s/g, '')
  const isRight =
    encoding === 'hex'
      ? /^([\da-f]{2})*$/i.test(bare)
      : /^(?:[\w+/-]{4})*(?:[\w+/-]{2}(?:==)?|[\w+/-]{3}=?)?$/.test(bare)
  if (!isRight) throw new Refused(400, `the ${field} is not ${encoding}`, '', field)
  return Buffer.from(bare, encoding)
}
