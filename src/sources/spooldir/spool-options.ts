// The options of the spooling directory source.
import { choice, field, flag, int, named, text, type OptionsOf } from '../../fields.ts'
import { charset } from '../../java/java-charset.ts'
import { compileJavaMatch } from '../../java/java-regex.ts'

const wholeName = (about: { readonly doc: string; readonly default: RegExp }) =>
  field<RegExp, typeof about>('regex', 'a Java regular expression', about, raw => {
    const compiled = compileJavaMatch(raw)
    return 'problem' in compiled
      ? {
          problem: compiled.problem,
          fix: 'correct the expression (a backslash is written twice in a .properties file)',
        }
      : { value: compiled.value }
  })

export const spoolOptions = {
  spoolDir: text({ doc: 'The directory; it must exist.', required: true, example: '/var/spool/flume' }),
  fileSuffix: text({ doc: 'What is added to the name of a file that was read.', default: '.COMPLETED' }),
  deletePolicy: choice(['never', 'immediate'], {
    doc: 'Whether a file that was read is deleted.',
    default: 'never',
  }),
  trackingPolicy: choice(['rename', 'tracker_dir'], {
    doc: 'How a file that was read is marked: it is renamed, or an empty file of its name and suffix is made in `trackerDir`.',
    default: 'rename',
    since: '1.9',
  }),
  trackerDir: text({
    doc: 'Directory for the position in the file of the moment; below `spoolDir` where it is no absolute path. It is made where it is missing.',
    default: '.flumespool',
  }),
  fileHeader: flag({ doc: 'Sets a header to the absolute path of the file.', default: false }),
  fileHeaderKey: text({ doc: 'Name of that header.', default: 'file' }),
  basenameHeader: flag({ doc: 'Sets a header to the name of the file.', default: false }),
  basenameHeaderKey: text({ doc: 'Name of that header.', default: 'basename' }),
  includePattern: wholeName({ doc: 'Files whose whole name matches are read.', default: /^.*$/ }),
  ignorePattern: wholeName({
    doc: 'Files whose whole name matches are not, whatever includePattern is; nor are directories below. Names that begin with a dot or end in `fileSuffix` never are.',
    default: /^$/,
  }),
  consumeOrder: choice(['oldest', 'youngest', 'random'], {
    doc: 'Which file is read first, by the time of its last change; of the same time, the one whose name is smaller.',
    default: 'oldest',
    differs:
      'The directory is listed again after pollDelay and where no file is left (Flume: after each file).',
  }),
  pollDelay: int({ doc: 'How long an empty directory is left alone.', default: 500, min: 0, unit: 'ms' }),
  recursiveDirectorySearch: flag({
    doc: 'Reads directories below as well, but for those whose name begins with a dot.',
    default: false,
  }),
  batchSize: int({ doc: 'Most events of one put.', default: 100, min: 1, unit: 'events' }),
  maxBackoff: int({
    doc: 'Has no effect: the source waits for room in the channel, and does not come back to look for it.',
    default: 4000,
    unit: 'ms',
  }),
  inputCharset: charset({
    doc: 'Character set of the files, for `LINE`.',
    default: 'UTF-8',
  }),
  decodeErrorPolicy: choice(['FAIL', 'REPLACE', 'IGNORE'], {
    doc: 'What becomes of bytes that are not of that set: the file is set aside, U+FFFD replaces them, or they are left out.',
    default: 'FAIL',
  }),
  deserializer: named(
    'deserializer',
    {
      line: ['LINE', 'org.apache.flume.serialization.LineDeserializer'],
      avro: ['AVRO', 'org.apache.flume.serialization.AvroEventDeserializer'],
      blob: ['BLOB', 'org.apache.flume.sink.solr.morphline.BlobDeserializer'],
    },
    {
      doc: 'What a file consists of: lines, the objects of an Avro container, or one body.',
      default: 'line',
    },
  ),
  'deserializer.maxLineLength': int({
    doc: 'LINE: most characters of an event. A longer line becomes several events.',
    default: 2048,
    min: 1,
  }),
  'deserializer.outputCharset': charset({ doc: 'LINE: character set of the bodies.', default: 'UTF-8' }),
  'deserializer.schemaType': choice(['HASH', 'LITERAL'], {
    doc: 'AVRO: which header names the schema. `HASH`: `flume.avro.schema.hash`, its fingerprint by CRC-64-AVRO; `LITERAL`: `flume.avro.schema.literal`, the schema as the file has it.',
    default: 'HASH',
  }),
  'deserializer.maxBlobLength': int({
    doc: 'BLOB: most bytes of an event. A larger file becomes several events.',
    default: 100_000_000,
    min: 1,
    max: 1_073_741_824,
    unit: 'bytes',
  }),
}
export type SpoolOptions = OptionsOf<typeof spoolOptions>
