import assert from 'node:assert/strict'
import test from 'node:test'
import { realSystem } from '../../system/system.ts'
import { VirtualClock } from '../../../test/virtual-clock.ts'
import { javaAddress, Senders } from './sender.ts'

test('addresses are written as Java writes them', () => {
  for (const [address, text] of [
    ['127.0.0.1', '127.0.0.1'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['::1', '0:0:0:0:0:0:0:1'],
    ['::', '0:0:0:0:0:0:0:0'],
    ['2001:db8::8a2e:370:7334', '2001:db8:0:0:0:8a2e:370:7334'],
    ['fe80::1%eth0', 'fe80:0:0:0:0:0:0:1%eth0'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2:3:4:5:6'],
  ] as const)
    assert.equal(javaAddress(address), text)
})

test('a name is looked up once, is not waited for longer than 5 s, and forgotten after ten minutes', async () => {
  const clock = new VirtualClock()
  const asked: string[] = []
  const nameOf = (address: string): Promise<string | null> => {
    asked.push(address)
    return address === '10.0.0.3'
      ? new Promise(() => {})
      : Promise.resolve(address === '10.0.0.1' ? 'a' : null)
  }
  const headers = { clientIPHeader: 'ip', clientHostnameHeader: 'name' }
  const senders = new Senders(headers, { clock, network: { ...realSystem.network, nameOf } })
  const of = async (address: string) => Object.fromEntries(await senders.headersOf(address))
  assert.deepEqual(await of('::ffff:10.0.0.1'), { ip: '10.0.0.1', name: '10.0.0.1' })
  assert.deepEqual(await of('10.0.0.1'), { ip: '10.0.0.1', name: 'a' })
  assert.deepEqual(await of('10.0.0.1'), { ip: '10.0.0.1', name: 'a' })
  assert.deepEqual(await of('10.0.0.2'), { ip: '10.0.0.2', name: '10.0.0.2' })
  const hanging = of('10.0.0.3')
  await clock.advance(5000)
  assert.deepEqual(await hanging, { ip: '10.0.0.3', name: '10.0.0.3' })
  await clock.advance(600_000)
  await of('10.0.0.1')
  assert.deepEqual(asked, ['::ffff:10.0.0.1', '10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.1'])
})

test('nothing is looked up where no header asks for it', async () => {
  const network = { ...realSystem.network, nameOf: () => assert.fail('looked up') }
  const none = { clientIPHeader: undefined, clientHostnameHeader: undefined }
  assert.deepEqual(await new Senders(none, { ...realSystem, network }).headersOf('::1'), [])
})
