// The highest version of an API this client uses, where that is below what the codec knows: by API key.
// Later versions name topics by id (Produce, OffsetCommit, OffsetFetch) or ask for many groups at
// once (OffsetFetch, FindCoordinator), which nothing here needs. Transactions are those of brokers from
// 0.11 to 4.x: the client adds partitions to them itself, where with later versions (KIP-890, "transactions
// version 2") Produce and TxnOffsetCommit do so and each transaction has its own epoch.
import { addPartitionsToTxn } from '../../wire/kafka/messages/add-partitions-to-txn.ts'
import { endTxn } from '../../wire/kafka/messages/end-txn.ts'
import { fetch } from '../../wire/kafka/messages/fetch.ts'
import { findCoordinator } from '../../wire/kafka/messages/find-coordinator.ts'
import { initProducerId } from '../../wire/kafka/messages/init-producer-id.ts'
import { offsetCommit } from '../../wire/kafka/messages/offset-commit.ts'
import { offsetFetch } from '../../wire/kafka/messages/offset-fetch.ts'
import { produce } from '../../wire/kafka/messages/produce.ts'
import { txnOffsetCommit } from '../../wire/kafka/messages/txn-offset-commit.ts'

export const apiCeilings: Readonly<Record<number, number>> = {
  [produce.key]: 11,
  [fetch.key]: 13,
  [offsetCommit.key]: 9,
  [offsetFetch.key]: 7,
  [findCoordinator.key]: 3,
  [initProducerId.key]: 5,
  [addPartitionsToTxn.key]: 3,
  [endTxn.key]: 4,
  [txnOffsetCommit.key]: 4,
}
