// Looks up names of hosts. Each look-up holds a thread of the pool that the disk works in as well, for half a minute
// where no name server answers: clients that try again and again must not take all of them.
import type { LookupFunction } from 'node:net'

type Answer = Parameters<Parameters<LookupFunction>[2]>

/** Passes on to `lookUp` one look-up of a name at a time, whoever else asks meanwhile, and `most` in all. */
export function sharingLookups(lookUp: LookupFunction, most: number): LookupFunction {
  const asking = new Map<string, ((...answer: Answer) => void)[]>()
  const queue: (() => void)[] = []
  let free = most
  return (host, options, callback) => {
    const key = JSON.stringify([host, options])
    const others = asking.get(key)
    if (others !== undefined) return void others.push(callback)
    const all = [callback]
    asking.set(key, all)
    const begin = (): void => {
      free--
      lookUp(host, options, (...answer) => {
        free++
        asking.delete(key)
        queue.shift()?.()
        for (const tell of all) tell(...answer)
      })
    }
    if (free > 0) begin()
    else queue.push(begin)
  }
}
