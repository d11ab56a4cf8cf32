// The logger sink: writes every event to the log, in the form people know from Flume:
//
//   Event: { headers:{k=v, k2=v2} body: 48 65 6C 6C 6F                                  Hello }
//
// The body is a hex dump: upper-case bytes in 16 columns, then the printable ASCII with a dot for the
// rest. The first line has no offset; further lines, where more bytes are asked for, keep theirs.
import { defineSink } from '../component.ts'
import type { Event } from '../event.ts'
import { int } from '../fields.ts'
import { printable } from '../printable.ts'

const columns = 16

/** One event as the logger sink writes it, with at most `maxBytes` of the body. */
export function describeEvent(event: Event, maxBytes: number): string {
  const headers = [...event.headers].map(([key, value]) => printable(`${key}=${value}`)).join(', ')
  return `{ headers:{${headers}} body:${dump(event.body.subarray(0, Math.max(0, maxBytes)))} }`
}

function dump(bytes: Buffer): string {
  const lines: string[] = []
  for (let at = 0; at < bytes.length; at += columns) {
    const row = bytes.subarray(at, at + columns)
    const offset = at === 0 ? '' : at.toString(16).toUpperCase().padStart(8, '0')
    let hex = ''
    let shown = ''
    for (const byte of row) {
      hex += `${byte.toString(16).toUpperCase().padStart(2, '0')} `
      shown += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.'
    }
    lines.push(`${offset} ${hex.padEnd(columns * 3)}${shown}`)
  }
  return lines.join('\n')
}

export const loggerSink = defineSink({
  type: 'logger',
  aliases: ['org.apache.flume.sink.LoggerSink'],
  summary: 'Writes every event to the log at INFO; for trying things out.',
  description: `Printing events is what this sink is for, so it prints headers and the first \`maxBytesToLog\` bytes of the
body whether or not \`-Dorg.apache.flume.log.rawdata=true\` is given. Headers appear in the order in which they were set
(Flume: in hash order), their control characters as escapes. Nothing is printed while the log level is above INFO.`,
  options: {
    maxBytesToLog: int({
      doc: 'How many bytes of the body are printed.',
      default: 16,
      min: 0,
      unit: 'bytes',
      badValueMeansDefault: true,
    }),
  },
  batchSize: () => 1,
  create({ maxBytesToLog }, { log }) {
    return {
      batchSize: 1,
      async start() {},
      async stop() {},
      async deliver(events) {
        for (const event of events) {
          const [first, ...below] = describeEvent(event, maxBytesToLog).split('\n')
          log.info(`Event: ${first}`, below)
        }
      },
    }
  },
})
