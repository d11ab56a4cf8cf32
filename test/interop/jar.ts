// Reads entries of a jar (a zip file), enough for the files tests look at. Source: PKWARE's APPNOTE.
import { readFileSync } from 'node:fs'
import { inflateRawSync } from 'node:zlib'

/** The jar's entries whose names start with `prefix`, unpacked. */
export function readJar(path: string, prefix: string): Map<string, Buffer> {
  const jar = readFileSync(path)
  const found = new Map<string, Buffer>()
  const end = jar.lastIndexOf(Buffer.from('504b0506', 'hex'))
  let at = jar.readUInt32LE(end + 16)
  for (let count = jar.readUInt16LE(end + 10); count > 0; count--) {
    const [nameSize, extraSize, commentSize] = [28, 30, 32].map(field => jar.readUInt16LE(at + field)) as [
      number,
      number,
      number,
    ]
    const name = jar.toString('utf8', at + 46, at + 46 + nameSize)
    if (name.startsWith(prefix) && !name.endsWith('/')) {
      const entry = jar.readUInt32LE(at + 42)
      const start = entry + 30 + jar.readUInt16LE(entry + 26) + jar.readUInt16LE(entry + 28)
      const packed = jar.subarray(start, start + jar.readUInt32LE(at + 20))
      found.set(name, jar.readUInt16LE(at + 10) === 0 ? packed : inflateRawSync(packed))
    }
    at += 46 + nameSize + extraSize + commentSize
  }
  return found
}
