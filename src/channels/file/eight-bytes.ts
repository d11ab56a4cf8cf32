// Numbers of 8 bytes, little-endian, as the segments and the checkpoint of a file channel hold them.

export function writeNumber(target: Buffer, value: number, at: number): void {
  target.writeUInt32LE(value >>> 0, at)
  target.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4)
}

/** A number of 8 bytes; one above 2^48 comes back as some other number no valid file has. */
export function readNumber(source: Buffer, at: number): number {
  return source.readUInt32LE(at) + source.readUInt32LE(at + 4) * 0x1_0000_0000
}
