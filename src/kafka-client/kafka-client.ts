// The Kafka client's front: a consumer whose poll loop and positions are the caller's, and a producer that
// keeps order. One client for brokers from 0.10.2 to 4.x. Components use this file alone.
import { messageOf } from '../errors.ts'
import { GroupConsumer } from './consumer/consumer.ts'
import type {
  Consumer,
  ConsumerOptions,
  Producer,
  ProducerOptions,
  TransactionalProducer,
  TransactionalProducerOptions,
} from './contract.ts'
import type { Say } from '../settings/read-settings.ts'
import type { PropertyProblem } from './properties.ts'
import { OrderedProducer } from './producer/producer.ts'
import { Security, type SecuritySystem } from './security/security.ts'
import type { SecuritySettings } from './security/security-settings.ts'
import { TransactionalOrderedProducer } from './producer/transactional-producer.ts'

export type {
  ConsumedRecord,
  TopicPartition,
  Position,
  RecordOrigin,
  ConsumerOptions,
  Consumer,
  ProducerRecord,
  ProducerOptions,
  Producer,
  ProducerSession,
  TransactionalProducer,
  TransactionalProducerOptions,
  GroupMember,
} from './contract.ts'
export { readAdminProperties, readConsumerProperties, readProducerProperties } from './properties.ts'
export { nameOf } from './contract.ts'
export { ProduceFault } from './producer/produce-fault.ts'
export type { PropertyProblem } from './properties.ts'
export { TransactionFault } from './producer/transaction-fault.ts'
export type { ConsumerSettings, ProducerSettings, TransactionalSettings } from './settings.ts'

export function createConsumer(options: ConsumerOptions): Consumer {
  return new GroupConsumer(options)
}

export function createProducer(options: ProducerOptions): Producer {
  const producer = new OrderedProducer(options)
  // Stores and logins are tried at once: who starts an agent shall not wait for the first event to see
  // that they do not work. What is wrong is told where connections are made.
  if (options.settings.security.protocol !== 'PLAINTEXT') producer.cluster.refresh().catch(() => {})
  return producer
}

export function createTransactionalProducer(options: TransactionalProducerOptions): TransactionalProducer {
  return new TransactionalOrderedProducer(options)
}

export { createAdmin, type Admin } from './admin/admin.ts'
export { PartitionReader } from './consumer/partition-reader.ts'
export { consumerDefaults, producerDefaults } from './settings.ts'
export { KafkaRefusal } from './admin/question.ts'
export type { TopicDescription } from './admin/topics.ts'

/** Says again of a component's options what was said of the properties below `before`. */
export function sayBelow(before: string, problems: readonly PropertyProblem[], say: Say): void {
  for (const { key, severity, problem, fix, instead } of problems)
    say[severity](
      key === 'bootstrap.servers' ? 'kafka.bootstrap.servers' : `${before}.${key}`,
      problem,
      fix,
      instead && `${before}.${instead}`,
    )
}

/**
 * Reads every file that security settings name, without connecting: nothing where all can be used. `properties` are those
 * that the settings were read from.
 */
export async function examineSecurity(
  properties: Readonly<Record<string, string>>,
  settings: SecuritySettings,
  system: SecuritySystem,
): Promise<PropertyProblem[]> {
  try {
    await new Security(settings, system).examine()
    return []
  } catch (error) {
    const problem = messageOf(error)
    const stores = ['ssl.truststore.location', 'ssl.keystore.location']
    const key = stores.find(one => problem.includes(properties[one] ?? '\0')) ?? 'security.protocol'
    return [{ key, severity: 'error', problem, fix: 'correct the file, its path or its password' }]
  }
}
