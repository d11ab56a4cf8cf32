import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeptLog } from '../../../test/context.ts'
import { RequestSize } from './request-size.ts'

const sizeOf = (whole = 100) => {
  const log = new KeptLog()
  return { log, size: new RequestSize(whole, { log, peer: 'b:44444' }) }
}

/** A peer whose transactions hold `capacity` events; gives the sizes of the requests until all has passed. */
function send(size: RequestSize, count: number, capacity: number, now: number): number[] {
  const sizes: number[] = []
  for (let left = count; left > 0;) {
    const next = Math.min(left, size.most(now))
    sizes.push(next)
    if (next > capacity) assert.ok(size.refused(next, 1, now))
    else {
      size.passed(next, now)
      left -= next
    }
  }
  return sizes
}

test('what is refused at once is halved until it passes, and the size is kept, told in one line', () => {
  const { size, log } = sizeOf()
  assert.deepEqual(send(size, 100, 30, 0), [100, 50, 25, 25, 25, 25])
  assert.deepEqual(send(size, 100, 30, 9000), [25, 25, 25, 25])
  assert.equal(log.lines.length, 1)
  assert.match(
    log.lines[0]!,
    /b:44444 refuses 50 events in one request and takes 25: .*transactionCapacity is below batch-size/,
  )
  assert.equal(size.most(0), 25)
})

test('a larger size is tried after a while, less and less often while it fails', () => {
  const { size, log } = sizeOf()
  send(size, 100, 30, 0)
  const trials: number[] = []
  for (let now = 0; now < 3_600_000; now += 1000)
    if (send(size, 100, 30, now).includes(50)) trials.push(now / 1000)
  assert.deepEqual(trials.slice(0, 7), [10, 30, 70, 150, 310, 630, 1230])
  assert.equal(log.lines.length, 1)
  // The capacity was raised.
  const sizes = send(size, 400, 1000, 5_000_000)
  assert.deepEqual(sizes, [50, 100, 100, 100, 50])
  assert.match(log.lines[1]!, /b:44444 takes batches of 100 events again/)
  assert.deepEqual(send(size, 100, 1000, 5_000_000), [100])
})

test('a peer that was away is tried with more at once', () => {
  const { size } = sizeOf()
  send(size, 100, 30, 0)
  size.peerLeft(1000)
  assert.deepEqual(send(size, 100, 1000, 1000), [50, 50])
})

test('a refusal after a wait is a full channel; one event refused is none of size', () => {
  const { size, log } = sizeOf()
  assert.equal(size.refused(100, 3000, 0), false)
  assert.equal(size.most(0), 100)
  for (const next of [100, 50, 25, 13, 7, 4, 2]) {
    assert.equal(size.most(0), next)
    assert.equal(size.refused(next, 1, 0), true)
  }
  assert.equal(size.refused(1, 1, 0), false)
  assert.equal(size.refused(100, 1, 0), false, 'no further halving')
  assert.equal(size.most(0), 100)
  size.passed(100, 0)
  assert.equal(size.refused(100, 1, 0), true, 'until something has passed')
  assert.deepEqual(log.lines, [])
})
