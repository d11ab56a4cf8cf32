// millrace doctor: logs of real Flume and of agents here, damaged channels, dead letters, agents that run.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, test } from 'node:test'
import { examineAgent } from '../src/cli/doctor/examine-agent.ts'
import { examineDirectory } from '../src/cli/doctor/examine-directory.ts'
import { examineLog } from '../src/cli/doctor/examine-log.ts'
import { flumeMessages } from '../src/cli/doctor/flume-messages.ts'
import type { Finding } from '../src/cli/doctor/finding.ts'
import { DeadLetterFile } from '../src/dead-letter.ts'
import { Fault } from '../src/errors.ts'
import { Event } from '../src/event.ts'
import { startAgent } from '../src/start-agent.ts'
import { realSystem } from '../src/system/system.ts'
import { cleanUp, Home } from './channel-home.ts'
import { KeptLog } from './context.ts'
import { read, root } from './source-text.ts'

after(cleanUp)
const { disk, clock } = realSystem
const inLog = (text: string) => examineLog('a.log', Readable.from([Buffer.from(text)]))
const problemsOf = (findings: readonly Finding[]) => findings.map(({ problem }) => problem)

/** Lines as Flume 1.8 to 1.11 and the clients in it write them, and what the doctor makes of each. */
const flumeLines: readonly (readonly [line: string, problem: RegExp])[] = [
  [
    "Caused by: org.apache.flume.ChannelException: Space for commit to queue couldn't be acquired. Sinks are likely not keeping up with sources, or the buffer size is too tight",
    /memory channel is full/,
  ],
  [
    'org.apache.flume.ChannelException: Cannot commit transaction. Byte capacity allocated to store event body 16777216.0reached. Please increase heap space/byte capacity allocated to the channel as the sinks may not be keeping up with the sources',
    /byte capacity of 16777216 bytes/,
  ],
  [
    'org.apache.flume.ChannelException: Put queue for MemoryTransaction of capacity 100 full, consider committing more frequently, increasing capacity or increasing thread count',
    /puts more events in one batch than transactionCapacity \(100\)/,
  ],
  [
    'org.apache.flume.ChannelException: Take list for FileBackedTransaction, capacity 1000 full, consider committing more frequently, increasing capacity, or increasing thread count. [channel=c1]',
    /takes more events in one batch than transactionCapacity \(1000\)/,
  ],
  [
    "org.apache.flume.conf.ConfigurationException: Incompatible source and channel settings defined. source's batch size is greater than the channels transaction capacity. Source: r1, batch size = 1000, channel c1, transaction capacity = 100",
    /batch size is larger than transactionCapacity/,
  ],
  [
    "org.apache.flume.ChannelFullException: The channel has reached it's capacity. This might be the result of a sink on the channel having too low of batch size, a downstream system running slower than normal, or that the channel capacity is just too low. [channel=c1]",
    /file channel is full/,
  ],
  [
    'java.io.IOException: Usable space exhaused, only 524054528 bytes remaining, required 524288026 bytes',
    /524054528 bytes left/,
  ],
  [
    'java.io.IOException: Usable space exhausted, only 5 bytes remaining, required 524288026 bytes',
    /has 5 bytes left/,
  ],
  [
    'java.io.IOException: Cannot lock /root/.flume/file-channel/checkpoint. The directory is already locked. [channel=c2]',
    /\/root\/\.flume\/file-channel\/checkpoint is used by another/,
  ],
  [
    'java.lang.IllegalStateException: Log is closed: org.apache.flume.channel.file.CorruptEventException: Corrupt event found. Please run File Channel Integrity tool.',
    /is damaged/,
  ],
  ['java.lang.NullPointerException: LogFile is null for id 7', /log-7 of a file channel is missing/],
  [
    'java.lang.IllegalStateException: Configured capacity is 2000000 but the  checkpoint file capacity is 1000000. See FileChannel documentation on how to change a channels capacity.',
    /changed from 1000000 to 2000000/,
  ],
  [
    'org.apache.flume.channel.file.BadCheckpointException: Checkpoint was not completed correctly, probably because the agent stopped while the channel was checkpointing.',
    /checkpoint of a file channel was being written/,
  ],
  [
    'org.apache.flume.ChannelException: Failed to obtain lock for writing to the log. Try increasing the log write timeout value. [channel=c1]',
    /could not write its log in time/,
  ],
  [
    'ERROR [lifecycleSupervisor-1-0] (FileChannel.java:301) - Failed to start the file channel [channel=c1]',
    /does not start/,
  ],
  ['java.lang.OutOfMemoryError: Java heap space', /no memory left/],
  ['java.lang.OutOfMemoryError: Direct buffer memory', /no direct memory left/],
  ['java.io.IOException: Too many open files', /limit of open files/],
  ['java.io.IOException: No space left on device', /disk is full/],
  [
    'java.lang.NoClassDefFoundError: org/apache/hadoop/io/SequenceFile$CompressionType',
    /class org\/apache\/hadoop\/io\/SequenceFile\$CompressionType is not on the classpath/,
  ],
  [
    'org.apache.flume.FlumeException: Unable to load source type: kafak, class: kafak',
    /source type kafak does not exist/,
  ],
  [
    '2016-07-20 12:00:00,123 (conf-file-poller-0) [WARN - x] No configuration found for this host:zz',
    /no agent named zz/,
  ],
  [
    "Agent configuration invalid for agent 'a1'. It will be removed.",
    /dropped the configuration of agent a1/,
  ],
  [
    'Could not configure source  r1 due to: Component has no type. Cannot configure. r1',
    /dropped the source r1: Component has no type/,
  ],
  ['Sink k1 has been removed due to an error during configuration', /Sink k1 was removed/],
  ['Channel c1 has no components connected and has been removed.', /no source and no sink uses it/],
  ['java.lang.IllegalStateException: Channel c9 not in active set.', /names channel c9/],
  ['Configuration property ignored: a1.sinks.k1.batchsize = ', /setting a1\.sinks\.k1\.batchsize is ignored/],
  [
    'org.apache.commons.cli.ParseException: The specified configuration file does not exist: /etc/flume/none.conf',
    /\/etc\/flume\/none\.conf does not exist/,
  ],
  ['Failed to load configuration data. Exception follows.', /changed configuration could not be read/],
  ['Sink Processor type null is a custom type', /no processor\.type/],
  [
    'java.lang.IllegalArgumentException: Running HTTP Server found in source: h1 before I started one.Will not attempt to start.',
    /HTTP source h1 found its port in use/,
  ],
  ['Caused by: java.net.BindException: Address already in use', /cannot listen on its address/],
  [
    'FATAL: Spool Directory source r1: { spoolDir: /in }: Uncaught exception in SpoolDirectorySource thread. Restart or reconfigure Flume to continue processing.',
    /spooling directory source has stopped/,
  ],
  ['Command [tail -F /var/log/x] exited with 143', /ended with code 143: tail -F/],
  [
    'Client sent event exceeding the maximum length: Event exceeds the maximum length (512 chars, including newline)',
    /line that is too long/,
  ],
  [
    'Unable to put batch on required channel: org.apache.flume.channel.MemoryChannel{name: c1}',
    /could not put its events/,
  ],
  [
    'org.apache.kafka.common.errors.RecordTooLargeException: The message is 2000088 bytes when serialized which is larger than the maximum request size',
    /refuses an event as too large/,
  ],
  [
    'org.apache.kafka.clients.consumer.CommitFailedException: Commit cannot be completed since the group has already rebalanced and assigned the partitions to another member.',
    /thrown out of its group/,
  ],
  [
    'Fetch offset 17 is out of range for partition test3-0, resetting offset: Offset out of range',
    /removed records before/,
  ],
  [
    'org.apache.kafka.common.errors.TopicAuthorizationException: Not authorized to access topics: [t]',
    /may not use a topic/,
  ],
  [
    'org.apache.kafka.common.errors.SaslAuthenticationException: Authentication failed during authentication',
    /login at a broker failed/,
  ],
  ['javax.net.ssl.SSLHandshakeException: PKIX path building failed', /TLS connection/],
  [
    'Error while fetching metadata with correlation id 1 : {test9=UNKNOWN_TOPIC_OR_PARTITION}',
    /topic does not exist/,
  ],
  [
    'Connection to node -1 (localhost/127.0.0.1:9092) could not be established. Broker may not be available.',
    /No Kafka broker can be reached/,
  ],
  [
    'org.apache.kafka.common.errors.NetworkException: The server disconnected before a response was received.',
    /closes the connection at the first request/,
  ],
  ['org.apache.flume.EventDeliveryException: Failed to publish events', /Kafka sink could not deliver/],
  [
    'org.apache.flume.FlumeException: NettyAvroRpcClient { host: 10.0.0.5, port: 4545 }: RPC connection error',
    /Avro source at 10\.0\.0\.5:4545 cannot be reached/,
  ],
  [
    'org.apache.flume.EventDeliveryException: NettyAvroRpcClient { host: b, port: 1 }: RPC request timed out',
    /does not answer in time/,
  ],
  [
    'org.apache.flume.EventDeliveryException: NettyAvroRpcClient { host: b, port: 1 }: Avro RPC call returned Status: FAILED',
    /refuses the batches with FAILED/,
  ],
  ['Caused by: java.net.ConnectException: Connection refused: /10.0.0.5:4545', /does not listen/],
  [
    'org.apache.flume.EventDeliveryException: All sinks failed to process, nothing left to failover to',
    /Every sink/,
  ],
  [
    'java.lang.NullPointerException: Expected timestamp in the Flume event headers, but it was null',
    /header timestamp/,
  ],
  ['java.io.IOException: Callable timed out after 10000 ms on file: hdfs://n/x', /within 10000 ms/],
  ['[ERROR - x] Unable to deliver event. Exception follows.', /sink could not deliver/],
]

