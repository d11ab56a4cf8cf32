// What the first bytes on a connection look like where they are not of the protocol that is spoken there: a client that has
// the wrong port, or the wrong idea of its encryption.

export type OtherProtocol = 'HTTP' | 'SSH' | 'TLS' | 'zlib'

/** Four bytes are enough; null where they look like none of these. */
export function otherProtocol(bytes: Buffer): OtherProtocol | null {
  const text = bytes.toString('latin1', 0, 4)
  if (/^(GET |POST|PUT |HEAD|HTTP|OPTI|DELE|PATC|TRAC|PRI |CONN)/.test(text)) return 'HTTP'
  if (text === 'SSH-') return 'SSH'
  if (bytes[0] === 0x16 && bytes[1] === 3) return 'TLS'
  if (bytes[0] === 0x78 && [0x01, 0x5e, 0x9c, 0xda].includes(bytes[1] ?? 0)) return 'zlib'
  return null
}
