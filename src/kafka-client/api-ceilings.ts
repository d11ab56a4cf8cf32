// The highest version of an API this client uses, where that is below what the codec knows: by API key.
// Later versions name topics by id (Produce, Fetch, OffsetCommit, OffsetFetch) or ask for many groups at
// once (OffsetFetch, FindCoordinator), which nothing here needs.
import { fetch } from '../wire/kafka/messages/fetch.ts'
import { findCoordinator } from '../wire/kafka/messages/find-coordinator.ts'
import { offsetCommit } from '../wire/kafka/messages/offset-commit.ts'
import { offsetFetch } from '../wire/kafka/messages/offset-fetch.ts'
import { produce } from '../wire/kafka/messages/produce.ts'

export const apiCeilings: Readonly<Record<number, number>> = {
  [produce.key]: 12,
  [fetch.key]: 12,
  [offsetCommit.key]: 9,
  [offsetFetch.key]: 7,
  [findCoordinator.key]: 3,
}
