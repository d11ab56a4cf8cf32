// The keys with which a channel tool reads and writes an encrypted file channel: those of the agent's
// configuration, named by --conf-file, --name and --channel.
import {
  encryptionKeys,
  type EncryptionKeys,
  type EncryptionOptions,
} from '../channels/file/encryption-keys.ts'
import { fileChannel } from '../channels/file.ts'
import { spillableChannel } from '../channels/spillable.ts'
import { formatProblem } from '../config/problem.ts'
import { loadTopology } from '../load-topology.ts'
import { homeDirectory } from '../system/environment.ts'
import { realSystem } from '../system/system.ts'
import { readTexts } from './configuration-source.ts'
import { UsageError } from './usage-error.ts'

export interface KeyOptions {
  readonly confFile?: string
  readonly name?: string
  readonly channel?: string
}

export const howToGiveKeys =
  'add --conf-file FILE --name AGENT --channel CHANNEL, so that its encryption.* lines are used'

/** Null where no configuration is named, or the channel there is not encrypted. Rejects with UsageError. */
export async function keysOf(
  { confFile, name, channel }: KeyOptions,
  systemProperties: ReadonlyMap<string, string>,
): Promise<EncryptionKeys | null> {
  if (confFile === undefined && name === undefined && channel === undefined) return null
  if (confFile === undefined || name === undefined || channel === undefined)
    throw new UsageError('--conf-file, --name and --channel belong together: write all three')
  const texts = await readTexts({ files: [confFile], uris: [] })
  const home = homeDirectory()
  const { topology, problems } = await loadTopology(texts, {
    agent: name,
    environment: process.env,
    systemProperties,
    home,
  })
  if (topology === undefined) throw new UsageError(problems.map(formatProblem).join('\n'))
  const part = topology.channels.find(one => one.name === channel)
  const known = topology.channels.map(one => one.name).join(', ')
  if (part === undefined)
    throw new UsageError(`${confFile}: agent ${name} has no channel ${channel}; it has ${known}`)
  if (![fileChannel.type, spillableChannel.type].includes(part.definition.type))
    throw new UsageError(`${confFile}: channel ${channel} of agent ${name} has no files`)
  const { encryption } = part.options as { encryption: EncryptionOptions }
  return encryptionKeys(encryption, realSystem.disk, text => void process.stderr.write(`${text}\n`))
}
