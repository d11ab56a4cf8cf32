// What is asked of a cluster beside reading and writing: its topics, its consumer groups, its offsets. The
// command line tools, the demonstration and tests use it.
import { looseConditions } from '../../observe/conditions.ts'
import type { Logger } from '../../observe/log.ts'
import { Cluster } from '../connection/cluster.ts'
import type { ClientSystem } from '../connection/connection.ts'
import { connectionDefaults, type ConnectionSettings } from '../settings.ts'
import { BrokerAdmin } from './brokers.ts'
import { GroupAdmin } from './groups.ts'
import { OffsetAdmin } from './offsets.ts'
import { PartitionAdmin } from './partitions.ts'
import { RecordAdmin } from './records.ts'
import { TopicAdmin } from './topics.ts'
import { TransactionAdmin } from './transactions.ts'

export interface AdminOptions {
  readonly system: ClientSystem
  readonly bootstrapServers: readonly string[]
  readonly log: Logger
  /** requestTimeoutMs is also how long a question is asked again that brokers may answer later. */
  readonly settings?: Partial<ConnectionSettings>
}

/**
 * Every call rejects with PEER_UNREACHABLE where no broker can be used, with PEER_TIMEOUT where brokers do not
 * answer for good within requestTimeoutMs, with KAFKA where they refuse, and with KAFKA_FATAL where they are
 * too old.
 */
export interface Admin {
  readonly brokers: BrokerAdmin
  readonly topics: TopicAdmin
  readonly groups: GroupAdmin
  readonly offsets: OffsetAdmin
  readonly partitions: PartitionAdmin
  readonly records: RecordAdmin
  readonly transactions: TransactionAdmin
  close(): void
}

/** Nothing is asked before the first call. */
export function createAdmin({ system, bootstrapServers, log, settings }: AdminOptions): Admin {
  const all = { ...connectionDefaults, ...settings, bootstrapServers }
  const condition = looseConditions(system.clock, log)
  const cluster = new Cluster({ system, log, condition, settings: all, allowAutoTopicCreation: false })
  const parts = { cluster, system, condition, patienceMs: all.requestTimeoutMs }
  return {
    brokers: new BrokerAdmin(parts),
    topics: new TopicAdmin(parts),
    groups: new GroupAdmin(parts),
    offsets: new OffsetAdmin(parts),
    partitions: new PartitionAdmin(parts),
    records: new RecordAdmin(parts),
    transactions: new TransactionAdmin(parts),
    close: () => cluster.close(),
  }
}