test('each well-known message of Flume has its explanation', async () => {
  const met = new Set<string>()
  for (const [line, problem] of flumeLines) {
    const [finding, ...more] = await inLog(`an ordinary line\n${line}\n`)
    assert.ok(finding !== undefined && more.length === 0, line)
    assert.match(finding.problem, problem)
    assert.doesNotMatch(finding.problem, /\$\d|undefined/)
    assert.match(finding.evidence, /^a\.log:2: /)
    met.add(finding.fix)
  }
  assert.deepEqual(
    flumeMessages.filter(({ fix }) => !met.has(fix)).map(({ pattern }) => pattern.source),
    [],
    'a message without a line of a log in this test',
  )
})

test('a log of Flume: what repeats is counted, what is explained by another line is left out, secrets are hidden', async () => {
  const refused = 'Caused by: java.net.ConnectException: Connection refused: /10.0.0.5:4545\n'
  const failed = `[ERROR - x] Unable to deliver event. Exception follows.\norg.apache.flume.FlumeException: NettyAvroRpcClient { host: 10.0.0.5, port: 4545 }: RPC connection error\n${refused}`
  const [only, ...more] = await inLog(failed.repeat(3))
  assert.deepEqual(more, [])
  assert.match(only!.evidence, /^a\.log:8: .* \(3 times, first in line 2\)$/)
  const [ignored] = await inLog(
    'Configuration property ignored: a1.sinks.k1.kafka.producer.password = hunter2\n',
  )
  assert.match(ignored!.evidence, /password = \[hidden\]/)
  assert.doesNotMatch(JSON.stringify(ignored), /hunter2/)
  assert.deepEqual(await inLog('INFO all is well\n'.repeat(100)), [])
  assert.deepEqual(await inLog(''), [])
  assert.deepEqual(await inLog(`${'x'.repeat(5_000_000)}\n\u0000\n`), [])
})

