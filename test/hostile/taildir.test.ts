// The taildir source with much to do: many files, many small lines, a file that grows all the time.
import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { after, test } from 'node:test'
import { descriptorsBelow, TailStage } from '../tail-stage.ts'

const root = fs.mkdtempSync(join(tmpdir(), 'millrace-tail-load-'))
after(() => fs.rmSync(root, { recursive: true, force: true }))

test('10,000 files are followed with few of them open', { skip: process.platform !== 'linux' }, async () => {
  const tail = new TailStage(join(root, 'many'), { batchSize: 10 })
  const files = 10_000
  for (let file = 0; file < files; file++) tail.write(`${file}.log`, `${file} one\n`)
  await tail.start()
  await tail.pass()
  assert.ok(descriptorsBelow(tail.directory) <= 1000)
  for (let file = 0; file < files; file += 100) tail.append(`${file}.log`, `${file} two\n`)
  assert.equal((await tail.pass()).length, files / 100)
  assert.equal(new Set(tail.bodies()).size, files + files / 100)
  assert.equal(tail.events.length, files + files / 100)
  await tail.stop()
  assert.equal(tail.positions().length, files)
  assert.equal(descriptorsBelow(tail.directory), 0)
})

test('a million empty lines leave the event loop to others', async () => {
  const tail = new TailStage(join(root, 'small'), { batchSize: 100_000, byteOffsetHeader: true })
  const lines = 1_000_000
  fs.writeFileSync(tail.path('a.log'), Buffer.alloc(lines, '\n'))
  await tail.start()
  let longestMs = 0
  let turns = 0
  let isOver = false
  let last = process.threadCpuUsage()
  const turn = () => {
    const now = process.threadCpuUsage()
    longestMs = Math.max(longestMs, (now.user + now.system - last.user - last.system) / 1000)
    last = now
    turns++
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  await tail.pass()
  isOver = true
  assert.equal(tail.events.length, lines)
  assert.ok(turns > 20, `${turns} turns`)
  // Garbage collection counts, too: what the source itself may take in a turn is 10 ms.
  assert.ok(longestMs < 100, `${longestMs} ms of CPU in one turn`)
})

test('a file that is written faster than it is read is read to the size of the look', async () => {
  const tail = new TailStage(join(root, 'fast'), { batchSize: 1000 })
  const piece = `${'x'.repeat(199)}\n`.repeat(20_000)
  tail.write('a.log', piece)
  let pieces = 1
  tail.put = async () => {
    if (pieces >= 10) return
    pieces++
    fs.appendFileSync(tail.path('a.log'), piece)
  }
  await tail.start()
  await tail.pass()
  assert.equal(pieces, 10)
  assert.equal(tail.events.length, 20_000, 'the others have their turn')
  while (tail.events.length < 200_000) await tail.pass()
  assert.equal(tail.events.length, 200_000)
})
