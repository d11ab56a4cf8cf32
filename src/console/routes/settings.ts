// Routes of the settings of topics and brokers.
import type { Setting } from '../../kafka-client/admin/settings.ts'
import * as api from '../api.ts'
import type { KafkaCluster } from '../clusters.ts'
import {
  change,
  clusterOf,
  look,
  Refused,
  unreadable,
  wholeOf,
  type Route,
  type RouteParts,
} from '../route.ts'

interface Settings {
  read(): Promise<readonly Setting[] | null>
  alter(changes: ReadonlyMap<string, string | null>, options: { validateOnly: boolean }): Promise<void>
}

const ofTopic = ({ admin }: KafkaCluster, topic: string): Settings => ({
  read: async () => (await admin.topics.settings([topic]))?.get(topic) ?? null,
  alter: (changes, options) => admin.topics.alterSettings(topic, changes, options),
})

const ofBroker = ({ admin }: KafkaCluster, id: number): Settings => ({
  read: () => admin.brokers.settings(id),
  alter: (changes, options) => admin.brokers.alterSettings(id, changes, options),
})

async function shownOf(cluster: KafkaCluster, settings: Settings): Promise<api.Settings> {
  const found = await settings.read()
  return {
    takenAt: cluster.takenAt,
    settings: found?.map(({ inherited, ...one }) => ({ ...one, inherited: inherited ?? null })) ?? null,
  }
}

/** Nothing is changed where a value is no longer what was shown. */
async function alter(
  cluster: KafkaCluster,
  settings: Settings,
  { changes, validateOnly }: api.SettingChanges,
): Promise<api.Outcome> {
  const found = await settings.read()
  for (const { name, before } of changes) {
    const known = found?.find(one => one.name === name)
    if (found !== null && known === undefined) throw new Refused(400, `there is no setting ${name}`, '', name)
    if (known !== undefined && !known.isSensitive && known.value !== before)
      throw new Refused(
        409,
        `${name} is ${known.value ?? 'not set'} by now, and was shown as ${before ?? 'not set'}`,
        'Look at it again.',
        name,
      )
  }
  await settings.alter(new Map(changes.map(({ name, after }) => [name, after])), { validateOnly })
  cluster.forget()
  return { done: !validateOnly }
}

const brokerOf = (text: string): number => {
  if (!/^\d{1,9}$/.test(text)) throw unreadable(`${text} is no id of a broker`)
  return wholeOf('broker', text)
}

export const settingRoutes = (parts: RouteParts): readonly Route[] => [
  look({
    method: 'GET',
    path: '/api/clusters/:cluster/topics/:topic/settings',
    summary: 'Settings of a topic: values, where each comes from, and what they mean.',
    role: 'viewer',
    answer: api.Settings,
    handle({ params: { cluster, topic } }) {
      const at = clusterOf(parts, cluster)
      return shownOf(at, ofTopic(at, topic))
    },
  }),
  change({
    method: 'PATCH',
    path: '/api/clusters/:cluster/topics/:topic/settings',
    summary: 'Changes settings of a topic, or tries whether they could be changed.',
    role: 'operator',
    action: 'change settings of a topic',
    audited: ['changes', 'validateOnly'],
    body: api.SettingChanges,
    answer: api.Outcome,
    touches: ({ params: { topic } }) => [topic],
    handle({ params: { cluster, topic }, body }) {
      const at = clusterOf(parts, cluster)
      return alter(at, ofTopic(at, topic), body)
    },
  }),
  look({
    method: 'GET',
    path: '/api/clusters/:cluster/brokers/:broker/settings',
    summary: 'Settings of a broker.',
    role: 'viewer',
    answer: api.Settings,
    handle({ params: { cluster, broker } }) {
      const at = clusterOf(parts, cluster)
      return shownOf(at, ofBroker(at, brokerOf(broker)))
    },
  }),
  change({
    method: 'PATCH',
    path: '/api/clusters/:cluster/brokers/:broker/settings',
    summary: 'Changes settings of a broker while it runs, or tries whether they could be changed.',
    role: 'admin',
    action: 'change settings of a broker',
    audited: ['changes', 'validateOnly'],
    body: api.SettingChanges,
    answer: api.Outcome,
    touches: () => null,
    handle({ params: { cluster, broker }, body }) {
      const at = clusterOf(parts, cluster)
      return alter(at, ofBroker(at, brokerOf(broker)), body)
    },
  }),
]
