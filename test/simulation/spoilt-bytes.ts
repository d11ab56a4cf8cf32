// Answers that nobody has written: bytes changed, cut off, added, of another size. By a seed.
import type { SeededRandom } from '../../src/simulation/seeded-random.ts'
import type { Spoiler } from './spoilt-answers.ts'

/** Spoils every second answer, so many in all, and says when it has. */
export function spoilBytes(random: SeededRandom, count: number, onDone: () => void): Spoiler {
  let left = count
  return ({ frame }) => {
    if (left === 0 || random.chance(0.5)) return frame
    if (--left === 0) onDone()
    const bytes = Buffer.from(frame)
    const some = () => bytes.subarray(0, random.below(bytes.length))
    switch (random.below(7)) {
      case 0:
        return null
      case 1: // the rest never comes
        return some()
      case 2:
        return Buffer.concat([bytes, Buffer.alloc(1 + random.below(100), random.below(256))])
      case 3: // more, or less, than there is
        bytes.writeInt32BE(Math.max(0, bytes.readInt32BE(0) + random.below(40) - 20), 0)
        return bytes
      case 4:
        bytes.writeInt32BE(1 << random.below(31), 0)
        return bytes
      case 5:
        return bytes.fill(255, Math.min(bytes.length, 8 + random.below(bytes.length)))
      default:
        for (let changes = 1 + random.below(5); changes > 0 && bytes.length > 8; changes--)
          bytes[8 + random.below(bytes.length - 8)] = random.below(256)
        return bytes
    }
  }
}
