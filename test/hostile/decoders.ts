// Every decoder of the product: whatever reads bytes or text that others have written. The fuzzer (fuzzing.ts) makes inputs
// of the seeds, and none of them may be met by anything but a result or an error that the row allows.
import { answerDecoders } from './answer-decoders.ts'
import { fileDecoders } from './file-decoders.ts'
import { storeDecoders } from './store-decoders.ts'
import { textDecoders } from './text-decoders.ts'
import { thriftDecoders } from './thrift-decoders.ts'
import { wireDecoders } from './wire-decoders.ts'

export interface Decoder {
  readonly name: string
  /** Valid inputs, of which all others are made. */
  readonly seeds: () => readonly Buffer[]
  /** Pieces that are put in between the seeds. */
  readonly words?: readonly string[]
  /** What is done to a changed input, such as giving it the checksum that fits: most are, some not. */
  readonly change?: (input: Buffer) => Buffer
  readonly decode: (input: Buffer) => unknown
  /** Errors that say what is wrong with the input; there are no others. */
  readonly allowed: readonly (abstract new (...args: never[]) => Error)[]
  /** Whether its messages quote the input, so that any word may stand in them. */
  readonly saysWhatItReads?: true
  /** Where it reads many files, or waits for other turns in between: longest that it may take, ms. */
  readonly mostMs?: number
  /** How many inputs it gets beside the others, where one costs more; 1 where absent. */
  readonly share?: number
}

export const decoders: readonly Decoder[] = [
  ...wireDecoders,
  ...thriftDecoders,
  ...fileDecoders,
  ...storeDecoders,
  ...textDecoders,
  ...answerDecoders,
]
