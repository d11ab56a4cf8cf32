// How our forms of Kafka's tools reach brokers, and what they say where they cannot.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startBroker } from '../broker/running-broker.ts'
import { createAuthority } from '../certificates.ts'
import { startGround, type Ground } from './ground.ts'
import { runTool, wordsOf, type ToolName } from './tool-process.ts'

let ground: Ground
before(async () => {
  ground = await startGround()
})
after(() => ground?.[Symbol.asyncDispose]())

describe('the connection', () => {
  test('a broker that is not there, or says nothing, is told within seconds by every tool', async context => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1')
    context.after(() => silent.close())
    await once(silent, 'listening')
    const port = (silent.address() as AddressInfo).port
    const tools: readonly (readonly [name: ToolName, words: string])[] = [
      ['kafka-topics.sh', '--list'],
      ['kafka-topics.sh', '--create --topic t'],
      ['kafka-console-producer.sh', '--topic t'],
      ['kafka-console-consumer.sh', '--topic t'],
      ['kafka-console-consumer.sh', '--topic t --group g'],
      ['kafka-consumer-groups.sh', '--list'],
      ['kafka-consumer-groups.sh', '--describe --group g'],
      ['kafka-get-offsets.sh', '--topic t'],
    ]
    for (const [name, words] of tools)
      await ground.refused(
        name,
        `--bootstrap-server 127.0.0.1:1 ${words}`,
        /no Kafka broker can be used: cannot connect to 127\.0\.0\.1:1/,
      )
    const begun = performance.now()
    await ground.refused(
      'kafka-topics.sh',
      `--bootstrap-server 127.0.0.1:${port} --list`,
      /127\.0\.0\.1:\d+ did not answer ApiVersions within 5000 ms/,
    )
    assert.ok(performance.now() - begun < 15_000)
  })

  test('what is wrong in the file of --command-config is told with its line, in the words of an agent', async () => {
    const file = join(ground.directory, 'client.properties')
    await writeFile(file, '# ours\nretries=3\nrequest.timeot.ms=5\nmetadata.max.age.ms=soon\n')
    const words = wordsOf(`--bootstrap-server 127.0.0.1:1 --list --command-config ${file}`)
    const { code, err } = await ground.driver.run('kafka-topics.sh', words)
    assert.equal(code, 1)
    assert.match(
      err,
      /client\.properties:4: metadata\.max\.age\.ms: "soon" is not a whole number\. Write a whole/,
    )
    await writeFile(file, 'retries=3\nrequest.timeot.ms=5\n')
    assert.match(
      (await ground.driver.run('kafka-topics.sh', words)).err,
      /^warning: \S+client\.properties:2: request\.timeot\.ms is not a key of Kafka's administration clients and is ignored\. Did you mean request\.timeout\.ms\?\n/,
    )
  })

  test('TLS and a login come from the file of --command-config and its like', async context => {
    const secured = join(ground.directory, 'secured')
    await mkdir(secured)
    const authority = createAuthority()
    const file = async (name: string, text: string) => {
      await writeFile(join(secured, name), text)
      return join(secured, name)
    }
    const keys = await file('broker.pem', authority.sign({ host: 'localhost', ip: '127.0.0.1' }).pem)
    const trust = await file('authority.pem', authority.certificate)
    const login = 'org.apache.kafka.common.security.plain.PlainLoginModule required'
    const other = await startBroker(secured, {
      port: '',
      listeners: 'SASL_SSL://127.0.0.1:0',
      'sasl.enabled.mechanisms': 'PLAIN',
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.location': keys,
      'listener.name.sasl_ssl.plain.sasl.jaas.config': `${login} user_alice="open-4471";`,
    })
    context.after(() => other.stop())
    const client = (password: string) =>
      file(
        `${password}.properties`,
        `security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nssl.truststore.type=PEM\nssl.truststore.location=${trust}\nenable.idempotence=true\ngroup.id=secured\nsasl.jaas.config=${login} username="alice" password="${password}";\n`,
      )
    const right = await client('open-4471')
    const on = `--bootstrap-server ${other.bootstrap}`
    const run = async (name: ToolName, words: string, input = '') => {
      const { code, out, err } = await runTool(name, `${on} ${words}`, { input })
      assert.equal(code, 0, `${name} ${words}: ${err}`)
      assert.ok(!err.includes('warning'), err)
      return out
    }
    assert.equal(
      await run('kafka-topics.sh', `--create --topic s --command-config ${right}`),
      'Created topic s.\n',
    )
    await run('kafka-console-producer.sh', `--topic s --producer.config ${right}`, 'one\ntwo\n')
    assert.equal(
      await run(
        'kafka-console-consumer.sh',
        `--topic s --from-beginning --max-messages 2 --consumer.config ${right}`,
      ),
      'one\ntwo\n',
    )
    assert.match(
      await run('kafka-consumer-groups.sh', `--describe --group secured --command-config ${right}`),
      /secured +s +0 +2 +2 +0/,
    )
    assert.equal(await run('kafka-get-offsets.sh', `--topic s --command-config ${right}`), 's:0:2\n')
    await ground.refused('kafka-topics.sh', `${on} --list`, /no Kafka broker can be used/)
    const wrong = await ground.driver.run(
      'kafka-topics.sh',
      wordsOf(`${on} --list --command-config ${await client('shut-4471')}`),
    )
    assert.equal(wrong.code, 1)
    assert.match(wrong.err, /127\.0\.0\.1:\d+/)
    assert.ok(!wrong.err.includes('4471'), wrong.err)
  })
})
