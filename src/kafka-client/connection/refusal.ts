// What an error code of an answer means for who asked: a fault that may pass, or one that stays until somebody
// does something about it (rights, names, versions).
import { Fault } from '../../errors.ts'
import { errorCodes, kafkaError } from '../../wire/kafka/error-codes.ts'

/** Not retriable for Kafka, and over when the member has joined again. */
export const rejoinCodes: ReadonlySet<number> = new Set<number>([
  errorCodes.UNKNOWN_MEMBER_ID,
  errorCodes.ILLEGAL_GENERATION,
  errorCodes.REBALANCE_IN_PROGRESS,
])

/** The coordinator of a group or a transaction is another, and must be looked for. */
export const movedCodes: ReadonlySet<number> = new Set<number>([
  errorCodes.NOT_COORDINATOR,
  errorCodes.COORDINATOR_NOT_AVAILABLE,
])

/** Kafka's name of the error and what it means. */
export function wordsOf(code: number): string {
  const { name, meaning } = kafkaError(code)
  return `${name}: ${meaning}`
}

/** Whether asking again does not help by itself. */
export const isFinalCode = (code: number): boolean => !kafkaError(code).isRetriable && !rejoinCodes.has(code)

/** Whether trying again does not help by itself: what Kafka refuses for good, and what cannot be understood. */
export const isFinal = (error: unknown): boolean =>
  !(error instanceof Fault) || error.retry === 'never' || error.code === 'PROTOCOL'

/** Throws KAFKA, or KAFKA_FATAL where asking again does not help, unless the code is 0. */
export function refuse(code: number, what: string): void {
  if (code !== 0) throw new Fault(isFinalCode(code) ? 'KAFKA_FATAL' : 'KAFKA', `${what}: ${wordsOf(code)}`)
}
