// What a file channel does at a start when part of what it left on the disk is not there any more: data directories
// that are gone, empty, other ones or of another time, segments, the checkpoint.
import assert from 'node:assert/strict'
import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterEach, it } from 'node:test'
import { cleanUp, Home, put, range, take } from '../../../test/channel-home.ts'
import { programName } from '../../system/launcher.ts'
import { realSystem } from '../../system/system.ts'
import { Checkpoint, type ChannelState } from './checkpoint.ts'

afterEach(cleanUp)

const one = ['d']
const two = ['d1', 'd2']

it('refuses to open where its only data directory is gone, and names it and its events', async () => {
  const home = await Home.make()
  await home.keep(one, 0, 50)
  await rename(home.at('d'), home.at('away'))
  const said = await home.refuses(one, /: 50 undelivered events are missing: .*\/d, which held 50 of them/)
  assert.match(said, /holds no file of this channel: it is empty, new or not mounted/)
  const [, launcher, words] = /"(\S*millrace) (channel repair .*?)"/.exec(said)!
  assert.equal(words, `channel repair --accept-loss --checkpoint ${home.at('c')} ${home.at('d')}`)
  assert.equal(launcher, programName('millrace'))
  // A file system that is not mounted leaves its mount point.
  await mkdir(home.at('d'))
  await home.refuses(one, /: 50 undelivered events are missing/)
  await home.refuses(['other'], /: 50 undelivered events .*\/d, which held .* not among dataDirs/)
  await rm(home.at('d'), { recursive: true })
  await rename(home.at('away'), home.at('d'))
  assert.deepEqual(await home.drain(one), range(0, 50))
})

it('says how much a kill leaves unknown', async () => {
  const home = await Home.make()
  const channel = await home.open(one)
  await put(channel, 0, 50)
  const killed = await home.killed()
  await rm(killed.at('d'), { recursive: true })
  await killed.refuses(['d'], /at least \d\d undelivered events are missing.*what came later is not known/)
  // Each new segment is told at once: of those before it the events are known.
  await put(channel, 50, 200)
  const later = await home.killed()
  const newest = Math.max(...(await later.segments('d')))
  assert.ok(newest > 2)
  await rm(later.at(`d/millrace-${newest}.wal`))
  await later.refuses(['d'], new RegExp(`millrace-${newest}\\.wal is not in .* any more`))
})

it('calls the number of events unknown where the checkpoint knows of none and was not written by a clean stop', async () => {
  const home = await Home.make()
  await home.open(one)
  const killed = await home.killed()
  await rm(killed.at('d'), { recursive: true })
  await killed.refuses(one, /which held an unknown number of them \(millrace-1\.wal\)/)
})

it('names a command as a shell takes it: by its path where PATH does not have it, by npx where that started it', async () => {
  const home = await Home.make()
  await mkdir(home.at('node_modules/.bin'), { recursive: true })
  await writeFile(home.at('node_modules/.bin/millrace'), '', { mode: 0o755 })
  const launcher = programName('millrace', { PATH: '/nowhere' })
  assert.match(launcher, /^\/.*\/bin\/millrace$/)
  assert.equal(programName('millrace', { PATH: `/nowhere:${dirname(launcher)}` }), 'millrace')
  assert.equal(programName('flume-ng', { PATH: '/nowhere' }), join(dirname(launcher), 'flume-ng'))
  // What npm puts into PATH is in no shell.
  const bin = 'node_modules/.bin'
  const npm = { npm_execpath: '/npm-cli.js', PATH: join(home.at(bin)) }
  assert.equal(programName('millrace', npm), launcher)
  assert.equal(programName('millrace', { PATH: home.at(bin) }), 'millrace')
  assert.equal(programName('millrace', { ...npm, npm_command: 'exec' }), 'npx millrace')
})

