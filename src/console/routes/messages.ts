// Routes of messages: pages, a search and a tail as streams, one message in full, and files. None of them has a group, and
// nothing is committed.
import { Type } from 'typebox'
import { AvroFormatError } from '../../wire/avro/binary.ts'
import { readAvroSchema } from '../../wire/avro/schema.ts'
import * as api from '../api.ts'
import { browse, messageOf, rowOf } from '../messages/browse.ts'
import { exportKinds, exportLines, exportTypes, type ExportKind } from '../messages/export.ts'
import { messageAt } from '../messages/one.ts'
import { offsetsText, questionOf, questionQuery, type Question } from '../messages/question.ts'
import { extentOf, Scan, type Extent, type Source } from '../messages/scan.ts'
import { formats, shownOf, type Format } from '../messages/shown.ts'
import { tail } from '../messages/tail.ts'
import {
  change,
  clusterOf,
  eventOf,
  look,
  Refused,
  stream,
  there,
  unreadable,
  wholeOf,
  type Given,
  type Route,
  type RouteParts,
} from '../route.ts'

const mostMessages = 500
const mostExported = 1_000_000
/** A search pauses after so long, and can go on from there. */
const searchMs = 60_000
const searchRecords = 5_000_000
const exportMs = 60 * 60_000
/** Progress is sent so often. */
const progressMs = 200
/** Of one message that is open: more is offered as a file. */
const wholeChars = 256 * 1024
const wholeHeaders = 10_000

const path = '/api/clusters/:cluster/topics/:topic/messages'

export const messageRoutes = (parts: RouteParts): readonly Route[] => {
  const asked = async (
    cluster: string,
    topic: string,
    query: Parameters<typeof questionOf>[1],
  ): Promise<{ question: Question; extent: Extent; source: Source }> => {
    const question = questionOf(topic, query)
    const { source } = clusterOf(parts, cluster)
    return {
      question,
      source,
      extent: there((await extentOf(question, source)) ?? undefined, placeOf(question)),
    }
  }
  const recordAt = ({
    params: { cluster, topic, partition, offset },
    session,
    gone,
  }: Pick<Given<'cluster' | 'topic' | 'partition' | 'offset'>, 'params' | 'session' | 'gone'>) =>
    messageAt(
      { topic, partition: wholeOf('partition', partition), offset: offsetOf(offset) },
      { source: clusterOf(parts, cluster).source, session, gone },
    )
  const limitOf = (text: string, most: number) => Math.min(most, Math.max(1, wholeOf('limit', text)))
  return [
    look({
      method: 'GET',
      path,
      summary: 'A page of messages, without a group: nothing is committed.',
      role: 'viewer',
      query: {
        ...questionQuery,
        limit: `messages of the answer, ${mostMessages} at most; 50 where absent`,
      },
      answer: api.Messages,
      async handle({ params: { cluster, topic }, query, session, gone }) {
        const question = questionOf(topic, query)
        const limit = limitOf(query.limit ?? '50', mostMessages)
        const { source } = clusterOf(parts, cluster)
        return there(
          (await browse(question, { source, session, limit, gone })) ?? undefined,
          placeOf(question),
        )
      },
    }),
    stream({
      method: 'GET',
      path: `${path}/search`,
      summary: 'A search: events found (messages), progress, and one end. Closing the stream cancels it.',
      role: 'viewer',
      query: {
        ...questionQuery,
        limit: `it pauses when so many are found, ${mostMessages} at most; 100 where absent`,
      },
      type: 'text/event-stream',
      async run({ params: { cluster, topic }, query, session, gone }, outlet) {
        const limit = limitOf(query.limit ?? '100', mostMessages)
        const { question, extent, source } = await asked(cluster, topic, query)
        const budget = { ms: searchMs, records: searchRecords }
        const scan = new Scan(question, extent, { source, session, gone, budget, make: rowOf })
        const { clock } = source.system
        let found = 0
        let told = -Infinity
        for await (const batch of scan.batches()) {
          if (batch.length > 0) outlet.send(eventOf('found', batch))
          found += batch.length
          if (found >= limit) break
          if (clock.monotonic() - told < progressMs) continue
          told = clock.monotonic()
          outlet.send(eventOf('progress', scan.progress))
          await outlet.ready()
        }
        const { rest } = scan
        const end: api.SearchEnd = {
          ...scan.progress,
          found,
          why: rest === null ? 'end' : found >= limit ? 'found' : scan.why,
          rest: rest === null ? null : `${scan.isBackwards ? 'before' : 'after'}=${offsetsText(rest)}`,
        }
        outlet.send(eventOf('end', end))
      },
    }),
    stream({
      method: 'GET',
      path: `${path}/tail`,
      summary: 'Messages as they come: events tail. What is more than 200 in 0.1 s is left out and counted.',
      role: 'viewer',
      query: {
        partition: questionQuery.partition,
        find: questionQuery.find,
        in: questionQuery.in,
        after: questionQuery.after,
      },
      type: 'text/event-stream',
      async run({ params: { cluster, topic }, query, session, gone }, outlet) {
        const { question, extent, source } = await asked(cluster, topic, query)
        await tail(question, extent, { source, session, gone, outlet })
      },
    }),
    ...exportKinds.map(kind =>
      stream({
        method: 'GET',
        path: `${path}/export.${kind}`,
        summary: `Messages as a file (${exportTypes[kind]}), whose last line says how it ended.`,
        role: 'viewer',
        action: 'export messages',
        query: {
          ...questionQuery,
          limit: `messages of the file, ${mostExported} at most; 100000 where absent`,
        },
        type: exportTypes[kind],
        fileName: ({ params: { topic } }) => `${topic}.${kind}`,
        async run({ params: { cluster, topic }, query, session, gone }, outlet) {
          const limit = limitOf(query.limit ?? '100000', mostExported)
          const { question, extent, source } = await asked(cluster, topic, query)
          await write(kind, question, extent, { source, session, gone, outlet, limit })
        },
      }),
    ),
    look({
      method: 'GET',
      path: `${path}/:partition/:offset`,
      summary: 'One message, with all its headers.',
      role: 'viewer',
      query: { as: `how key and value are read: ${formats.join(', ')}; auto where absent` },
      answer: api.Message,
      async handle(given) {
        const record = await recordAt(given)
        const as = formatOf(given.query.as ?? 'auto')
        const whole = messageOf(record, wholeChars, wholeHeaders)
        if (as === 'auto') return whole
        const reading = { as, mostChars: wholeChars }
        return { ...whole, key: shownOf(record.key, reading), value: shownOf(record.value, reading) }
      },
    }),
    change({
      method: 'POST',
      path: `${path}/:partition/:offset`,
      summary: 'One message, whose key or value is read by an Avro schema.',
      role: 'viewer',
      action: 'read by schema',
      isQuestion: true,
      audited: [],
      body: Type.Object({ schema: Type.String({ maxLength: 512 * 1024 }) }),
      bodyLimit: 1024 * 1024,
      touches: ({ params: { topic } }) => [topic],
      answer: api.Message,
      async handle(given) {
        const record = await recordAt(given)
        const schema = schemaOf(given.body.schema)
        const value = shownOf(record.value, { as: 'avro', schema, mostChars: wholeChars })
        const key = shownOf(record.key, { as: 'auto', schema, mostChars: wholeChars })
        return { ...messageOf(record, wholeChars, wholeHeaders), key, value }
      },
    }),
    ...(['key', 'value'] as const).map(part =>
      stream({
        method: 'GET',
        path: `${path}/:partition/:offset/${part}`,
        summary: `The bytes of a message's ${part}, as a file.`,
        role: 'viewer',
        action: `download ${part}`,
        type: 'application/octet-stream',
        fileName: ({ params: { topic, partition, offset } }) => `${topic}-${partition}-${offset}.${part}`,
        async run(given, outlet) {
          const record = await recordAt(given)
          const bytes = record[part]
          if (bytes === null) throw new Refused(404, `the ${part} of this message is null`)
          outlet.send(bytes)
        },
      }),
    ),
  ]
}

