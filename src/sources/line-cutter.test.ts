import assert from 'node:assert/strict'
import test from 'node:test'
import fc from '../../test/fast-check.ts'
import { LineCutter, type LineRules } from './line-cutter.ts'

function cut(pieces: readonly Buffer[], rules: LineRules): string[] {
  const cutter = new LineCutter(rules)
  const lines = pieces.flatMap(piece => [...cutter.add(piece)])
  const rest = cutter.rest()
  return [...lines, ...(rest === null ? [] : [rest])].map(line => line.toString('latin1'))
}

/** The lines of the whole text, long ones in parts; what follows the last end is a line where it is not empty. */
function model(text: string, { ends, mostBytes }: LineRules): string[] {
  const lines = text.split(ends === 'LF' ? '\n' : /\r\n|\r|\n/)
  if (lines.at(-1) === '') lines.pop()
  return lines.flatMap(line => {
    const parts: string[] = []
    for (let at = 0; at < line.length; at += mostBytes) parts.push(line.slice(at, at + mostBytes))
    return parts.length === 0 ? [''] : parts
  })
}

test('lines are those of the whole text, however it comes in pieces', () => {
  const piece = fc.string({ unit: fc.constantFrom('a', 'é', '\n', '\r', '\r\n'), maxLength: 8 })
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 12 }),
      fc.constantFrom('LF' as const, 'LF or CR' as const),
      fc.integer({ min: 1, max: 9 }),
      (pieces, ends, mostBytes) => {
        const bytes = pieces.map(one => Buffer.from(one, 'latin1'))
        assert.deepEqual(cut(bytes, { ends, mostBytes }), model(pieces.join(''), { ends, mostBytes }))
      },
    ),
    { numRuns: 500 },
  )
})

test('a megabyte that comes byte by byte is one line, in linear time', () => {
  const cutter = new LineCutter({ ends: 'LF', mostBytes: 1 << 24 })
  const byte = Buffer.from('x')
  for (let count = 0; count < 300_000; count++) assert.equal(cutter.add(byte).next().done, true)
  const [line] = cutter.add(Buffer.from('\n'))
  assert.equal(line!.length, 300_000)
})
