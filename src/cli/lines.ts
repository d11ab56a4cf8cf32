// Lines of a stream, as Java's readLine has them: they end with \n, \r or \r\n, and with nothing else. (Node's readline
// ends them at U+2028 and U+2029 as well, which JSON and messages hold.)

/** The lines that end in each chunk, as bytes; at the end what stands behind the last, where there is something. */
export async function* linesOf(input: AsyncIterable<Buffer | string>): AsyncGenerator<readonly Buffer[]> {
  // One character a byte, so that nothing is decoded. A \r at the end waits for what follows it.
  let rest = ''
  const bytesOf = (line: string) => Buffer.from(line, 'latin1')
  for await (const chunk of input) {
    const lines = `${rest}${Buffer.from(chunk).toString('latin1')}`.split(/\r\n|\n|\r(?=[^\n])/)
    rest = lines.pop()!
    yield lines.map(bytesOf)
  }
  if (rest !== '') yield [bytesOf(rest.replace(/\r$/, ''))]
}
