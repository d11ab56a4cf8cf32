// Where an event comes from: a record of a partition, and the offsets that the event closes, as the text of one header,
// `millrace.origin`, which any Flume passes on (docs/formats/origin.md):
//
//   1 <cluster>/<topic>/<topic id>/<partition>[/<channel>] <leader epoch> <from>-<to>
//
// `to` is the record's offset, and with the leader epoch its identity. From `from` on no other event of the partition
// comes by the same channel: records between were dropped, went elsewhere, or do not exist. `<from>-` is left out where
// there are none. The channel is named where the source has several: what does not come by one may come by another.

export const originHeader = 'millrace.origin'

export interface Origin {
  /** The partition, and the channel, as the header names them. */
  readonly partition: string
  /** In which reign of a leader the record was written; -1 where its message format does not tell. */
  readonly leaderEpoch: number
  readonly from: number
  readonly to: number
}

/** `topicId` is '' where brokers do not tell it (before 2.8), `clusterId` likewise (before 0.10.1). */
export const originPartition = (of: {
  readonly clusterId: string
  readonly topic: string
  readonly topicId: string
  readonly partition: number
}): string =>
  `${encodeURIComponent(of.clusterId) || '-'}/${of.topic}/${encodeURIComponent(of.topicId) || '-'}/${of.partition}`

/** Of one of several channels of a source. */
export const originChannel = (partition: string, channel: string): string =>
  `${partition}/${encodeURIComponent(channel)}`

export function encodeOrigin({ partition, leaderEpoch, from, to }: Origin): string {
  return `1 ${partition} ${leaderEpoch} ${from === to ? '' : `${from}-`}${to}`
}

/** Longer than any that a source writes: ids of Kafka have 22 characters, topics 249. */
const mostCharacters = 1_000

const form =
  /^1 ([^\s/]+\/[\w.-]+\/[^\s/]+\/\d{1,10}(?:\/[^\s/]+)?) (-1|\d{1,10}) (?:(\d{1,16})-)?(\d{1,16})$/

/** Where the event names one. Throws as its headers do. */
export function originOf({ headers }: { readonly headers: ReadonlyMap<string, string> }): Origin | null {
  const text = headers.get(originHeader)
  return text === undefined ? null : decodeOrigin(text)
}

/** Null where the text is none of ours: anybody can send a header of this name. */
export function decodeOrigin(text: string): Origin | null {
  if (text.length > mostCharacters) return null
  const [, partition, leaderEpoch, first, last] = form.exec(text) ?? []
  if (partition === undefined) return null
  const to = Number(last)
  const from = Number(first ?? last)
  if (from > to || !Number.isSafeInteger(to + 1)) return null
  return { partition, leaderEpoch: Number(leaderEpoch), from, to }
}
