// The Kafka client's front: a consumer whose poll loop and positions are the caller's, and a producer that
// keeps order. One client for brokers from 0.10.2 to 4.x. Components use this file alone.
import { GroupConsumer } from './consumer.ts'
import type {
  Consumer,
  ConsumerOptions,
  Producer,
  ProducerOptions,
  TransactionalProducer,
  TransactionalProducerOptions,
} from './contract.ts'
import { OrderedProducer } from './producer.ts'
import { TransactionalOrderedProducer } from './transactional-producer.ts'

export type {
  ConsumedRecord,
  TopicPartition,
  Position,
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
export { ProduceFault } from './produce-fault.ts'
export type { PropertyProblem } from './properties.ts'
export { TransactionFault } from './transaction-fault.ts'
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