test('a log of an agent: what has ended is left out, and a killed process is noticed', async () => {
  const line = (level: string, message: string, component = 'k1') =>
    `2026-11-23 01:02:03,456 (${component}) [${level} - millrace.${component}] ${message}\n`
  const away =
    'Delivering events by sink k1 failed and is retried until it succeeds: connect ECONNREFUSED 10.0.0.5:4545. Start the peer or correct host and port.'
  const open = line('ERROR', away) + line('ERROR', `${away} This has lasted for 60 s.`)
  const [finding, ...more] = await inLog(open)
  assert.deepEqual(more, [])
  assert.match(finding!.problem, /^k1: Delivering events by sink k1 failed .*ECONNREFUSED 10\.0\.0\.5:4545$/)
  assert.equal(finding!.fix, 'Start the peer or correct host and port.')
  assert.match(finding!.evidence, /^a\.log:2: .*\(2 times, first in line 1\)$/)
  assert.deepEqual(await inLog(open + line('INFO', 'sink k1 delivers again, after 61.2 s')), [])
  assert.equal((await inLog(open + line('INFO', 'sink k2 delivers again, after 61.2 s', 'k2'))).length, 1)
  const json = `${JSON.stringify({ time: '2026-11-23T01:02:03.456Z', level: 'WARN', component: 'k1', message: away })}\n`
  assert.equal((await inLog(json))[0]!.severity, 'warning')

  const start = line('INFO', 'Starting agent a1 from flume.conf', 'main')
  assert.deepEqual(await inLog(start + line('INFO', 'Agent a1 stopped', 'main') + start), [])
  const killed = await inLog(start + open + start)
  assert.match(killed[0]!.problem, /killed, or it crashed/)
  assert.match(killed[0]!.evidence, /^a\.log:1 and a\.log:4: /)
  assert.equal(killed.length, 1, 'what was wrong before the kill is no longer known to be')
})

