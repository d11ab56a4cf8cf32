// The console's server over the embedded broker, without agents: for tests of what changes something in Kafka.
import { ClusterList } from '../../src/console/cluster-list.ts'
import {
  createAdmin,
  createConsumer,
  readAdminProperties,
  readConsumerProperties,
  type Admin,
} from '../../src/kafka-client/kafka-client.ts'
import { silentLogger } from '../../src/observe/log.ts'
import { realSystem } from '../../src/system/system.ts'
import { startBroker } from '../broker/running-broker.ts'
import type { Session } from '../../src/console/access/session.ts'
import { ownHeaders, serve, sessionWith, type Serving } from './serving.ts'

export interface KafkaServing extends AsyncDisposable {
  readonly admin: Admin
  readonly bootstrap: string
  readonly serving: Serving
  /** Whose requests they are; an administrator's at first. */
  session: Session
  /** The body of the answer; its status must be the one given, 200 where absent. */
  look<T>(path: string, status?: number): Promise<T>
  change<T>(method: string, path: string, body: object, status?: number): Promise<T>
  /** A member of the group that reads the topic, until it is disposed. */
  join(group: string, topic: string): Promise<AsyncDisposable>
}

/** Paths are those behind /api/clusters/lab. `given`: of a cluster that runs; an embedded broker where absent. */
export async function serveKafka(directory: string, given?: string): Promise<KafkaServing> {
  await using stack = new AsyncDisposableStack()
  const broker = given === undefined ? await startBroker(directory) : null
  stack.defer(() => broker?.stop())
  const bootstrap = given ?? broker!.bootstrap
  const admin = createAdmin({ system: realSystem, bootstrapServers: [bootstrap], log: silentLogger })
  stack.defer(() => admin.close())
  const { settings } = readAdminProperties({ 'bootstrap.servers': bootstrap }, {})
  const system = { ...realSystem, systemProperties: new Map() }
  const clusters = new ClusterList([{ name: 'lab', settings: settings! }], null, system)
  stack.defer(() => clusters.close())
  const sessionOf = async () => kafka.session
  const serving = stack.use(await serve({ clusters, doorkeeper: { sessionOf } }))
  const answered = async <T>(
    status: number,
    ...[method, path, options]: Parameters<Serving['ask']>
  ): Promise<T> => {
    const answer = await serving.ask(method, `/api/clusters/lab${path}`, options)
    if (answer.status !== status) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`)
    return JSON.parse(answer.body) as T
  }
  const all = stack.move()
  const kafka: KafkaServing = {
    session: sessionWith('admin'),
    admin,
    bootstrap,
    serving,
    look: (path, status = 200) => answered(status, 'GET', path),
    change: (method, path, body, status = 200) =>
      answered(status, method, path, { headers: ownHeaders(serving.host), body: JSON.stringify(body) }),
    async join(group, topic) {
      const assigned = Promise.withResolvers<void>()
      const consumer = createConsumer({
        settings: readConsumerProperties({
          'bootstrap.servers': bootstrap,
          'group.id': group,
          'client.id': 'reader-7',
        }).settings!,
        topics: [topic],
        system: realSystem,
        log: silentLogger,
        onAssigned: () => assigned.resolve(),
      })
      consumer.start()
      await assigned.promise
      return { [Symbol.asyncDispose]: () => consumer.close() }
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
  return kafka
}
