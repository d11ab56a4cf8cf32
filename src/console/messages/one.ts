// One message, by its partition and offset.
import type { ConsumedRecord } from '../../kafka-client/contract.ts'
import type { Session } from '../access/session.ts'
import { notThere, Refused } from '../refused.ts'
import { withDeadline } from './deadline.ts'
import { readRanges, type Source } from './scan.ts'

const patienceMs = 15_000

/** Masked for the session. Throws Refused with 404 where there is none, and says what there is. */
export async function messageAt(
  { topic, partition, offset }: { topic: string; partition: number; offset: number },
  { source, session, gone }: { source: Source; session: Session; gone: AbortSignal },
): Promise<ConsumedRecord> {
  const known = (await source.admin.offsets.of(topic)).find(one => one.partition === partition)
  if (known === undefined) throw notThere(`partition ${partition} of topic ${topic}`)
  const { first, next } = known
  const name = `offset ${offset} of ${topic}-${partition}`
  if (offset < first || offset >= next)
    throw new Refused(
      404,
      `there is no ${name}: the partition holds ${first} to ${next - 1}`,
      'Look at the newest.',
    )
  return withDeadline(source.system.clock, patienceMs, gone, async signal => {
    const ranges = [{ partition, from: offset, to: offset + 1 }]
    for await (const [record] of readRanges({ topic, ranges, signal }, source))
      if (record !== undefined) return session.mask(topic, record)
    throw new Refused(
      404,
      `there is no message at ${name}: compaction removed it, or it is a marker of a transaction`,
    )
  })
}