test("the lines of an agent's own log are read as they are written", async () => {
  const log = new KeptLog()
  const agent = await startAgent({
    name: 'a1',
    configuration: `a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = seq
a1.sources.r1.totalEvents = 5
a1.sources.r1.channels = c1
a1.channels.c1.type = memory
a1.channels.c1.capacity = 5
a1.channels.c1.transactionCapacity = 5
a1.sinks.k1.type = avro
a1.sinks.k1.batch-size = 5
a1.sinks.k1.hostname = 127.0.0.1
a1.sinks.k1.port = 1
a1.sinks.k1.channel = c1
`,
    properties: {
      'flume.monitoring.type': 'http',
      'flume.monitoring.host': '127.0.0.1',
      'flume.monitoring.port': '0',
    },
    log,
  })
  try {
    await log.line(/Delivering events by sink k1 failed/)
    const [, address] = /http:\/\/(127\.0\.0\.1:\d+)\//.exec(await log.line(/Monitoring on/))!
    const seen = await examineAgent(address!, null, clock)
    assert.equal(seen.lookedAt, 'agent a1')
    const sink = seen.findings.find(({ problem }) => problem.startsWith('SINK.k1'))
    assert.match(`${sink?.problem} ${sink?.fix}`, /ECONNREFUSED 127\.0\.0\.1:1.*Start the peer/)
    assert.ok(
      problemsOf(seen.findings).includes('Channel c1 is 100 % full'),
      problemsOf(seen.findings).join(),
    )
    const line = log.lines.find(one => /^(WARN|ERROR) Delivering/.test(one))!
    const [level, message] = [line.split(' ')[0]!, line.slice(line.indexOf(' ') + 1)]
    const [own] = await inLog(`2026-11-23 01:02:03,456 (k1) [${level} - millrace.k1] ${message}\n`)
    assert.equal(`SINK.${own!.problem}`, sink!.problem)
  } finally {
    await agent.stop()
  }
})

