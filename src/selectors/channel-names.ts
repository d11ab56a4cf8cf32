// The names a selector's options hold must be channels of its source: says which is not, and what is.
import type { Say } from '../component.ts'

/** Says of each of `names`, the value of `key`, that is not in `channels` so. */
export function checkChannels(
  key: string,
  names: readonly string[],
  channels: readonly string[],
  say: Say,
): void {
  for (const name of names)
    if (!channels.includes(name))
      say.error(
        key,
        `${name} is not a channel of this source`,
        `write one of: ${channels.join(' ')}, or add ${name} to the channels of the source`,
      )
}
