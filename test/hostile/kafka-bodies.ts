// Bodies of Kafka's messages at random, of any API in any version: every field has something that it may hold, sizes and
// numbers at their ends among them.
import type { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { isIn, zeroUuid, type Field, type FieldSet } from '../../src/wire/kafka/fields.ts'
import { writeRecords } from '../../src/wire/kafka/record-set.ts'

export const batchOf = (values: readonly string[]) =>
  writeRecords(values.map(value => ({ timestamp: 1000, key: null, value: Buffer.from(value) })))

/** Waits are short, so that every answer comes soon; what would not be answered is asked otherwise. */
const fixed: Readonly<Record<string, readonly unknown[]>> = {
  acks: [-1, 1, 7],
  maxWaitMs: [-1, 0, 3],
  timeoutMs: [0, 10],
  sessionTimeoutMs: [-1, 0, 20, 100],
  rebalanceTimeoutMs: [-1, 0, 20],
}

export class KafkaBodies {
  readonly #random: SeededRandom

  constructor(random: SeededRandom) {
    this.#random = random
  }

  body(fields: FieldSet, version: number, depth = 0): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries(fields)
        .filter(([, field]) => isIn(version, field.options.versions ?? '0+'))
        .map(([name, field]) => [
          name,
          name in fixed ? this.#of(fixed[name]!) : this.#value(field, version, depth),
        ]),
    )
  }

  /** The frame with some of its bytes changed, or its end missing. */
  broken(frame: Buffer): Buffer {
    const bytes = Buffer.from(frame)
    if (this.#random.chance(0.3)) {
      const cut = bytes.subarray(0, 12 + this.#random.below(Math.max(1, bytes.length - 12)))
      cut.writeInt32BE(cut.length - 4, 0)
      return cut
    }
    for (let flips = 1 + this.#random.below(6); flips > 0; flips--)
      bytes[8 + this.#random.below(bytes.length - 8)]! ^= 1 << this.#random.below(8)
    return bytes
  }

  #of<T>(choices: readonly T[]): T {
    return choices[this.#random.below(choices.length)]!
  }

  #value(field: Field, version: number, depth: number): unknown {
    const { options } = field
    if (isIn(version, options.nullable) && this.#random.chance(0.2)) return null
    switch (field.kind) {
      case 'int8':
        return this.#of([-128, -1, 0, 1, 2, 127])
      case 'int16':
        return this.#of([-32768, -1, 0, 1, 3, 32767])
      case 'uint16':
        return this.#of([0, 1, 65535])
      case 'int32':
        return this.#of([-2147483648, -1, 0, 0, 1, 2, 100_000, 2147483647])
      case 'uint32':
        return this.#of([0, 1, 4294967295])
      case 'int64':
        return this.#of([-Number.MAX_SAFE_INTEGER, -2, -1, 0, 0, 1, 5, 1e12, Number.MAX_SAFE_INTEGER])
      case 'float64':
        return this.#of([0, -1, Number.NaN, Infinity])
      case 'bool':
        return this.#random.chance(0.5)
      case 'uuid':
        return this.#of([zeroUuid, this.#random.bytes(16).toString('base64url')])
      case 'string':
        return this.#of(['', 't', 'g', 'retention.ms', '..', '../x', '\u0000', 'ü', 'x'.repeat(300), '0'])
      case 'bytes':
        return this.#of([
          Buffer.alloc(0),
          this.#random.bytes(80),
          batchOf(['x']),
          this.broken(batchOf(['y', 'z'])),
        ])
      case 'array':
        return Array.from({ length: this.#of(depth === 0 ? [0, 1, 1, 2, 5] : [0, 1, 2]) }, () =>
          this.#value(field.element!, version, depth + 1),
        )
      case 'struct':
        return this.body(field.fields!, version, depth + 1)
    }
  }
}
