// Event serializers: how a sink that writes files lays events out in them. One serializer belongs to one
// file, from its head to its last byte.
import { Fault } from '../errors.ts'
import { choice, flag, int, named } from '../fields.ts'
import type { Random } from '../system/random.ts'
import { avroContainer, codecNames } from './avro-container.ts'
import type { Serializer } from './contract.ts'
import { headerAndText, plainText } from './text.ts'

export interface SerializerOptions {
  readonly appendNewline: boolean
  readonly syncIntervalBytes: number
  readonly compressionCodec: string
}

const flume = 'org.apache.flume.serialization.'
const names = {
  TEXT: ['text', `${flume}BodyTextEventSerializer`],
  HEADER_AND_TEXT: ['header_and_text', `${flume}HeaderAndBodyTextEventSerializer`],
  AVRO_EVENT: ['avro_event', `${flume}FlumeEventAvroEventSerializer`],
} as const
export type SerializerName = keyof typeof names

/** An option that names a serializer, by alias or by the class name of its Builder. */
export const serializerField = (about: { readonly doc: string; readonly default: SerializerName }) =>
  named('serializer', names, about)

/** The options of serializers, whatever a sink's key has before their names. */
export const serializerFields = {
  appendNewline: flag({ doc: 'text, header_and_text: a newline after each event.', default: true }),
  syncIntervalBytes: int({
    doc: 'avro_event: size at which a block ends; it also ends with a batch.',
    default: 2_048_000,
    min: 1,
    unit: 'bytes',
  }),
  compressionCodec: choice(codecNames, {
    doc: 'avro_event: compression of blocks.',
    default: 'null',
    differs: 'bzip2 and xz are not supported.',
  }),
} as const

/** A serializer for one new file. Throws Fault UNDELIVERABLE where the codec is not known. */
export function makeSerializer(name: SerializerName, options: SerializerOptions, random: Random): Serializer {
  switch (name) {
    case 'TEXT':
      return plainText(options.appendNewline)
    case 'HEADER_AND_TEXT':
      return headerAndText(options.appendNewline)
    case 'AVRO_EVENT':
      return avroContainer(options.compressionCodec, options.syncIntervalBytes, random.bytes(16))
    default:
      throw new Fault('UNDELIVERABLE', `there is no serializer ${String(name)}`)
  }
}
