// Requests whose bytes no codec would write, as hex behind a header: what Kafka reads over, and what ends the
// connection.
import { fetch } from '../../src/wire/kafka/messages/fetch.ts'
import { listOffsets } from '../../src/wire/kafka/messages/list-offsets.ts'
import { metadata } from '../../src/wire/kafka/messages/metadata.ts'
import type { Session } from './play.ts'

const noTopics = '00000000'

export const oddBytes: Session = {
  name: 'odd bytes',
  needs: [metadata, listOffsets, fetch],
  async run(play) {
    const plain = (step: string, version: number, body: string, clientId = '0001 61') =>
      play.raw(step, metadata, version, `${clientId} ${body}`)
    await plain('bytes behind it', 1, `${noTopics} 010203`)
    await plain('a client id of length -2', 1, noTopics, 'fffe')
    await plain('an empty list of topics', 1, noTopics)
    await plain('a length of -1 where there is no null', 0, 'ffffffff')
    await plain('a length of -2 where there is no null', 0, 'fffffffe')
    await plain('a name that is null', 1, '00000001 ffff')
    await plain('a name of length -2', 1, '00000001 fffe')
    await plain('a name that is cut off', 1, '00000001 0005 6161')
    await plain('a list that is cut off', 1, '0000')
    if (play.has(metadata, 4)) await plain('a flag of 2', 4, `${noTopics} 02`)
    const time = (step: string, bytes: string) =>
      play.raw(step, listOffsets, 1, `0001 61 ffffffff 00000001 0001 74 00000001 00000000 ${bytes}`)
    await time('the largest time', '7fffffffffffffff')
    await time('the smallest time', '8000000000000000')
    if (!play.has(metadata, 12) || !play.has(fetch, 12)) return
    const tagged = (step: string, header: string, tags: string) =>
      plain(step, 9, `${header} 01 00 00 00 ${tags}`)
    await tagged('tagged fields in the header', '01 05 02 aaaa', '00')
    await tagged('tagged fields behind it', '00', '01 05 02 aaaa')
    await tagged('tagged fields out of order', '00', '02 05 02 aaaa 04 01 bb')
    await tagged('a tagged field twice', '00', '02 05 02 aaaa 05 01 bb')
    await tagged('a tagged field that is cut off', '00', '01 05 20 aaaa')
    await tagged('fewer tagged fields than announced', '00', '02 05 01 aa')
    await plain('what librdkafka 2.3 leaves behind it', 12, '00 01 00 00 00 000000')
    const cluster = (step: string, tags: string) =>
      play.raw(
        step,
        fetch,
        12,
        `0001 61 00 ffffffff 00000000 00000000 00001000 00 00000000 ffffffff 01 01 01 ${tags}`,
      )
    await cluster('a tagged field that is known', '01 00 04 04 616263')
    await cluster('one that is null', '01 00 01 00')
    await cluster('one that comes twice', '02 00 04 04 616263 00 04 04 616264')
    await cluster('one that is said to be shorter', '01 00 00 04 616263')
    await cluster('one that is said to be longer', '01 00 06 04 616263 0000')
  },
}
