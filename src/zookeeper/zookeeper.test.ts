import assert from 'node:assert/strict'
import { it } from 'node:test'
import { whereOf } from '../address.ts'
import { readConnectString } from './zookeeper.ts'

it('a connect string has hosts, ports where they are not 2181, and a path', () => {
  const read = (text: string) => {
    const found = readConnectString(text)
    return found === null ? null : `${found.servers.map(whereOf).join(' ')} ${found.chroot}`
  }
  assert.equal(read('zk1:2182, zk2'), 'zk1:2182 zk2:2181 ')
  assert.equal(read('zk1,zk2:2182/kafka/a'), 'zk1:2181 zk2:2182 /kafka/a')
  assert.equal(read('[::1]:2182,::1,[fe80::1%eth0]/'), '[::1]:2182 [::1]:2181 [fe80::1%eth0]:2181 ')
  for (const text of ['', '/kafka', 'zk1:x', 'zk1:2181;zk2:2181', 'zk 1', ':2181', 'zk1:99999'])
    assert.equal(read(text), null, text)
})
