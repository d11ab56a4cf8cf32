// What handlers work on: the parts of a running broker.
import type { Logger } from '../observe/log.ts'
import type { Pace } from '../system/pace.ts'
import type { System } from '../system/system.ts'
import type { BrokerSettings } from './broker-settings.ts'
import type { BrokerState } from './broker-state.ts'
import type { GroupCoordinator } from './groups/group-coordinator.ts'
import type { LiveSettings } from './live-settings.ts'
import type { ProducerIds } from './producer-ids.ts'
import type { Security } from './security/security.ts'
import type { TopicCatalog } from './topic-catalog.ts'
import type { TransactionCoordinator } from './transactions/transaction-coordinator.ts'

export interface BrokerParts {
  readonly system: System
  readonly log: Logger
  /** Those that count when the request comes. */
  readonly settings: BrokerSettings
  readonly live: LiveSettings
  readonly state: BrokerState
  readonly producerIds: ProducerIds
  /** Looked at by whatever goes over as many things as a client likes. */
  readonly pace: Pace
  readonly topics: TopicCatalog
  readonly groups: GroupCoordinator
  readonly transactions: TransactionCoordinator
  readonly security: Security
  /** Where clients are told to connect to. */
  readonly advertised: { readonly host: string; readonly port: number }
}
