// The LINE deserializer: lines of text, cut as Flume's LineDeserializer cuts them. Lines end at LF alone; a CR stays.
// `maxLineLength` counts characters as Java does (UTF-16 units). A longer line becomes several events; where it has just as
// many, or a multiple, an empty event follows, because Flume finds the end of the line in a line of its own.
import { isUtf8 } from 'node:buffer'
import { Event } from '../../event.ts'
import { findCharset, type Charset } from '../../java/java-charset.ts'
import type { EventReader } from './event-reader.ts'
import type { FileWindow } from './file-window.ts'
import { UnreadableFile } from './unreadable-file.ts'

export type DecodeErrorPolicy = 'FAIL' | 'REPLACE' | 'IGNORE'

interface LineSettings {
  readonly inputCharset: Charset
  readonly decodeErrorPolicy: DecodeErrorPolicy
  readonly outputCharset: Charset
  readonly maxLineLength: number
  onCut(what: string): void
}

/** How the characters of a set lie in bytes. */
interface Layout {
  readonly charset: Charset
  /** Bytes of the smallest character, and most of one that counts once. */
  readonly unit: 1 | 2 | 4
  readonly widest: number
  readonly lf: Buffer
  /** Of the byte order mark that the file begins with, which is no text. */
  readonly markBytes: number
}

export async function lineDeserializer(window: FileWindow, settings: LineSettings): Promise<EventReader> {
  const layout = await layoutOf(window, settings.inputCharset)
  if (window.position < layout.markBytes && (await window.has(layout.markBytes))) window.use(layout.markBytes)
  return new LineReader(window, layout, settings)
}

class LineReader implements EventReader {
  readonly #window: FileWindow
  readonly #layout: Layout
  readonly #settings: LineSettings
  readonly #keepsBytes: boolean

  constructor(window: FileWindow, layout: Layout, settings: LineSettings) {
    this.#window = window
    this.#layout = layout
    this.#settings = settings
    this.#keepsBytes = layout.charset.name === settings.outputCharset.name && layout.unit === 1
  }

  get position(): number {
    return this.#window.position
  }

  next(): Event | null | Promise<Event | null> {
    const line = this.#cut()
    if (line !== null) return this.#use(line)
    return this.#window.isEnd ? null : this.#readOn()
  }

  async #readOn(): Promise<Event | null> {
    for (;;) {
      await this.#window.more()
      const line = this.#cut()
      if (line !== null) return this.#use(line)
      if (this.#window.isEnd) return null
    }
  }

  /** Bytes of the next event, and of its line end; null where more has to be read, or nothing is left. */
  #cut(): { readonly bytes: number; readonly end: number } | null {
    const { bytes, isEnd } = this.#window
    const { lf, unit, widest } = this.#layout
    if (bytes.length === 0) return null
    const { maxLineLength } = this.#settings
    const end = this.#endOf(bytes)
    const length = end === -1 ? bytes.length : end
    const isWhole = end !== -1 || isEnd
    // Fewer characters than bytes, for sure.
    if (length / unit >= maxLineLength) {
      const most = prefixOf(bytes.subarray(0, length), maxLineLength, this.#layout)
      if (most !== -1 && (isWhole || length >= maxLineLength * widest)) {
        this.#settings.onCut(`has lines of deserializer.maxLineLength = ${maxLineLength} characters or more`)
        return { bytes: most, end: 0 }
      }
    }
    return isWhole ? { bytes: length, end: end === -1 ? 0 : lf.length } : null
  }

