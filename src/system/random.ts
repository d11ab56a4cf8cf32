// The door to randomness.
import { randomBytes, randomUUID } from 'node:crypto'

export interface Random {
  /** A number from 0 up to but not including 1. */
  next(): number
  bytes(size: number): Buffer
  /** A version 4 UUID, lower case. */
  uuid(): string
}

export const realRandom: Random = {
  next: () => Math.random(),
  bytes: size => randomBytes(size),
  uuid: () => randomUUID(),
}