const placeOf = ({ topic, partitions }: Question): string =>
  partitions.length === 0 ? `topic ${topic}` : `partition ${partitions.join(' or ')} of topic ${topic}`

function offsetOf(text: string): number {
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text)
  throw unreadable(`offset ${text}: write a whole number`)
}

function formatOf(text: string): Format {
  const found = formats.find(one => one === text)
  if (found === undefined) throw unreadable(`as=${text}: write ${formats.join(', ')}`)
  return found
}

function schemaOf(text: string) {
  try {
    return readAvroSchema(text)
  } catch (error) {
    if (error instanceof AvroFormatError) throw unreadable(error.message)
    throw error
  }
}

interface WriteParts extends Pick<Parameters<typeof tail>[2], 'source' | 'session' | 'gone' | 'outlet'> {
  readonly limit: number
}

async function write(kind: ExportKind, question: Question, extent: Extent, parts: WriteParts): Promise<void> {
  const { source, session, gone, outlet, limit } = parts
  const lines = exportLines(kind)
  const budget = { ms: exportMs, records: Number.MAX_SAFE_INTEGER }
  const scan = new Scan(question, extent, { source, session, gone, budget, make: lines.of })
  if (lines.head !== '') outlet.send(lines.head)
  let messages = 0
  let isLimit = false
  for await (const batch of scan.batches()) {
    const some = batch.slice(0, limit - messages)
    messages += some.length
    if (some.length > 0) outlet.send(some.join(''))
    isLimit = messages >= limit && (some.length < batch.length || scan.rest !== null)
    if (messages >= limit) break
    await outlet.ready()
  }
  const isComplete = !isLimit && scan.rest === null
  const why = isComplete ? '' : isLimit ? `the limit of ${limit} messages was reached` : 'an hour was over'
  outlet.send(lines.end({ messages, isComplete, why }))
}
