// The list of planted faults fits the sources, and its last result is about this list.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { chainMutations } from './chain-mutations.ts'
import { mutations as channelMutations } from './mutations.ts'

const root = join(import.meta.dirname, '../..')
const mutations = [...channelMutations, ...chainMutations]

it('plants every fault in exactly one place, and names tests that are there', () => {
  for (const list of [channelMutations, chainMutations]) assert.ok(list.length >= 25)
  for (const { name, file, from, to, tests } of mutations) {
    assert.equal(readFileSync(join(root, file), 'utf8').split(from).length, 2, name)
    assert.notEqual(from, to)
    for (const test of tests) assert.ok(existsSync(join(root, test)), test)
  }
})

it('was run with every fault, and each was found', () => {
  const page = readFileSync(join(root, 'docs/durability-mutations.md'), 'utf8')
  for (const { name } of mutations)
    assert.ok(page.includes(`| ${name} |`), `${name}: node test/mutation/run.ts`)
  assert.doesNotMatch(page, /not found/)
})
