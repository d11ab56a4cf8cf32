import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sharingLookups } from './name-lookups.ts'

test('names are looked up once at a time, and two of them at most', () => {
  const answers: (() => void)[] = []
  const asked: string[] = []
  const heard: string[] = []
  const lookUp = sharingLookups((host, _, callback) => {
    asked.push(host)
    answers.push(() => callback(null, `address of ${host}`, 4))
  }, 2)
  const ask = (host: string): void => lookUp(host, {}, (_, address) => void heard.push(String(address)))
  for (const host of ['a', 'a', 'b', 'c', 'd', 'a']) ask(host)
  assert.deepEqual(asked, ['a', 'b'])
  answers[0]!()
  assert.deepEqual(heard, ['address of a', 'address of a', 'address of a'])
  assert.deepEqual(asked, ['a', 'b', 'c'])
  ask('a')
  for (let turn = 1; turn < 5; turn++) answers[turn]!()
  assert.deepEqual(asked, ['a', 'b', 'c', 'd', 'a'])
  assert.equal(heard.length, 7)
})
