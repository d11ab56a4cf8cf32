// Leader epochs: one broker leads every partition for ever, so there is one epoch. What clients say of
// epochs is checked all the same, as they rely on the answers.
import { errorCodes } from '../wire/kafka/error-codes.ts'
import { leaderEpoch } from './log/partition-log.ts'

/** The error for a client that believes in this epoch (-1: in none); 0 where it is right. */
export function epochError(believed: number): number {
  if (believed === -1 || believed === leaderEpoch) return 0
  return believed < leaderEpoch ? errorCodes.FENCED_LEADER_EPOCH : errorCodes.UNKNOWN_LEADER_EPOCH
}
