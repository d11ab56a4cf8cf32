import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { gunzipSync } from 'node:zlib'
import { contextFor, optionsFor } from '../../test/context.ts'
import { deliveriesOf } from '../../test/sink-sessions.ts'
import { sentenceOf } from '../config/problem.ts'
import { readOptions } from '../config/read-options.ts'
import { DeliveryFault } from '../delivery-fault.ts'
import { Event } from '../event.ts'
import type { Clock } from '../system/clock.ts'
import { realSystem } from '../system/system.ts'
import { hdfsSink } from './hdfs.ts'

const at = Date.UTC(2026, 0, 5, 7, 9, 1)
const events = (...bodies: string[]) => bodies.map(body => Event.of({ timestamp: String(at) }, body))

/** A clock whose time and timers are the test's. */
class HandClock {
  time = 1000
  readonly #timers = new Set<{ at: number; run: () => void }>()
  readonly clock: Clock = {
    ...realSystem.clock,
    now: () => this.time,
    monotonic: () => this.time,
    after: (delayMs, run) => {
      const timer = { at: this.time + delayMs, run }
      this.#timers.add(timer)
      return { cancel: () => void this.#timers.delete(timer) }
    },
  }

  pass(ms: number): void {
    this.time += ms
    for (const timer of this.#timers)
      if (timer.at <= this.time) {
        this.#timers.delete(timer)
        timer.run()
      }
  }
}

interface Stage extends AsyncDisposable {
  readonly directory: string
  readonly hand: HandClock
  readonly context: ReturnType<typeof contextFor>
  deliver(events: readonly Event[]): Promise<void>
  stop(): Promise<void>
  /** Names below the directory with what is in them. */
  files(): Record<string, string>
}

async function stageOf(given: Record<string, unknown>, path = 'data'): Promise<Stage> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-hdfs-'))
  const hand = new HandClock()
  const system = { ...realSystem, clock: hand.clock }
  const context = contextFor('SINK', 'k1', hdfsSink.counters, { system })
  const options = optionsFor(hdfsSink, {
    'hdfs.path': path.includes(':') ? path : `file://${directory}/${path}`,
    'hdfs.fileType': 'DataStream',
    'hdfs.timeZone': 'UTC',
    'hdfs.rollInterval': 0,
    'hdfs.rollSize': 0,
    'hdfs.rollCount': 0,
    ...given,
  })
  const sink = hdfsSink.create(options, context)
  await sink.start()
  const files = () =>
    Object.fromEntries(
      readdirSync(directory, { recursive: true, withFileTypes: true })
        .filter(one => one.isFile())
        .map(one => join(one.parentPath, one.name))
        .sort()
        .map(name => [name.slice(directory.length + 1), readFileSync(name, 'latin1')]),
    )
  return {
    directory,
    hand,
    context,
    files,
    deliver: deliveriesOf(sink),
    stop: () => sink.stop(),
    [Symbol.asyncDispose]: async () => rmSync(directory, { recursive: true, force: true }),
  }
}

test('files are in directories that escapes name, and have their names when they are closed', async () => {
  await using stage = await stageOf({ 'hdfs.filePrefix': '%{kind}-%H' }, '%Y-%m-%d/%{kind}')
  const [pear] = events('pear')
  pear!.setHeader('kind', 'pear')
  const apples = events('a', 'b')
  for (const one of apples) one.setHeader('kind', 'apple')
  await stage.deliver([apples[0]!, pear!, apples[1]!])
  assert.deepEqual(stage.files(), {
    '2026-01-05/apple/apple-07.1001.tmp': 'a\nb\n',
    '2026-01-05/pear/pear-07.1001.tmp': 'pear\n',
  })
  await stage.stop()
  assert.deepEqual(Object.keys(stage.files()), [
    '2026-01-05/apple/apple-07.1001',
    '2026-01-05/pear/pear-07.1001',
  ])
})

test('a file ends by count, by bytes, by age and by idleness', async () => {
  {
    await using stage = await stageOf({ 'hdfs.rollCount': 2 })
    await stage.deliver(events('1', '2', '3', '4', '5'))
    assert.deepEqual(stage.files(), {
      'data/FlumeData.1001': '1\n2\n',
      'data/FlumeData.1002': '3\n4\n',
      'data/FlumeData.1003.tmp': '5\n',
    })
  }
  {
    await using stage = await stageOf({ 'hdfs.rollSize': 3, 'hdfs.inUsePrefix': '_', 'hdfs.inUseSuffix': '' })
    await stage.deliver(events('12', '34', '56'))
    assert.deepEqual(stage.files(), { 'data/FlumeData.1001': '12\n34\n', 'data/_FlumeData.1002': '56\n' })
  }
  {
    await using stage = await stageOf({
      'hdfs.rollInterval': 30,
      'hdfs.idleTimeout': 10,
      'hdfs.fileSuffix': '.log',
    })
    await stage.deliver(events('1'))
    stage.hand.pass(9000)
    await stage.deliver(events('2'))
    stage.hand.pass(9999)
    await stage.deliver(events('3'))
    assert.deepEqual(Object.keys(stage.files()), ['data/FlumeData.1001.log.tmp'])
    stage.hand.pass(10_000)
    await stage.deliver(events('4'))
    assert.deepEqual(stage.files(), {
      'data/FlumeData.1001.log': '1\n2\n3\n',
      'data/FlumeData.30000.log.tmp': '4\n',
    })
  }
})

test('with too many files the one that was not written to for the longest time is closed', async () => {
  await using stage = await stageOf({ 'hdfs.maxOpenFiles': 2 }, '%{kind}')
  for (const kind of ['a', 'b', 'a', 'c']) {
    const [event] = events(kind)
    event!.setHeader('kind', kind)
    await stage.deliver([event!])
  }
  assert.deepEqual(Object.keys(stage.files()), [
    'a/FlumeData.1001.tmp',
    'b/FlumeData.1001',
    'c/FlumeData.1001.tmp',
  ])
})

test('an event without the time that a path needs, or that leads out of it, is named', async () => {
  await using stage = await stageOf({}, '%Y/%{kind}')
  const timeless = Event.of({ kind: 'a' }, 'timeless')
  const outside = Event.of({ timestamp: '0', kind: '../../../etc' }, 'outside')
  for (const [bad, why] of [
    [timeless, /no header "timestamp"/],
    [outside, /may not have "\.\."/],
  ] as const)
    await assert.rejects(stage.deliver([...events('good'), bad]), (error: unknown) => {
      assert.ok(error instanceof DeliveryFault)
      assert.equal(error.code, 'UNDELIVERABLE')
      assert.equal(error.event, bad)
      return why.test(error.message)
    })
  assert.deepEqual(stage.files(), {})
})

test('compressed files are made of whole members; an Avro container has one head', async () => {
  {
    await using stage = await stageOf({
      'hdfs.fileType': 'CompressedStream',
      'hdfs.codeC': hdfsSink.options['hdfs.codeC']!.parse('org.apache.hadoop.io.compress.GzipCodec').value,
    })
    await stage.deliver(events('1', '2'))
    await stage.deliver(events('3'))
    const [[name, bytes] = ['', '']] = Object.entries(stage.files())
    assert.equal(name, 'data/FlumeData.1001.gz.tmp')
    assert.equal(gunzipSync(Buffer.from(bytes, 'latin1')).toString(), '1\n2\n3\n')
  }
  await using stage = await stageOf({ serializer: 'AVRO_EVENT' })
  await stage.deliver(events('1'))
  await stage.deliver(events('2'))
  const [bytes = ''] = Object.values(stage.files())
  assert.equal(bytes.split('Obj\x01').length, 2)
})

test('what cannot work is refused with what to do', () => {
  const place = { file: 'f', line: 1 }
  const problems = (lines: Record<string, string>) => {
    const settings = new Map(
      Object.entries({ 'hdfs.path': 'hdfs://nn/x', ...lines }).map(([key, value]) => [
        key,
        { key, value, place },
      ]),
    )
    const type = { key: 'type', value: 'hdfs', place }
    const component = { name: 'k', place, type, settings }
    const read = readOptions(hdfsSink, component, { home: '/' })
    return read.problems.map(sentenceOf)
  }
  for (const [lines, expected] of [
    [{ 'hdfs.fileType': 'DataStream', 'hdfs.codeC': 'gzip' }, /hdfs\.codeC.*a DataStream is not compressed/],
    [{ 'hdfs.fileType': 'CompressedStream' }, /a CompressedStream needs hdfs\.codeC/],
    [{ 'hdfs.codeC': 'lzop' }, /Millrace cannot write lzop/],
    [{ 'hdfs.codeC': 'nonsense' }, /no codec of Hadoop/],
    [{ 'hdfs.path': 's3a://bucket/x' }, /no file system for s3a:/],
    [{ 'hdfs.path': 'relative/x' }, /no path from the root/],
    [{ 'hdfs.path': 'hdfs:///x' }, /names no host of HDFS/],
    [{ 'hdfs.path': '/x' }, /files are written to the local disk/],
    [{ 'hdfs.path': 'hdfs://nn/%[nobody]' }, /none of %\[localhost\]/],
    [{ 'hdfs.webHdfs': 'nn:9870' }, /is no HTTP address/],
    [{ 'hdfs.timeZone': 'Mars/Olympus' }, /no time zone Mars\/Olympus/],
    [{ 'hdfs.roundUnit': 'hour', 'hdfs.roundValue': '30' }, /a day has 24 hours/],
    [{ 'hdfs.kerberosPrincipal': 'flume/_HOST@X' }, /Kerberos is not spoken/],
    [{ 'hdfs.inUsePrefix': 'a/b' }, /holds a slash/],
  ] as const)
    assert.match(problems(lines).join('\n'), expected)
  assert.deepEqual(problems({}), [])
})

/** A NameNode and a DataNode as HTTP shows them, kept in memory; `refuse` gives the answer to an operation, or null. */
async function startWebHdfs() {
  const files = new Map<string, string>()
  const asked: string[] = []
  const stage = {
    files,
    asked,
    url: '',
    refuse: (_op: string, _isData: boolean): { status: number; body: string } | null => null,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
  const bodyOf = async (request: IncomingMessage) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks).toString('latin1')
  }
  const server = createServer((request, response) => {
    void bodyOf(request).then((body): unknown => {
      const url = new URL(request.url!, stage.url)
      const isData = url.pathname.startsWith('/data/')
      const path = decodeURIComponent(url.pathname.slice((isData ? '/data' : '/webhdfs/v1').length))
      const op = url.searchParams.get('op')!
      asked.push(
        `${request.method} ${op} ${path} ${url.searchParams.get('user.name')}${isData ? ' data' : ''}`,
      )
      const answer = (status: number, text = '', headers = {}) =>
        response.writeHead(status, headers).end(text)
      const refused = stage.refuse(op, isData)
      if (refused !== null) return answer(refused.status, refused.body)
      const exception = (status: number, name: string) =>
        answer(
          status,
          JSON.stringify({ RemoteException: { exception: name, message: `${name} of ${path}` } }),
        )
      if (op === 'RENAME') {
        const to = url.searchParams.get('destination')!
        const content = files.get(path)
        if (content === undefined || files.has(to)) return answer(200, '{"boolean":false}')
        files.delete(path)
        files.set(to, content)
        return answer(200, '{"boolean":true}')
      }
      if (op === 'GETFILESTATUS')
        return files.has(path) ? answer(200, '{"FileStatus":{}}') : exception(404, 'FileNotFoundException')
      if (!isData)
        return answer(307, '', { location: `${stage.url}/data${url.pathname.slice(11)}${url.search}` })
      // As in Hadoop: the NameNode does not look before.
      if (op === 'CREATE' && files.has(path)) return exception(403, 'FileAlreadyExistsException')
      files.set(path, (op === 'APPEND' ? files.get(path)! : '') + body)
      return answer(op === 'CREATE' ? 201 : 200)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  stage.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return stage
}

const hdfsOf = (...urls: string[]) => stageOf({ 'hdfs.webHdfs': urls }, 'hdfs://cluster/a b/%Y')

test('WebHDFS: files are created, appended to and renamed, by the user of the agent', async () => {
  await using hdfs = await startWebHdfs()
  await using stage = await hdfsOf(hdfs.url)
  hdfs.files.set('/a b/2026/FlumeData.1001.tmp', 'of another')
  await stage.deliver(events('1'))
  await stage.deliver(events('2'))
  await stage.stop()
  assert.deepEqual(
    [...hdfs.files],
    [
      ['/a b/2026/FlumeData.1001.tmp', 'of another'],
      ['/a b/2026/FlumeData.1002', '1\n2\n'],
    ],
  )
  const user = process.env['HADOOP_USER_NAME'] ?? process.env['USER'] ?? 'root'
  assert.ok(
    hdfs.asked.every(line => line.includes(` ${user}`)),
    hdfs.asked.join('\n'),
  )
})

test('WebHDFS: the NameNode that is active is found, and one that refuses is named with its reason', async () => {
  await using standby = await startWebHdfs()
  await using active = await startWebHdfs()
  standby.refuse = () => ({
    status: 403,
    body: '{"RemoteException":{"exception":"StandbyException","message":"Operation category WRITE is not supported"}}',
  })
  await using stage = await hdfsOf(standby.url, active.url)
  await stage.deliver(events('1'))
  await stage.deliver(events('2'))
  assert.equal(standby.asked.length, 1, 'the active one is asked from then on')
  await using alone = await hdfsOf(standby.url)
  await assert.rejects(alone.deliver(events('1')), {
    code: 'PEER_REFUSED',
    message: `${standby.url}/a b/2026/FlumeData.1001.tmp: CREATE is refused: StandbyException: Operation category WRITE is not supported`,
    remedy: /Name the active NameNode in hdfs\.webHdfs/,
  })
})

test('WebHDFS: after a call that failed the events come again in another file', async () => {
  await using hdfs = await startWebHdfs()
  await using stage = await hdfsOf(hdfs.url)
  hdfs.refuse = (op, isData) => {
    if (op !== 'CREATE' || !isData) return null
    hdfs.files.set('/a b/2026/FlumeData.1001.tmp', '1')
    return { status: 500, body: '' }
  }
  await assert.rejects(stage.deliver(events('1')), /FlumeData\.1001\.tmp: CREATE is refused: HTTP 500/)
  hdfs.refuse = op =>
    op === 'APPEND'
      ? { status: 403, body: '{"RemoteException":{"exception":"RecoveryInProgressException","message":"x"}}' }
      : null
  await stage.deliver(events('1'))
  await assert.rejects(stage.deliver(events('2')), /APPEND is refused: RecoveryInProgressException/)
  await stage.deliver(events('2'))
  // Until somebody may append to it again nobody can read its last block.
  assert.match(stage.context.health().join(), /FlumeData\.1002\.tmp .*RecoveryInProgressException/)
  hdfs.refuse = () => null
  stage.hand.pass(180_000)
  await stage.deliver(events('3'))
  assert.deepEqual(Object.fromEntries(hdfs.files), {
    // It may be that of another writer.
    '/a b/2026/FlumeData.1001.tmp': '1',
    '/a b/2026/FlumeData.1002': '1\n',
    '/a b/2026/FlumeData.1003.tmp': '2\n3\n',
  })
})

test('WebHDFS: a file that cannot be renamed is named in the health, and gets its name later', async () => {
  await using hdfs = await startWebHdfs()
  await using stage = await hdfsOf(hdfs.url)
  await stage.deliver(events('1'))
  hdfs.refuse = op =>
    op === 'RENAME' || op === 'APPEND'
      ? {
          status: 403,
          body: '{"RemoteException":{"exception":"SafeModeException","message":"Name node is in safe mode."}}',
        }
      : null
  await assert.rejects(stage.deliver(events('2')), /safe mode/)
  assert.match(
    stage.context.health().join(),
    /FlumeData\.1001\.tmp is complete but cannot be renamed.*SafeModeException.*every 180 s/,
  )
  hdfs.refuse = () => null
  stage.hand.pass(180_000)
  await stage.deliver(events('2'))
  assert.deepEqual(stage.context.health(), [])
  assert.ok(hdfs.files.has('/a b/2026/FlumeData.1001'))
})

test('what is no WebHDFS is told from one that is away', async () => {
  await using hdfs = await startWebHdfs()
  hdfs.refuse = () => ({ status: 200, body: 'a page' })
  await using wrong = await hdfsOf(hdfs.url)
  await assert.rejects(wrong.deliver(events('1')), {
    code: 'PROTOCOL',
    remedy: /HTTP address of the NameNode/,
  })
  await using away = await hdfsOf('http://127.0.0.1:1')
  await assert.rejects(away.deliver(events('1')), {
    code: 'PEER_UNREACHABLE',
    message: /^NameNode 127\.0\.0\.1:1 /,
  })
  assert.equal(existsSync(join(away.directory, 'data')), false)
})
