// What a file channel does when files of it are removed, renamed or replaced from outside while it runs.
import assert from 'node:assert/strict'
import { cp, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { afterEach, it } from 'node:test'
import { cleanUp, eventOf, Home, put, range } from '../../../test/channel-home.ts'
import { rejectsWith } from '../../../test/contracts/channel-events.ts'

afterEach(cleanUp)

const never = new AbortController().signal
const two = ['d1', 'd2']

for (const [what, harm] of [
  ['its data directory is deleted', (home: Home) => rm(home.at('d1'), { recursive: true })],
  ['its data directory is renamed', (home: Home) => rename(home.at('d1'), home.at('x'))],
  [
    'another takes the place of its data directory',
    async (home: Home) => {
      await rename(home.at('d1'), home.at('x'))
      await cp(home.at('x'), home.at('d1'), { recursive: true, filter: source => !source.endsWith('.lock') })
    },
  ],
  [
    'an older segment is deleted',
    async (home: Home) => rm(home.at(`d2/millrace-${(await home.segments('d2'))[0]}.wal`)),
  ],
] as const)
  it(`fails while it runs when ${what}: puts, takes and health say so`, async () => {
    const home = await Home.make()
    const channel = await home.open(two)
    await put(channel, 0, 300)
    // The newest segment lies in d1 where that is harmed.
    for (
      let at = 300;
      Math.max(...(await home.segments('d1'))) < Math.max(...(await home.segments('d2')));
      at += 10
    )
      await put(channel, at, at + 10)
    const failed = home.context.log.line(
      /ERROR .* (was removed or renamed while the channel runs|could not write its log)/,
    )
    await harm(home)
    await assert.rejects(async () => {
      for (;;) await put(channel, 0, 1)
    }, /CHANNEL_FAILED|was removed or renamed|could not write/)
    await failed
    assert.match(home.context.health().join(), /was removed or renamed|could not write/)
    assert.equal(home.context.counters.get('Unhealthy'), 1)
    await rejectsWith('CHANNEL_FAILED', channel.take({ events: 1 }, never))
    await rejectsWith('CHANNEL_FAILED', channel.put([eventOf(0)]))
    await channel.stop()
    if (what.includes('deleted')) await home.refuses(two, /missing/)
  })

it('fails within seconds although nothing is put', async () => {
  const home = await Home.make()
  await home.open(['d'])
  await rm(home.at('d'), { recursive: true })
  await home.context.log.line(/ERROR .*\/d was removed or renamed while the channel runs/)
  assert.equal(home.context.counters.get('Unhealthy'), 1)
})

it('writes its checkpoint again where that was deleted while it ran', async () => {
  const home = await Home.make()
  const channel = await home.open(['d'])
  await put(channel, 0, 10)
  await rm(home.at('c/millrace.checkpoint'))
  await channel.stop()
  await rm(home.at('d'), { recursive: true })
  await home.refuses(['d'], /: 10 undelivered events are missing/)
})

for (const [what, harm, says] of [
  [
    'all files in a data directory without a segment are deleted',
    async (home: Home) => {
      for (const name of await readdir(home.at('d1'))) await rm(home.at(`d1/${name}`))
    },
    /ERROR channel c1: the files in \S+\/d1 were removed while the channel runs\. Put it back and start the agent again/,
  ],
  [
    'an empty directory takes the place of one without a segment',
    async (home: Home) => {
      await rename(home.at('d1'), home.at('x'))
      await mkdir(home.at('d1'))
    },
    /ERROR channel c1: \S+\/d1 was removed or renamed while the channel runs, and another directory lies there\. Put it back and start the agent again/,
  ],
] as const)
  it(`notices that ${what}, although nothing is put`, async () => {
    const home = await Home.make()
    await home.open(two)
    assert.deepEqual(await home.segments('d1'), [])
    await harm(home)
    await home.context.log.line(says)
  })

it('raises a condition when its checkpoint directory is deleted, and writes it again when it is there', async () => {
  const home = await Home.make()
  const channel = await home.open(['d'])
  await put(channel, 0, 10)
  await rm(home.at('c'), { recursive: true })
  await home.context.log.line(
    /WARN directory \S+\/c was removed or renamed while the channel runs, and no checkpoint can be written\. Put it back, or create it/,
  )
  await put(channel, 10, 20)
  await mkdir(home.at('c'))
  await home.context.log.line(/INFO \S+\/c\/millrace\.checkpoint is written again/)
  await rm(home.at('c/millrace.checkpoint'))
  for (;;) if ((await readdir(home.at('c'))).includes('millrace.checkpoint')) break
  await channel.stop()
  assert.deepEqual(await home.drain(['d']), range(0, 20))
})
