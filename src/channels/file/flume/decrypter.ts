// Decrypts the records of Flume's encrypted logs: AES/CTR/NoPadding, begun anew for each record with the counter
// block that the log's metadata holds.
import { createDecipheriv } from 'node:crypto'
import { Fault, messageOf } from '../../../errors.ts'
import type { EncryptionKeys } from '../encryption-keys.ts'

/** Makes what stands in an encrypted record readable. */
export type DecryptRecord = (bytes: Buffer) => Buffer

/** What decrypts the records of one log, of which its metadata says these. Rejects where the key cannot be had. */
export type FlumeDecrypter = (log: {
  readonly path: string
  readonly keyAlias: string
  readonly parameters: Buffer
}) => Promise<DecryptRecord>

const blockBytes = 16

export function flumeDecrypter(keys: EncryptionKeys): FlumeDecrypter {
  return async ({ path, keyAlias, parameters }) => {
    const what = `${path} is encrypted with the key "${keyAlias}"`
    if (parameters.length !== blockBytes)
      throw new Fault(
        'FOREIGN_FILES',
        `${what} in a way that Flume's AESCTRNOPADDING does not have; drain the channel with Flume`,
      )
    const key = await keys.key(keyAlias).catch((error: unknown) => {
      throw new Fault('KEY_STORE', `${what}, which is not available: ${messageOf(error)}`, { cause: error })
    })
    return bytes => createDecipheriv(`aes-${key.length * 8}-ctr`, key, parameters).update(bytes)
  }
}
