// A disk that dies with its process: after so many operations nothing happens any more, and nothing answers.
import type { Disk, DiskFile } from '../src/system/disk.ts'

export interface DyingDisk {
  readonly disk: Disk
  /** Operations done so far. */
  readonly count: () => number
  /** Resolves at the first operation that is not done. */
  readonly died: Promise<void>
}

export function dyingDisk(disk: Disk, operations: number): DyingDisk {
  let count = 0
  const death = Promise.withResolvers<void>()
  const whileAlive = <T extends object>(target: T, wrap: (value: unknown) => unknown = value => value): T =>
    new Proxy(target, {
      get(_, key) {
        const value = Reflect.get(target, key, target) as unknown
        if (typeof value !== 'function') return value
        return (...given: unknown[]) => {
          if (count >= operations) {
            death.resolve()
            return new Promise(() => {})
          }
          count++
          const result = Reflect.apply(value, target, given) as unknown
          return result instanceof Promise ? result.then(wrap) : result
        }
      },
    })
  const file = (value: unknown) =>
    typeof value === 'object' && value !== null && 'writeAll' in value ? whileAlive(value as DiskFile) : value
  return { disk: whileAlive(disk, file), count: () => count, died: death.promise }
}
