// What handlers work on: the parts of a running broker.
import type { Logger } from '../observe/log.ts'
import type { System } from '../system/system.ts'
import type { BrokerSettings } from './broker-settings.ts'
import type { GroupCoordinator } from './groups/group-coordinator.ts'
import type { Security } from './security/security.ts'
import type { TopicCatalog } from './topic-catalog.ts'
import type { TransactionCoordinator } from './transactions/transaction-coordinator.ts'

export interface BrokerParts {
  readonly system: System
  readonly log: Logger
  readonly settings: BrokerSettings
  readonly topics: TopicCatalog
  readonly groups: GroupCoordinator
  readonly transactions: TransactionCoordinator
  readonly security: Security
  /** Where clients are told to connect to. */
  readonly advertised: { readonly host: string; readonly port: number }
}