async function flumeAt(metrics: (look: number) => unknown): Promise<{ address: string; server: Server }> {
  let look = 0
  const server = createServer((request, response) =>
    response.end(request.url === '/metrics' ? JSON.stringify(metrics(look++)) : '<html>Jetty</html>'),
  )
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

test('a real Flume is judged by its counters, and what is no agent is named', async () => {
  const { address, server } = await flumeAt(look => ({
    'CHANNEL.c1': {
      Type: 'CHANNEL',
      ChannelCapacity: '100',
      ChannelSize: '95',
      EventTakeSuccessCount: '7',
      StartTime: '1',
      StopTime: '0',
    },
    'SINK.k1': { Type: 'SINK', ConnectionFailedCount: String(3 + look), StartTime: '1', StopTime: '0' },
    'SOURCE.r1': { Type: 'SOURCE', EventReceivedCount: '102', StartTime: '1', StopTime: '2' },
  }))
  try {
    const { lookedAt, findings } = await examineAgent(address, null, clock)
    assert.equal(lookedAt, `agent ${address} (Apache Flume)`)
    assert.deepEqual(problemsOf(findings), [
      'SOURCE.r1 does not run',
      'Channel c1 is 95 % full',
      'Sink k1 cannot connect',
    ])
    assert.match(findings[1]!.evidence, /^95 of 100 events; k1 took 0 in 2 s$/)
  } finally {
    server.close()
    server.closeAllConnections()
  }
  const { findings } = await examineAgent(address, null, clock)
  assert.match(findings[0]!.evidence, /ECONNREFUSED/)
})

test('a directory with channels, dead letters and a log: damage, what is missing, and nothing changed', async () => {
  const home = await Home.make()
  const look = async () => problemsOf((await examineDirectory(home.path, disk)).findings)
  mkdirSync(home.at('empty'))
  assert.match(
    (await examineDirectory(home.at('empty'), disk)).lookedAt[0]!,
    /no channel, log or dead letter was found/,
  )
  await home.keep(['d1', 'd2'], 0, 300)
  assert.deepEqual(await look(), [])
  const before = await home.picture()
  const { lookedAt } = await examineDirectory(home.path, disk)
  assert.match(lookedAt[0]!, /^file channel in .*d1, .*d2 \(300 events inside\)$/)
  assert.deepEqual(await home.picture(), before)

  const [first] = await home.segments('d1')
  const file = home.at(`d1/millrace-${first}.wal`)
  const whole = readFileSync(file)
  const spoilt = Buffer.from(whole)
  spoilt[Math.floor(spoilt.length / 3)]! ^= 0xff
  writeFileSync(file, spoilt)
  const damaged = (await examineDirectory(home.path, disk)).findings
  assert.match(damaged[0]!.problem, /damaged or missing, which costs \d+ events?$/)
  assert.match(damaged[0]!.evidence, /millrace-\d+\.wal, byte.*events lost: /)
  assert.match(damaged[0]!.fix, /channel repair .*d1.*--to DIRECTORY/)
  writeFileSync(file, whole)

  renameSync(home.at('d2'), home.at('../gone'))
  try {
    const gone = await look()
    assert.ok(
      gone.some(one => /^A data directory of the channel is not where it was: .*d2$/.test(one)),
      gone.join('\n'),
    )
  } finally {
    renameSync(home.at('../gone'), home.at('d2'))
  }
  const open = await home.open(['d1', 'd2'])
  assert.match((await examineDirectory(home.path, disk)).lookedAt[0]!, /not read: .*in use/)
  await open.stop()

  const letters = new DeadLetterFile({
    path: home.at('dead.jsonl'),
    agent: 'a1',
    component: 'k1',
    disk,
    clock,
  })
  await letters.keep(
    [Event.of({ topic: 't' }, 'a secret body'), Event.of({}, '')],
    new Fault('UNDELIVERABLE', 'broker:9092 refuses the record'),
  )
  writeFileSync(home.at('dead.jsonl'), `${readFileSync(home.at('dead.jsonl'), 'utf8')}{"time":"cut`)
  writeFileSync(home.at('flume.log'), 'java.io.IOException: Too many open files\n')
  const { findings } = await examineDirectory(home.path, disk)
  assert.deepEqual(problemsOf(findings), [
    '2 events of k1 could not be delivered and are in dead.jsonl (UNDELIVERABLE)',
    'The process has reached its limit of open files',
  ])
  assert.match(findings[0]!.evidence, /broker:9092 refuses the record/)
  assert.doesNotMatch(JSON.stringify(findings), /secret body/)
})

test('the directories of a real Flume are read, and damage in them is found', async () => {
  const home = await Home.make()
  const golden = join(root, 'test/golden/flume/one-killed')
  const copy = spawnSync('cp', ['-r', golden, home.at('flume')])
  assert.equal(copy.status, 0)
  const { lookedAt, findings } = await examineDirectory(home.path, disk)
  assert.deepEqual([lookedAt.length, findings], [1, []])
  assert.match(lookedAt[0]!, /\(\d+ events inside\)$/)
  rmSync(home.at('flume/checkpoint'), { recursive: true })
  assert.deepEqual(problemsOf((await examineDirectory(home.path, disk)).findings), [])
})

test('the command: exit codes, both formats, one screen', () => {
  const run = (words: readonly string[], input = '') => {
    const done = spawnSync(
      process.execPath,
      [join(root, 'src/cli/main.ts'), 'millrace', 'doctor', ...words],
      {
        encoding: 'utf8',
        input,
      },
    )
    return { code: done.status, out: done.stdout, err: done.stderr }
  }
  const all = flumeLines.map(([line]) => `${line}\n`).join('')
  const text = run(['-'], all)
  assert.equal(text.code, 1, text.err)
  assert.ok(text.out.split('\n').length <= 30, text.out)
  assert.match(text.out, /^\d+ problems and 3 warnings\. Looked at: standard input\.\n\nPROBLEM: /)
  assert.match(text.out, /\d+ findings more: add --all\.\n$/)
  assert.match(text.out, / {2}evidence {2}standard input:\d+: .*\n {2}fix {7}/)
  const json = run(['-', '--format', 'json'], all)
  const report = JSON.parse(json.out) as { ok: boolean; findings: Finding[] }
  assert.deepEqual([json.code, report.ok], [1, false])
  assert.ok(report.findings.length > 40)
  const well = run(['-'], 'INFO started\n')
  assert.deepEqual([well.code, well.out], [0, 'No problem was found. Looked at: standard input.\n'])
  for (const [words, error] of [
    [['/nowhere/at/all'], /does not exist, and it is not HOST:PORT/],
    [['--format', 'xml', '-'], /--format xml: write text or json/],
    [['--colour'], /--colour is not an option/],
  ] as const) {
    const { code, err } = run(words)
    assert.equal(code, 2)
    assert.match(err, error)
  }
  assert.match(run(['--help']).out, /^Usage: millrace doctor/)
  assert.match(read('docs/guides/troubleshooting.md'), /millrace doctor/)
})
