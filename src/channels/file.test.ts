// The file channel: the contract, on real files.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { contextFor, optionsFor } from '../../test/context.ts'
import { testChannel, type ChannelHome, type ChannelLimits } from '../../test/contracts/channel.ts'
import { fileChannel } from './file.ts'

const home = (more: Record<string, unknown>) => async (): Promise<ChannelHome> => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-file-'))
  return {
    open(limits: ChannelLimits) {
      const context = contextFor('CHANNEL', 'c1', fileChannel.counters)
      const options = optionsFor(fileChannel, {
        checkpointDir: join(directory, 'checkpoint'),
        dataDirs: [join(directory, 'data')],
        minimumRequiredSpace: 0,
        maxFileSize: 1, // the smallest segments there are
        ...limits,
        ...more,
      })
      return { channel: fileChannel.create(options, context), context }
    },
    remove: () => rm(directory, { recursive: true }),
  }
}

testChannel('file', home({}), { durable: true })
testChannel('file (fsyncPerTransaction = false)', home({ fsyncPerTransaction: false }), { durable: true })
