import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request as requestPlain } from 'node:http'
import { request as requestSecure } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import forge from 'node-forge'
import { contextFor, optionsFor, type TestContext } from '../../test/context.ts'
import type { Source } from '../component.ts'
import { Fault } from '../errors.ts'
import type { Event } from '../event.ts'
import { httpSource } from './http.ts'

interface Running {
  readonly source: Source
  readonly port: number
  readonly events: Event[]
  readonly context: TestContext
}

async function run(
  given: Record<string, unknown> = {},
  put: (events: readonly Event[]) => Promise<void> = async () => {},
): Promise<Running> {
  const events: Event[] = []
  const context = contextFor('SOURCE', 'r1', httpSource.counters)
  const process = async (batch: readonly Event[]) => {
    await put(batch)
    events.push(...batch)
  }
  const source = httpSource.create(optionsFor(httpSource, { bind: '127.0.0.1', port: 0, ...given }), {
    ...context,
    processor: { process, processUntilAccepted: process },
  })
  await source.start()
  const line = await context.log.line(/HTTP source listens/)
  return { source, port: Number(/:(\d+)$/.exec(line)![1]), events, context }
}

interface Given {
  method?: string
  path?: string
  headers?: Record<string, string>
  secure?: boolean
}

function send(
  port: number,
  body: string | Buffer,
  given: Given = {},
): Promise<{ status: number; text: string }> {
  const { method = 'POST', path = '/any/path', headers = {}, secure = false } = given
  return new Promise((resolve, reject) => {
    const sent = (secure ? requestSecure : requestPlain)(
      { host: '127.0.0.1', port, path, method, headers, agent: false, rejectUnauthorized: false },
      response => {
        let text = ''
        response.on('data', part => (text += String(part)))
        response.on('end', () => resolve({ status: response.statusCode!, text }))
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

const shown = (events: readonly Event[]) =>
  events.map(event => ({ ...Object.fromEntries(event.headers), body: event.body.toString() }))

test('a request refused by its method or its length is logged, once a minute for each cause', async () => {
  const { source, port, context } = await run({ maxRequestBytes: 1000 })
  for (const method of ['PUT', 'OPTIONS', 'PUT', 'TRACE', 'OPTIONS', 'PUT'])
    await send(port, '', { method, path: '/?password=1' })
  for (const length of [1001, 1002]) await send(port, ' '.repeat(length))
  await source.stop()
  const told = context.log.lines.filter(line => line.includes('was answered with'))
  assert.deepEqual(
    told,
    [
      'PUT request from 127.0.0.1 was answered with 405: PUT is not supported here, use POST.',
      'OPTIONS request from 127.0.0.1 was answered with 403: Forbidden.',
      'TRACE request from 127.0.0.1 was answered with 403: Forbidden.',
      'POST request from 127.0.0.1 was answered with 413: The request is longer than maxRequestBytes = 1000 bytes.',
    ].map(line => `WARN a ${line}`),
  )
})

test('the log says why a request is refused, in a line for each cause, and quotes nothing of it', async () => {
  const { source, port, context } = await run()
  for (const body of ['[{"body":secret}]', '[{"body":secret}]', '{"body":"secret"}', '[1]'])
    await send(port, body)
  const told = context.log.lines.filter(line => /cannot be read and was answered with 400/.test(line))
  assert.equal(told.length, 3, told.join('\n'))
  assert.match(told[0]!, /with 400: Request has invalid JSON Syntax\.$/)
  assert.match(told[1]!, /An array is expected/)
  assert.match(told[2]!, /An event is an object/)
  assert.doesNotMatch(told.join(), /secret/)
  await source.stop()
})

test('JSON events are taken; scalars become the text that was written', async () => {
  const { source, port, events, context } = await run()
  const json = '[{"headers":{"a":"1","n":1.0,"t":true,"z":null},"body":"é"},{"body":1e5},{}]'
  assert.deepEqual(await send(port, json), { status: 200, text: '' })
  assert.deepEqual(shown(events), [{ a: '1', n: '1.0', t: 'true', body: 'é' }, { body: '1e5' }, { body: '' }])
  assert.equal((await send(port, '[]')).status, 200)
  assert.equal(context.counters.get('AppendBatchAcceptedCount'), 2)
  assert.equal(context.counters.get('EventReceivedCount'), 3)
  assert.equal(context.counters.get('EventAcceptedCount'), 3)
  await source.stop()
})

test('the character set of the request is that of its bodies', async () => {
  const { source, port, events } = await run()
  const headers = { 'content-type': 'application/json; charset=UTF-16LE' }
  const body = Buffer.from('[{"body":"é"}]', 'utf16le')
  assert.equal((await send(port, body, { headers })).status, 500, 'only utf-8, utf-16 and utf-32')
  headers['content-type'] = 'application/json; charset=utf-16'
  assert.equal((await send(port, Buffer.from(body).swap16(), { headers })).status, 200)
  assert.deepEqual(events[0]!.body, Buffer.from([0xfe, 0xff, 0, 0xe9]))
  await source.stop()
})

test('statuses are those of Flume', async () => {
  let fault: Error = new Fault('CHANNEL_FULL', 'no room in c1')
  const { source, port, context } = await run({ maxRequestBytes: 1000 }, async events => {
    if (events.length > 0) throw fault
  })
  const status = async (body: string, given: Given = {}) => (await send(port, body, given)).status
  assert.equal(await status('[{'), 400)
  assert.equal(await status('{"body":"secret words"}'), 400)
  assert.equal(await status('[{"body":{}}]'), 400)
  assert.equal(await status('[1]'), 400)
  assert.equal(await status(''), 500)
  assert.equal(await status('', { method: 'GET' }), 500)
  assert.equal(await status('', { method: 'TRACE' }), 403)
  assert.equal(await status('', { method: 'OPTIONS' }), 403)
  assert.equal(await status('[]', { method: 'PUT' }), 405)
  assert.equal(await status(' '.repeat(1001)), 413)
  assert.equal(await status(' '.repeat(1001), { headers: { 'transfer-encoding': 'chunked' } }), 413)
  assert.deepEqual(await send(port, '[{}]'), {
    status: 503,
    text: 'Error appending event to channel. Channel might be full. no room in c1\n',
  })
  fault = new Fault('TRANSACTION_TOO_LARGE', '9 events in one put, but a transaction of channel c1 holds 5')
  for (let times = 0; times < 3; times++) {
    const { status: answered, text } = await send(port, '[{}]')
    assert.equal(answered, 503)
    assert.match(
      text,
      /It can never be accepted: 9 events .* c1 holds 5\. Raise the channel's transactionCapacity/,
    )
  }
  assert.equal(context.log.lines.filter(line => /WARN .*can never be accepted/.test(line)).length, 1)
  fault = new Fault('DISK_FULL', 'channel c1 refuses puts')
  assert.equal(await status('[{}]'), 503)
  // Only what the channel says is a failed write to it.
  for (fault of [new Error('a bug'), new Fault('PROTOCOL', 'not of a channel')])
    assert.equal(await status('[{}]'), 500)
  assert.equal(await status('[]'), 200)
  assert.equal(context.counters.get('EventReadFail'), 8)
  assert.equal(context.counters.get('ChannelWriteFail'), 5)
  assert.equal(context.counters.get('GenericProcessingFail'), 2)
  assert.doesNotMatch(context.log.lines.join('\n'), /secret/)
  await source.stop()
})

test('a BLOBHandler event is the body, with the parameters as headers', async () => {
  const handler = 'org.apache.flume.source.http.BLOBHandler'
  const plain = await run({ handler })
  assert.equal((await send(plain.port, 'x\n', { path: '/?a=1&b=c+d&a=2' })).status, 200)
  assert.deepEqual(shown(plain.events), [{ a: '1', b: 'c d', body: 'x\n' }])
  await plain.source.stop()
  const strict = await run({ handler, 'handler.mandatoryParameters': ['id'] })
  assert.deepEqual(await send(strict.port, 'x', { path: '/?a=1' }), {
    status: 500,
    text: 'Please specify id parameter in the request.\n',
  })
  assert.equal((await send(strict.port, 'x', { path: '/?id=1' })).status, 200)
  await strict.source.stop()
})

test('a BlobHandler event is cut at its limit, with a warning', async () => {
  const { source, port, events, context } = await run({
    handler: 'org.apache.flume.sink.solr.morphline.BlobHandler',
    'handler.maxBlobLength': 3,
  })
  assert.equal((await send(port, 'abcdef')).status, 200)
  assert.deepEqual(shown(events), [{ body: 'abc' }])
  assert.match(context.log.lines.join('\n'), /WARN a request of 6 bytes is cut/)
  await source.stop()
})

test('stopping answers what was read whole', async () => {
  let accept = () => {}
  const accepted = new Promise<void>(resolve => (accept = resolve))
  let begin = () => {}
  const begun = new Promise<void>(resolve => (begin = resolve))
  const { source, port } = await run({}, () => {
    begin()
    return accepted
  })
  const answer = send(port, '[{}]')
  await begun
  const stopped = source.stop()
  accept()
  assert.equal((await answer).status, 200)
  await stopped
  await assert.rejects(send(port, '[]'), { code: 'ECONNREFUSED' })
})

test('a busy port is taken by a later start', async () => {
  const first = await run()
  const context = contextFor('SOURCE', 'r2', httpSource.counters)
  const second = httpSource.create(optionsFor(httpSource, { bind: '127.0.0.1', port: first.port }), {
    ...context,
    processor: { process: async () => {}, processUntilAccepted: async () => {} },
  })
  await assert.rejects(second.start(), { code: 'ADDRESS_IN_USE' })
  await second.stop()
  await first.source.stop()
  await second.start()
  assert.equal((await send(first.port, '[]')).status, 200)
  await second.stop()
})

test('HTTPS with a key store', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-http-'))
  try {
    const keystore = join(directory, 'store.pem')
    writeFileSync(keystore, selfSigned())
    const { source, port, events } = await run({ ssl: true, keystore, 'keystore-password': 'secret' })
    assert.equal((await send(port, '[{"body":"x"}]', { secure: true })).status, 200)
    assert.deepEqual(shown(events), [{ body: 'x' }])
    await assert.rejects(send(port, '[]'), 'plain HTTP is refused')
    await source.stop()
    await assert.rejects(run({ ssl: true, keystore: join(directory, 'none'), 'keystore-password': 'x' }), {
      code: 'TLS',
    })
  } finally {
    rmSync(directory, { recursive: true })
  }
})

function selfSigned(): string {
  const pair = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = forge.pki.publicKeyFromPem(pair.publicKey)
  certificate.serialNumber = '01'
  certificate.validity.notBefore = new Date(2020, 0, 1)
  certificate.validity.notAfter = new Date(2099, 0, 1)
  const name = [{ name: 'commonName', value: 'localhost' }]
  certificate.setSubject(name)
  certificate.setIssuer(name)
  certificate.sign(forge.pki.privateKeyFromPem(pair.privateKey), forge.md.sha256.create())
  return pair.privateKey + forge.pki.certificateToPem(certificate)
}
