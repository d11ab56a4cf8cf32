import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readBrokerSettings } from '../broker-settings.ts'

/** Whether it is warned of, with its line, and named nowhere else. */
function isWarnedOf(key: string, value: string, more = ''): boolean {
  const { warnings, withoutEffect } = readBrokerSettings(`${more}\n${key}=${value}\n`, 'f')
  const own = warnings.filter(line => line.replace(/^f:\d+: /, '').startsWith(`${key}: `))
  assert.deepEqual(warnings, own)
  assert.equal(withoutEffect.includes(key), own.length === 0, `${key} is told once`)
  return own.length > 0
}

const warned: readonly (readonly [key: string, value: string, more?: string])[] = [
  ['authorizer.class.name', 'kafka.security.auth.SimpleAclAuthorizer'],
  ['authorizer.class.name', 'org.apache.kafka.metadata.authorizer.StandardAuthorizer'],
  ['super.users', 'User:admin'],
  ['allow.everyone.if.no.acl.found', 'false'],
  ['min.insync.replicas', '2'],
  ['default.replication.factor', '3'],
  ['offsets.topic.replication.factor', '3'],
  ['transaction.state.log.replication.factor', '3'],
  ['transaction.state.log.min.isr', '2'],
  ['quota.producer.default', '1048576'],
  ['quota.consumer.default', '1048576'],
  ['client.quota.callback.class', 'com.example.Quotas'],
  ['max.connection.creation.rate', '10'],
  ['sasl.server.max.receive.size', '524288'],
  ['create.topic.policy.class.name', 'com.example.Policy'],
  ['alter.config.policy.class.name', 'com.example.Policy'],
  ['sasl.server.callback.handler.class', 'com.example.Ldap'],
  ['principal.builder.class', 'com.example.Principals'],
  ['security.providers', 'com.example.Provider'],
  ['ssl.engine.factory.class', 'com.example.Engine'],
  ['ssl.provider', 'BCFIPS'],
  ['ssl.trustmanager.algorithm', 'com.example'],
  ['security.inter.broker.protocol', 'SSL'],
  ['ssl.client.auth', 'required'],
  ['ssl.keystore.location', '/etc/keys.p12'],
  ['ssl.truststore.location', '/etc/trust.p12'],
  ['sasl.enabled.mechanisms', 'SCRAM-SHA-512'],
  ['listener.name.inside.ssl.client.auth', 'required'],
  ['listener.name.inside.plain.sasl.jaas.config', 'x'],
  [
    'listener.name.inside.max.connections',
    '5',
    'listeners=INSIDE://:0\nlistener.security.protocol.map=INSIDE:PLAINTEXT',
  ],
  ['listener.name.plaintext.ssl.client.auth', 'required'],
  ['listener.name.plaintext.plain.sasl.jaas.config', 'x'],
  ['listener.name.plaintext.max.connections', '5'],
  ['listener.name.plaintext.max.connection.creation.rate', '5'],
  ['log.flush.interval.messages', '1', 'millrace.durability=relaxed'],
  ['remote.log.storage.system.enable', 'true'],
]

for (const [key, value, more] of warned)
  test(`${key}=${value} is warned of`, () => assert.ok(isWarnedOf(key, value, more)))

const harmless: readonly (readonly [key: string, value: string, more?: string])[] = [
  ['authorizer.class.name', ''],
  ['min.insync.replicas', '1'],
  ['default.replication.factor', '1'],
  ['offsets.topic.replication.factor', '-1'],
  ['quota.producer.default', '9223372036854775807'],
  ['max.connection.creation.rate', '2147483647'],
  ['ssl.trustmanager.algorithm', 'PKIX'],
  ['security.inter.broker.protocol', 'PLAINTEXT'],
  [
    'security.inter.broker.protocol',
    'SASL_PLAINTEXT',
    'listeners=SASL_PLAINTEXT://:0\nsasl.enabled.mechanisms=SCRAM-SHA-256',
  ],
  ['ssl.client.auth', 'none'],
  ['listener.name.controller.ssl.client.auth', 'required', 'controller.listener.names=CONTROLLER'],
  ['log.flush.interval.messages', '1'],
  ['remote.log.storage.system.enable', 'false'],
  // What it would protect is not here at all, or refuses by itself.
  ['zookeeper.set.acl', 'true'],
  ['delegation.token.secret.key', 'x'],
  ['password.encoder.secret', 'x'],
  ['sasl.kerberos.service.name', 'kafka'],
  ['unclean.leader.election.enable', 'false'],
  ['num.io.threads', '8'],
]

for (const [key, value, more] of harmless)
  test(`${key}=${value} is not`, () => {
    const { warnings } = readBrokerSettings(`${more ?? ''}\n${key}=${value}\n`, 'f')
    assert.deepEqual(warnings, [])
  })

test('keys of one kind are told together', () => {
  const text =
    'authorizer.class.name=a.B\nsuper.users=User:a\nquota.producer.default=1\nmin.insync.replicas=2\n'
  assert.deepEqual(
    readBrokerSettings(text, 'f').warnings.map(line => line.slice(0, line.indexOf(': ', 6))),
    ['f:1: authorizer.class.name, super.users', 'f:3: quota.producer.default', 'f:4: min.insync.replicas'],
  )
})
