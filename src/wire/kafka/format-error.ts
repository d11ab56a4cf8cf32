// What is thrown for bytes that are not the Kafka protocol, and for values that a version cannot carry.

export class FormatError extends Error {
  override name = 'FormatError'
}

/** Packed records that cannot be unpacked. */
export class PackingError extends FormatError {
  override name = 'PackingError'
}
