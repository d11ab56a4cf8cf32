// Agents that are started on a disk that is full: the check warns, the agent runs and refuses puts, and goes on by
// itself when the disk has room. On real file systems, so it needs root.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { inDirectory } from '../demo/demo-process.ts'
import { startProcess } from '../interop/peers/process.ts'
import { root } from '../source-text.ts'

const skip = process.getuid?.() === 0 && process.platform === 'linux' ? false : 'file systems are mounted'

describe('an agent that is started on', { skip }, () => {
  for (const [what, options] of Object.entries({
    'a full disk': 'size=64k',
    'a disk without a free byte or inode': 'size=4k,nr_inodes=2',
    'a disk with room for one segment': 'size=260k',
  }))
    test(what, () =>
      inDirectory(async directory => {
        const mounted = join(directory, 'full')
        mkdirSync(mounted)
        const mount = (words: string) =>
          assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', words, 'millrace', mounted]).status, 0)
        mount(options)
        try {
          if (options.startsWith('size=4k')) writeFileSync(join(mounted, 'x'), Buffer.alloc(4096))
          const path = join(directory, 'flume.conf')
          writeFileSync(
            path,
            `a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = seq
a1.sources.r1.totalEvents = 1
a1.sources.r1.channels = c1
a1.channels.c1.type = file
a1.channels.c1.checkpointDir = ${join(directory, 'cp')}
a1.channels.c1.dataDirs = ${join(mounted, 'data')}
a1.channels.c1.minimumRequiredSpace = 1048576
a1.sinks.k1.type = logger
a1.sinks.k1.channel = c1
`,
          )
          const program = join(root, 'bin/flume-ng')
          const words = ['-n', 'a1', '-f', path]
          const checked = spawnSync(program, ['check', ...words], { encoding: 'utf8' })
          assert.equal(checked.status, 0, checked.stderr)
          assert.match(
            checked.stdout + checked.stderr,
            /warning: channel c1 (will refuse|refuses) puts: .*(full\/data|fewer than)/,
          )
          await using agent = await startProcess({
            name: 'agent',
            directory,
            command: [program, 'agent', ...words],
            ready: /Agent a1 started/,
          })
          await agent.line(/ERROR .*channel c1 refuses puts: /)
          mount('remount,size=64m,nr_inodes=1000')
          await agent.line(/channel c1 takes puts again/)
          // The source had to wait: its event comes through now.
          await agent.line(/Event: /)
        } finally {
          spawnSync('umount', ['-l', mounted])
        }
      }),
    )
})
