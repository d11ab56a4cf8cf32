// Ages of the oldest event: of both channels, and how many times are kept for them.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { contextFor, optionsFor } from '../../test/context.ts'
import { eventsOf } from '../../test/contracts/channel-events.ts'
import { VirtualClock } from '../../test/virtual-clock.ts'
import type { Channel } from '../component.ts'
import { realSystem } from '../system/system.ts'
import { ArrivalTimes } from './arrival-times.ts'
import { fileChannel } from './file.ts'
import { memoryChannel } from './memory.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-arrivals-'))
after(() => rmSync(directory, { recursive: true, force: true }))
const never = new AbortController().signal

const kinds: Record<string, (clock: VirtualClock) => Channel> = {
  memory: clock =>
    memoryChannel.create(
      optionsFor(memoryChannel),
      contextFor('CHANNEL', 'c1', memoryChannel.counters, { system: { ...realSystem, clock } }),
    ),
  file: clock =>
    fileChannel.create(
      optionsFor(fileChannel, {
        checkpointDir: join(directory, 'checkpoint'),
        dataDirs: [join(directory, 'data')],
        minimumRequiredSpace: 0,
        maxFileSize: 1024 * 1024,
      }),
      contextFor('CHANNEL', 'c1', fileChannel.counters, { system: { ...realSystem, clock } }),
    ),
}

for (const [kind, make] of Object.entries(kinds))
  test(`the ${kind} channel gives the age of its oldest event, taken ones included`, async () => {
    const clock = new VirtualClock()
    const channel = make(clock)
    await channel.start()
    assert.equal(channel.oldestEventAgeMs, null)
    for (const number of [0, 1, 2]) {
      await channel.put(eventsOf(number, 1))
      await clock.advance(1000)
    }
    assert.equal(channel.oldestEventAgeMs, 3000)
    const first = (await channel.take({ events: 1 }, never))!
    const second = (await channel.take({ events: 1 }, never))!
    await second.commit()
    assert.equal(channel.oldestEventAgeMs, 3000, 'the first is still inside')
    await first.commit()
    assert.equal(channel.oldestEventAgeMs, 1000)
    const third = (await channel.take({ events: 1 }, never))!
    await third.rollback()
    assert.equal(channel.oldestEventAgeMs, 1000)
    await (await channel.take({ events: 1 }, never))!.commit()
    assert.equal(channel.oldestEventAgeMs, null)
    await channel.put(eventsOf(3, 1))
    assert.equal(channel.oldestEventAgeMs, 0)
    await channel.stop()
  })

test('of an event that was there when the file channel opened the age is not known', async () => {
  const clock = new VirtualClock()
  const channel = kinds['file']!(clock)
  assert.equal(channel.diskBytes, null)
  await channel.start()
  assert.equal(channel.size, 1)
  await channel.put(eventsOf(4, 1))
  await clock.advance(500)
  assert.equal(channel.oldestEventAgeMs, null)
  assert.ok(channel.diskBytes! >= 1024 * 1024)
  await (await channel.take({ events: 1 }, never))!.commit()
  assert.equal(channel.oldestEventAgeMs, 500)
  await channel.stop()
  assert.equal(channel.diskBytes, null)
})

test('a day of waiting events needs few times, each right to 1 %', async () => {
  let now = 0
  const clock = { ...realSystem.clock, monotonic: () => now }
  const times = new ArrivalTimes(clock)
  const day = 24 * 3_600_000
  let kept = 0
  for (let number = 0; now < day; number++, now += 1000) {
    times.arrived(number, 0)
    kept = number
  }
  for (const number of [0, 1, 100, kept / 2, kept - 100]) {
    const age = times.ageOf(Math.floor(number))!
    const truth = now - Math.floor(number) * 1000
    assert.ok(age >= truth && age <= truth + day / 100, `${number}: ${age} of ${truth}`)
  }
  assert.ok(times.kept < 3000, String(times.kept))
  times.arrived(kept + 1, kept + 1)
  assert.equal(times.ageOf(kept + 1), 0)
  assert.ok(times.kept <= 2)
})