it('goes on empty once the loss is accepted', async () => {
  const home = await Home.make()
  await home.keep(one, 0, 50)
  await rm(home.at('d'), { recursive: true })
  assert.equal(await home.accept(one), 0)
  await home.keep(one, 50, 60)
  assert.deepEqual(await home.drain(one), range(50, 60))
})

it('refuses to open where one of several data directories is lost, and delivers the rest once that is accepted', async () => {
  for (const lost of two) {
    const home = await Home.make()
    await home.keep(two, 0, 300)
    const [kept] = two.filter(name => name !== lost) as [string]
    assert.ok((await home.segments(lost)).length > 1 && (await home.segments(kept)).length > 1)
    await rename(home.at(lost), home.at('away'))
    await mkdir(home.at(lost))
    const said = await home.refuses(two, /(\d+) undelivered events are missing/)
    const missing = Number(/(\d+) undelivered/.exec(said)![1])
    assert.ok(missing > 50 && missing < 250, said)
    assert.match(said, new RegExp(`/${lost}, which held ${missing} of them \\(millrace-`))
    await home.refuses([kept], /not among dataDirs/)
    assert.equal(await home.accept(two), 300 - missing)

    const channel = await home.open(two)
    assert.equal(channel.size, 300 - missing)
    await put(channel, 300, 400)
    const before = await take(channel, 100)
    await channel.stop()
    const found = [...before, ...(await home.drain(two))]
    assert.equal(found.length, 400 - missing)
    assert.deepEqual(
      found,
      [...new Set(found)].sort((a, b) => a - b),
    )
    assert.ok(
      !home.context.log.lines.some(line => /lost|taken events/.test(line)),
      home.context.log.lines.join(),
    )

    // It comes back, with events that were given up.
    await rm(home.at(lost), { recursive: true })
    await rename(home.at('away'), home.at(lost))
    await home.refuses(
      two,
      new RegExp(`the loss of .*/${lost} was accepted, and it is back`),
      'FOREIGN_FILES',
    )
  }
})

it('opens after d1, then d1 and d2, then d2 only where nothing undelivered is left in d1', async () => {
  const home = await Home.make()
  await home.keep(['d1'], 0, 50)
  await home.keep(two, 50, 60)
  await home.refuses(
    ['d2'],
    /: 50 undelivered events are missing: .*\/d1, which held 50 .* not among dataDirs/,
  )
  assert.deepEqual(await home.drain(two), range(0, 60))
  await home.keep(['d2'], 60, 70)
  assert.match(
    home.context.log.lines.join('\n'),
    /runs without its directory \S+\/d1, which held no undelivered event/,
  )
  // And back again.
  await home.keep(two, 70, 80)
  await home.keep(['d2', 'd3', 'd1'], 80, 90)
  assert.deepEqual(await home.drain(['d3', 'd1', 'd2']), range(60, 90))
})

it('leaves out a directory after a kill only where it is certain that nothing was in it', async () => {
  const home = await Home.make()
  await home.keep(two, 0, 10)
  assert.deepEqual(await home.drain(two), range(0, 10))
  const channel = await home.open(two)
  await put(channel, 10, 100)
  await take(channel, 90)
  const killed = await home.killed()
  await killed.refuses(
    ['d2'],
    /undelivered events may be missing: .*\/d1 is a data directory of this channel/,
  )
  await killed.drain(two)
  assert.deepEqual(await killed.drain(['d2']), [])
})

it('starts without a log once everything in it was delivered', async () => {
  const home = await Home.make()
  await home.keep(two, 0, 50)
  assert.deepEqual(await home.drain(two), range(0, 50))
  for (const name of two) await rm(home.at(name), { recursive: true })
  await home.keep(['other'], 50, 60)
  assert.deepEqual(await home.drain(['other']), range(50, 60))
})

