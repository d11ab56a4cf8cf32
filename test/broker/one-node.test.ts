// What only a broker of one node with several directories, or one that asks for logins, can be asked: the rest of
// it is compared with real Kafka in test/differential/.
import assert from 'node:assert/strict'
import { dirname, join } from 'node:path'
import test from 'node:test'
import { errorCodes } from '../../src/wire/kafka/error-codes.ts'
import { alterReplicaLogDirs } from '../../src/wire/kafka/messages/alter-replica-log-dirs.ts'
import { createTopics } from '../../src/wire/kafka/messages/create-topics.ts'
import {
  createDelegationToken,
  describeDelegationToken,
} from '../../src/wire/kafka/messages/delegation-tokens.ts'
import { listConfigResources } from '../../src/wire/kafka/messages/list-config-resources.ts'
import { saslAuthenticate } from '../../src/wire/kafka/messages/sasl-authenticate.ts'
import { saslHandshake } from '../../src/wire/kafka/messages/sasl-handshake.ts'
import { unregisterBroker } from '../../src/wire/kafka/messages/unregister-broker.ts'
import { foreignRequest } from '../differential/foreign-bytes.ts'
import { inDirectory, startBroker } from './running-broker.ts'
import { WireClient } from './wire-client.ts'

test('a replica stays in its directory, the only broker stays, and everything with settings is listed', () =>
  inDirectory(async directory => {
    const [one, other] = [join(directory, 'one'), join(directory, 'other')]
    const running = await startBroker(directory, { 'log.dirs': `${one},${other}` })
    const client = await WireClient.connect(running.broker.port)
    try {
      const topic = { name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
      await client.ask(createTopics, 4, { topics: [topic] })
      const home = dirname(running.broker.topics.partition('t', 0)!.directory)
      const move = async (path: string) => {
        const dirs = [{ path, topics: [{ name: 't', partitions: [0] }] }]
        const { results } = await client.ask(alterReplicaLogDirs, 2, { dirs })
        return results[0]!.partitions[0]!.errorCode
      }
      assert.equal(await move(home), 0)
      assert.equal(await move(home === one ? other : one), errorCodes.UNSUPPORTED_VERSION)
      const { errorCode } = await client.ask(unregisterBroker, 0, { brokerId: 0 })
      assert.equal(errorCode, errorCodes.INVALID_REQUEST)
      const { configResources } = await client.ask(listConfigResources, 1, { resourceTypes: [] })
      assert.deepEqual(
        configResources.map(({ resourceName, resourceType }) => [resourceName, resourceType]),
        [
          ['t', 2],
          ['0', 4],
          ['0', 8],
        ],
      )
    } finally {
      client.close()
      await running.stop()
    }
  }))

test('a login with bytes behind its requests is one, and who has logged in hears that there are no delegation tokens', () =>
  inDirectory(async directory => {
    const running = await startBroker(directory, {
      port: '',
      listeners: 'SASL_PLAINTEXT://127.0.0.1:0',
      'sasl.enabled.mechanisms': 'PLAIN',
      'listener.name.sasl_plaintext.plain.sasl.jaas.config':
        'org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="canary";',
    })
    const client = await WireClient.connect(running.broker.port)
    try {
      const shaken = await client.ask(saslHandshake, 1, { mechanism: 'PLAIN' }, foreignRequest)
      assert.equal(shaken.errorCode, 0)
      const login = { authBytes: Buffer.from('\0alice\0canary') }
      assert.equal((await client.ask(saslAuthenticate, 2, login, foreignRequest)).errorCode, 0)
      const { errorCode } = await client.ask(describeDelegationToken, 3, { owners: null })
      assert.equal(errorCode, errorCodes.DELEGATION_TOKEN_AUTH_DISABLED)
      const created = await client.ask(createDelegationToken, 1, { renewers: [], maxLifetimeMs: 1000 })
      assert.deepEqual(
        [created.errorCode, created.principalName],
        [errorCodes.DELEGATION_TOKEN_AUTH_DISABLED, 'alice'],
      )
    } finally {
      client.close()
      await running.stop()
    }
  }))
