// Kafka's errors by name, as code that refuses something writes them.
import type { errorCodes } from '../wire/kafka/error-codes.ts'

export type ErrorName = keyof typeof errorCodes