it('finds its directories in another order and at other places', async () => {
  const home = await Home.make()
  await home.keep(two, 0, 150)
  await home.keep(['d2', 'd1'], 150, 300)
  for (const name of two) await rename(home.at(name), home.at(`${name}-moved`))
  await home.keep(['d2-moved', 'd1-moved'], 300, 310)
  // Also where the marks were left behind, as by a copy of the segments alone.
  for (const name of two) await rm(home.at(`${name}-moved/millrace.channel`))
  for (const name of two) await rename(home.at(`${name}-moved`), home.at(name))
  assert.deepEqual(await home.drain(two), range(0, 310))
})

it('opens without its checkpoint and says so, unless a data directory is lost with it', async () => {
  const home = await Home.make()
  await home.keep(two, 0, 300)
  await rm(home.at('c'), { recursive: true })
  const whole = await home.killed()
  const channel = await whole.open(two)
  assert.equal(channel.size, 300)
  assert.match(
    whole.context.log.lines.join('\n'),
    /WARN .*c\/millrace\.checkpoint is not there; what is inside/,
  )
  await channel.stop()

  await rm(home.at('d1'), { recursive: true })
  await mkdir(home.at('d1'))
  await home.refuses(two, /\/d1 holds no file of this channel/)
  await home.refuses(['d2'], /\/d1 is a data directory of this channel and not among dataDirs/)
  assert.ok((await home.accept(two)) < 300)
  const found = await home.drain(two)
  assert.deepEqual(
    found,
    [...new Set(found)].sort((a, b) => a - b),
  )
})

it('takes no fresh start for a channel of which only a mark or an unreadable checkpoint is left', async () => {
  const home = await Home.make()
  await home.keep(one, 0, 10)
  for (const id of await home.segments('d')) await rm(home.at(`d/millrace-${id}.wal`))
  const checkpoint = home.at('c/millrace.checkpoint')
  const bytes = await readFile(checkpoint)
  await rm(checkpoint)
  await home.refuses(one, /\/d held a log by millrace\.channel there, and no millrace-\*\.wal/)
  await rm(home.at('d'), { recursive: true })
  await writeFile(checkpoint, bytes.fill(1, 30, 60).fill(1, bytes.length / 2 + 30, bytes.length / 2 + 60))
  await home.refuses(one, /millrace\.checkpoint cannot be read, and no millrace-\*\.wal lies in/)
  assert.equal(await home.accept(one), 0)
  assert.deepEqual(await home.drain(one), [])
})

it('notices a segment that is gone, whichever it is', async () => {
  const home = await Home.make()
  await home.keep(one, 0, 300)
  const ids = await home.segments('d')
  assert.ok(ids.length >= 5)
  for (const id of ids)
    for (const hasCheckpoint of [true, false]) {
      // Without the checkpoint nothing speaks of the newest.
      if (!hasCheckpoint && id === ids.at(-1)) continue
      const damaged = await home.killed()
      if (!hasCheckpoint) await rm(damaged.at('c'), { recursive: true })
      await rm(damaged.at(`d/millrace-${id}.wal`))
      const said = await damaged.refuses(one, new RegExp(`millrace-${id}\\.wal .*not in .*/d any more`))
      const missing = Number(/(\d+) undelivered/.exec(said)![1])
      assert.ok(missing > 0 && missing < 100)
      assert.equal(await damaged.accept(one), 300 - missing)
      const found = await damaged.drain(one)
      assert.equal(found.length, 300 - missing)
      assert.deepEqual(
        found,
        [...new Set(found)].sort((a, b) => a - b),
      )
    }
})

it('notices a log of an earlier time', async () => {
  const home = await Home.make()
  await home.keep(one, 0, 30)
  const earlier = await home.killed()
  await home.keep(one, 30, 40)
  await rm(home.at('d'), { recursive: true })
  await rename(earlier.at('d'), home.at('d'))
  await home.refuses(one, /: 10 undelivered events are missing: millrace-2\.wal is not in .*\/d any more/)

  const running = await home.killed()
  await running.accept(one)
  const channel = await running.open(one)
  const before = await running.killed()
  await put(channel, 40, 60)
  await channel.stop()
  await rm(running.at('d'), { recursive: true })
  await rename(before.at('d'), running.at('d'))
  await running.refuses(
    one,
    /: 20 undelivered events are missing: millrace-\d\.wal in .*\/d is of an earlier time/,
  )
})

