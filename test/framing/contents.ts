// What is packed in the cases of framing: records, and values that pack well or badly.
import { recordsBuilder } from '../../src/wire/kafka/record-set.ts'
import * as f from './frames.ts'

/** The records of an entry before they are packed. */
export function plain(magic: 0 | 1 | 2, values: readonly string[]): Buffer {
  const builder = recordsBuilder(magic)
  for (const value of values)
    builder.append({ timestamp: 1_600_000_000_000, key: null, value: f.text(value) })
  return builder.finish().subarray(magic === 2 ? 61 : 0)
}

/** Values that no codec makes much smaller: a row of numbers written out. */
export const long = (bytes: number): string[] => {
  let [state, words] = [1, '']
  while (words.length < bytes) words += (state = (state * 48271) % 2147483647).toString(36)
  return [0, 1, 2].map(part => words.slice((part * bytes) / 3, ((part + 1) * bytes) / 3))
}
/** Values that pack well. */
export const dense = (bytes: number): string[] => ['a', 'b', 'c'].map(letter => letter.repeat(bytes / 3))

export type Packed = readonly (readonly [name: string, packed: Buffer])[]
export const junk = f.text('not a frame at all, but forty and more bytes')
export const zeros = (count: number): Buffer => Buffer.alloc(count)
