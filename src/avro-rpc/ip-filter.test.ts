import assert from 'node:assert/strict'
import { test } from 'node:test'
import { admits, parseIpRules } from './ip-filter.ts'

const names = new Map([
  ['10.0.0.1', 'web1.example.com'],
  ['10.0.0.2', 'db.example.org'],
])
const nameOf = (address: string) => Promise.resolve(names.get(address) ?? null)
async function decide(text: string, address: string): Promise<boolean> {
  const parsed = parseIpRules(text)
  assert.ok('rules' in parsed, text)
  return admits(parsed.rules, address, nameOf, ['192.168.1.7'])
}

test('the first rule that matches decides, and who matches none may connect', async () => {
  for (const [rules, address, may] of [
    ['deny:ip:127.0.0.1', '127.0.0.1', false],
    ['deny:ip:127.0.0.1', '127.0.0.2', true],
    ['allow:ip:127.*,deny:ip:*', '127.0.0.1', true],
    ['allow:ip:127.*,deny:ip:*', '10.0.0.1', false],
    ['deny:ip:*,allow:ip:127.*', '127.0.0.1', false],
    ['deny:ip:10.0.0.?', '10.0.0.1', false],
    ['deny:ip:10.0.0.?', '10.0.0.11', true],
    ['deny:ip:10.0.0.1', '10a0b0c1', true],
    ['deny:ip:127.0.0.1', '::ffff:127.0.0.1', false],
    ['allow:ip:fe80:*,deny:ip:*', 'fe80::1', true],
    ['deny:name:*.example.com', '10.0.0.1', false],
    ['deny:name:*.example.com', '10.0.0.2', true],
    ['deny:name:10.*', '10.9.9.9', false],
    ['allow:name:localhost,deny:ip:*', '127.0.0.1', true],
    ['allow:name:localhost,deny:ip:*', '::1', true],
    ['allow:name:localhost,deny:ip:*', '192.168.1.7', true],
    ['allow:name:localhost,deny:ip:*', '192.168.1.8', false],
    [' allow:ip:127.* , deny:ip:* ', '10.0.0.1', false],
  ] as const)
    assert.equal(await decide(rules, address), may, `${rules} for ${address}`)
})

test('names are looked up only when a rule about names is reached', async () => {
  const parsed = parseIpRules('allow:ip:10.*,deny:name:x')
  assert.ok('rules' in parsed)
  const asked: string[] = []
  const ask = (address: string) => {
    asked.push(address)
    return Promise.resolve(null)
  }
  await admits(parsed.rules, '10.0.0.1', ask)
  assert.deepEqual(asked, [])
  await admits(parsed.rules, '11.0.0.1', ask)
  assert.deepEqual(asked, ['11.0.0.1'])
})

test('a rule that cannot be read is named', () => {
  for (const text of ['permit:ip:*', 'allow:host:x', 'allow:ip', 'allow:ip:', '', 'allow:ip:*,,deny:ip:*'])
    assert.match((parseIpRules(text) as { problem: string }).problem, /^the rule ".*" cannot be read$/)
})