  #endOf(bytes: Buffer): number {
    const { lf, unit } = this.#layout
    let end = bytes.indexOf(lf)
    while (end % unit > 0) end = bytes.indexOf(lf, end + 1)
    return end
  }

  #use({ bytes, end }: { readonly bytes: number; readonly end: number }): Event {
    const body = this.#bodyOf(this.#window.bytes.subarray(0, bytes))
    this.#window.use(bytes + end)
    return Event.of(new Map(), body)
  }

  #bodyOf(line: Buffer): Buffer {
    const { charset, unit } = this.#layout
    const { decodeErrorPolicy, outputCharset } = this.#settings
    const isUtf8Line = charset.name === 'UTF-8' && isUtf8(line)
    if (isUtf8Line && this.#keepsBytes) return Buffer.from(line)
    const text = charset.decode(line)
    const isMalformed =
      charset.name === 'UTF-8'
        ? !isUtf8Line
        : text.includes(replacement) || (unit > 1 && !text.isWellFormed())
    if (!isMalformed) return this.#keepsBytes ? Buffer.from(line) : outputCharset.encode(text)
    if (decodeErrorPolicy === 'REPLACE') return outputCharset.encode(text.toWellFormed())
    if (decodeErrorPolicy === 'IGNORE') return outputCharset.encode(withoutMalformed(line, charset))
    throw new UnreadableFile(
      `the line at byte ${this.#window.position} is no text in ${charset.name}`,
      'Write the inputCharset that the file has, or decodeErrorPolicy = REPLACE or IGNORE.',
    )
  }
}

const replacement = '\ufffd'
const encodedReplacement = Buffer.from(replacement)

/** What the text itself has of U+FFFD stays. */
function withoutMalformed(line: Buffer, charset: Charset): string {
  if (charset.name !== 'UTF-8') return charset.decode(line).toWellFormed().replaceAll(replacement, '')
  const parts: string[] = []
  let from = 0
  for (let at = line.indexOf(encodedReplacement); at !== -1; at = line.indexOf(encodedReplacement, from)) {
    parts.push(line.toString('utf8', from, at))
    from = at + encodedReplacement.length
  }
  parts.push(line.toString('utf8', from))
  return parts.map(part => part.replaceAll(replacement, '')).join(replacement)
}

/** Bytes of so many characters; -1 where there are fewer. A pair of surrogates is never cut in two: it is the next one's. */
function prefixOf(line: Buffer, characters: number, { charset, unit }: Layout): number {
  if (charset.name !== 'UTF-8') {
    const bytes = characters * unit
    if (line.length < bytes) return -1
    if (unit !== 2 || !isHighSurrogate(line, bytes - 2, charset)) return bytes
    if (bytes > 2) return bytes - 2
    return line.length >= 4 ? 4 : -1
  }
  let count = 0
  for (let at = 0; at < line.length; at++) {
    const byte = line[at]!
    if ((byte & 0xc0) === 0x80) continue
    // The next character begins: are there enough before it?
    if (count >= characters) return at
    const units = byte >= 0xf0 ? 2 : 1
    if (count + units > characters && count > 0) return at
    count += units
  }
  return count >= characters ? line.length : -1
}

const isHighSurrogate = (line: Buffer, at: number, { name }: Charset): boolean => {
  const unit = name === 'UTF-16LE' ? line.readUInt16LE(at) : line.readUInt16BE(at)
  return unit >= 0xd800 && unit <= 0xdbff
}

/** UTF-16 and UTF-32 have their order of bytes from the mark at the beginning of the file, else big end first. */
async function layoutOf(window: FileWindow, charset: Charset): Promise<Layout> {
  const wide = /^UTF-(16|32)(LE|BE)?$/.exec(charset.name)
  if (wide === null)
    return { charset, unit: 1, widest: charset.name === 'UTF-8' ? 4 : 1, lf: Buffer.from('\n'), markBytes: 0 }
  const unit = wide[1] === '16' ? 2 : 4
  let order = wide[2]
  let markBytes = 0
  if (order === undefined) {
    const begin = window.position
    window.goTo(0)
    await window.has(unit)
    const mark = window.bytes.toString('hex', 0, unit)
    window.goTo(begin)
    const isLittle = mark === (unit === 2 ? 'fffe' : 'fffe0000')
    if (isLittle || mark === (unit === 2 ? 'feff' : '0000feff')) markBytes = unit
    order = isLittle ? 'LE' : 'BE'
  }
  const lf = Buffer.alloc(unit)
  lf[order === 'LE' ? 0 : unit - 1] = 0x0a
  return { charset: findCharset(`UTF-${wide[1]}${order}`)!, unit, widest: unit, lf, markBytes }
}
