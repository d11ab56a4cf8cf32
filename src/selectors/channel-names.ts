// The names a selector's options hold must be channels of its source: says which is not, and what is.

/** Throws a sentence for the operator when `names`, the value of `key`, has one that is not in `channels`. */
export function requireChannels(key: string, names: readonly string[], channels: readonly string[]): void {
  const unknown = names.find(name => !channels.includes(name))
  if (unknown === undefined) return
  const there = channels.join(' ')
  throw new Error(`${key} names channel ${unknown}, but the channels of this source are: ${there}`)
}