it('is not deceived by a checkpoint of an earlier time', async () => {
  const home = await Home.make()
  await home.keep(['d1'], 0, 10)
  assert.deepEqual(await home.drain(['d1']), range(0, 10))
  const earlier = await home.killed()
  await home.keep(two, 10, 40)
  await rm(home.at('c'), { recursive: true })
  await rename(earlier.at('c'), home.at('c'))
  const whole = await home.killed()
  await rm(home.at('d2'), { recursive: true })
  for (const dataDirs of [two, ['d1']])
    await home.refuses(dataDirs, /\/d2 (holds no file|is a data directory)/)
  for (const name of two) {
    await rm(home.at(name), { recursive: true, force: true })
    await rename(whole.at(name), home.at(name))
  }
  assert.deepEqual(await home.drain(two), range(10, 40))
})

it('refuses the checkpoint of another channel, and a directory of another, truthfully', async () => {
  const home = await Home.make()
  await home.keep(['d1'], 0, 30, 'c')
  await home.keep(['d2'], 100, 140, 'c2')
  await home.refuses(
    ['d2'],
    /c\/millrace\.checkpoint is of another channel, with 30 undelivered events in .*\/d1/,
    'FOREIGN_FILES',
  )
  await home.refuses(two, /millrace-1\.wal and .* are there both/, 'FOREIGN_FILES')
  await home.keep(['d2'], 140, 200, 'c2')
  for (const id of [1, 2]) await rm(home.at(`d2/millrace-${id}.wal`), { force: true })
  await home.refuses(two, /are of two channels/, 'FOREIGN_FILES')
  for (const id of await home.segments('d2')) await rm(home.at(`d2/millrace-${id}.wal`))
  await home.refuses(two, /are data directories of two channels/, 'FOREIGN_FILES')
  // The way that is named.
  await rm(home.at('c/millrace.checkpoint'))
  assert.deepEqual(await home.drain(['d1']), range(0, 30))
})

it('refuses a copy of a directory beside it', async () => {
  const home = await Home.make()
  await home.keep(['d1'], 0, 30)
  await cp(home.at('d1'), home.at('d2'), { recursive: true, filter: source => !source.endsWith('.lock') })
  await home.refuses(two, /d1\/millrace-1\.wal and .*d2\/millrace-1\.wal are there both/, 'FOREIGN_FILES')
})

/** Takes away what channels did not write before they knew their directories. */
async function asBefore(home: Home): Promise<void> {
  const checkpoint = new Checkpoint(realSystem.disk, home.at('c'))
  const state = (await checkpoint.read())!
  const { channelId, segment, position, mark, nextNumber, low, gone } = state
  const segments = state.segments.map(({ id, salt, first, start, end }) => ({ id, salt, first, start, end }))
  const former: ChannelState = { channelId, segment, position, mark, nextNumber, low, gone, segments }
  await rm(checkpoint.path)
  const fresh = new Checkpoint(realSystem.disk, home.at('c'))
  await fresh.write(former)
  await fresh.close()
  for (const { path } of state.directories!) await rm(join(path, 'millrace.channel'))
}

it('opens what was written before channels knew their directories, and notices a loss there, too', async () => {
  const home = await Home.make()
  await home.keep(two, 0, 200)
  await asBefore(home)
  const channel = await home.open(two)
  assert.equal(channel.size, 200)
  await channel.stop()
  await asBefore(home)
  await rename(home.at('d1'), home.at('away'))
  const said = await home.refuses(two, /at least (\d+) undelivered events are missing/)
  assert.match(said, /are not in .*\/d1, .*\/d2 any more/)
  await rename(home.at('away'), home.at('d1'))
  assert.deepEqual(await home.drain(two), range(0, 200))
})
