// Texts that people and programs write, and how they are read: configurations, options, patterns, requests, lines.
import { parseIpRules, admits } from '../../src/avro-rpc/ip-filter.ts'
import { parseAddress, addressesIn } from '../../src/address.ts'
import { readScramUser } from '../../src/broker/security/scram-user.ts'
import { readBrokerSettings } from '../../src/broker/broker-settings.ts'
import { problemOfSettings } from '../../src/broker/topic-settings.ts'
import { readArguments, refuseOddDashes } from '../../src/cli/arguments.ts'
import { readWords, topicFilter } from '../../src/cli/kafka-tool.ts'
import { rootLoggerOf } from '../../src/cli/log4j.ts'
import { readLogSettings } from '../../src/cli/log-output.ts'
import { linesOf } from '../../src/cli/lines.ts'
import { UsageError } from '../../src/cli/usage-error.ts'
import { catalogue } from '../../src/components.ts'
import { readConfiguration } from '../../src/config/configuration.ts'
import { problemLines, type Problem } from '../../src/config/problem.ts'
import { decodeText, parseProperties } from '../../src/config/properties.ts'
import { DemoOptionProblem, readDemoOptions } from '../../src/demo/options.ts'
import { numberOf } from '../../src/demo/message.ts'
import type { Field } from '../../src/fields.ts'
import { parsePointer, textAt } from '../../src/interceptors/json-pointer.ts'
import { timeReader } from '../../src/interceptors/time-format.ts'
import { compileJodaPattern } from '../../src/java/joda-time.ts'
import { compileEscapes } from '../../src/java/escapes.ts'
import { compileJavaRegex } from '../../src/java/java-regex.ts'
import {
  readAdminProperties,
  readConsumerProperties,
  readProducerProperties,
} from '../../src/kafka-client/properties.ts'
import {
  adminProperties,
  consumerProperties,
  producerProperties,
} from '../../src/kafka-client/known-properties.ts'
import { brokerKeys } from '../../src/broker/settings/broker-keys.ts'
import { JaasError, parseJaas, parseJaasFile, parseJaasSection } from '../../src/security/jaas.ts'
import { readMemoryBudget } from '../../src/system/memory-budget.ts'
import { useTimeZone } from '../../src/system/time-zone.ts'
import { buildTopology } from '../../src/topology/build-topology.ts'
import { readConnectString } from '../../src/zookeeper/zookeeper.ts'
import { read } from '../source-text.ts'
import type { Decoder } from './decoders.ts'

const textsOf =
  (...texts: readonly string[]) =>
  () =>
    texts.map(text => Buffer.from(text))
const file = (path: string) => () => [Buffer.from(read(path))]

// --------------------------------------------------------------------------------- configurations

const said = (problems: readonly Problem[]): string =>
  problemLines(problems)
    .map(({ line }) => line)
    .join('\n')
const around = { home: '/home/u', systemProperties: new Map<string, string>() }
const agentA = [
  'a1.sources = r1 r2\na1.channels = c1\na1.sinks = k1\na1.sinkgroups = g1\na1.sinkgroups.g1.sinks = k1',
  'a1.sources.r1.type = avro\na1.sources.r1.bind = 0.0.0.0\na1.sources.r1.port = 4141\na1.sources.r1.channels = c1',
  'a1.sources.r2.type = http\na1.sources.r2.port = ${env:PORT:-8080}\na1.sources.r2.channels = c1',
  'a1.sources.r1.interceptors = i1 i2\na1.sources.r1.interceptors.i1.type = regex_extractor',
  'a1.sources.r1.interceptors.i1.regex = ^(\\\\d+)\na1.sources.r1.interceptors.i1.serializers = s1',
  'a1.sources.r1.interceptors.i2.type = search_replace\na1.sources.r1.interceptors.i2.searchPattern = (a)\\\\1',
  'a1.sources.r1.interceptors.i2.replaceString = $1${name}',
  'a1.sources.r1.selector.type = multiplexing\na1.sources.r1.selector.header = h\na1.sources.r1.selector.mapping.x = c1',
  'a1.channels.c1.type = file\na1.channels.c1.dataDirs = /d1,/d2\na1.channels.c1.capacity = 1000',
  'a1.sinks.k1.type = hdfs\na1.sinks.k1.channel = c1\na1.sinks.k1.hdfs.path = /x/%Y-%m/${a1.sinks}',
  "a1.configfilters = f1\na1.configfilters.f1.type = env\na1.sinks.k1.password = ${f1['secret']}\n# comment\n! other",
]

const configurations: Decoder[] = [
  {
    name: 'properties file',
    seeds: textsOf(
      'a = b\n',
      'a:b\\\n  c\r\n\\u00e4 = \\t\n#x\n!y\na=c\n',
      'key\\ with\\:blanks value\n',
      ...agentA,
    ),
    decode(bytes) {
      const problems: Problem[] = []
      const text = decodeText(bytes, 'a.conf', problems)
      if (text !== undefined) problems.push(...parseProperties(text, 'a.conf').problems)
      said(problems)
    },
    allowed: [],
    words: ['\\', '\\u', '\\\n', '\ufeff', '=', ':', '\r'],
    share: 0.5,
  },
  {
    name: 'Flume configuration',
    seeds: () => [...textsOf(agentA.join('\n'), ...agentA)(), ...file('conf/avro-memory-kafka.conf')()],
    async decode(bytes) {
      const { config, problems } = await readConfiguration([{ file: 'a.conf', bytes }], {
        agent: 'a1',
        environment: { PORT: '1', HOME: '/h' },
        systemProperties: new Map(),
        now: 17,
        run: () => Promise.reject(new Error('no program is run')),
      })
      const built =
        config === undefined
          ? []
          : (await buildTopology(config, { catalogue, surroundings: around })).problems
      said([...problems, ...built])
    },
    allowed: [],
    words: [
      '${',
      '}',
      '${a1.sources}',
      '${x:-',
      '$${',
      "${f1['a']}",
      'a1.',
      '.type = ',
      '\na1.sinks = ',
      '${date:',
      '*',
    ],
    mostMs: 500,
    share: 0.025,
  },
  {
    name: 'server.properties',
    seeds: () => [
      ...file('config/server.properties')(),
      ...textsOf(
        'listeners=SASL_SSL://:9093,PLAINTEXT://[::1]:9092\nadvertised.listeners=PLAINTEXT://h:1\nsasl.enabled.mechanisms=PLAIN',
        'listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_a="b";',
        'log.retention.hours=168\nlog.segment.bytes=1073741824\nlisteners=A://:1\nlistener.security.protocol.map=A:SSL',
      )(),
    ],
    decode: bytes => void readBrokerSettings(bytes.toString(), 'server.properties'),
    allowed: [],
    share: 0.015,
  },
  {
    name: 'properties of Kafka clients',
    seeds: textsOf(
      'bootstrap.servers=a:1,b:2\ngroup.id=g\nmax.poll.records=500\nauto.offset.reset=earliest',
      'security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\nsasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="u" password="p";',
      'security.protocol=SASL_PLAINTEXT\nsasl.mechanism=OAUTHBEARER\nsasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="u" clientId="c" clientSecret="s" scope="x" extension_a="b";\nsasl.oauthbearer.token.endpoint.url=https://t.example/x',
      'security.protocol=SSL\nssl.truststore.location=/t.jks\nssl.keystore.key=x\nssl.enabled.protocols=TLSv1.3\nssl.cipher.suites=A,B',
    ),
    decode(bytes) {
      const properties = Object.fromEntries(
        parseProperties(bytes.toString(), 'p').settings.map(({ key, value }) => [key, value]),
      )
      for (const read of [readConsumerProperties, readProducerProperties, readAdminProperties])
        read(properties)
    },
    allowed: [],
    share: 0.02,
  },
  {
    name: 'JAAS',
    seeds: textsOf(
      'org.x.PlainLoginModule required username="a" password="b\\"c" ;',
      'KafkaClient { org.x.A required a=\'b\'; };\n// comment\nKafkaServer { x sufficient u="\\101"; /* y */ z optional; };',
    ),
    decode(bytes) {
      const text = bytes.toString()
      for (const parse of [
        parseJaas,
        (one: string) => parseJaasFile(one, 'KafkaClient'),
        (one: string) => parseJaasSection(one, 'KafkaServer'),
      ])
        try {
          parse(text)
        } catch (error) {
          if (!(error instanceof JaasError)) throw error
        }
    },
    allowed: [],
    words: ['/*', '*/', '//', '/', '"', "'", '\\', ';', '{', '}', '=', ' required '],
  },
  {
    name: 'log4j.properties and log4j2.xml',
    seeds: textsOf(
      'log4j.rootLogger=INFO, A\nlog4j.appender.A.File=${flume.log.dir}/x.log\nflume.log.dir=/l',
      '<Configuration><Properties><Property name="dir">/l</Property></Properties><File fileName="${dir}/x"/><Root level="warn"></Root></Configuration>',
      '<root>\n<level value="DEBUG"/></root>\nRoot:\n  level: info',
    ),
    decode(bytes) {
      for (const path of ['log4j.properties', 'log4j2.xml']) rootLoggerOf(bytes.toString(), path)
    },
    allowed: [],
    words: ['<root>', '<Root ', 'Root:', '${', 'level', 'fileName="', '<Property name="'],
    share: 0.4,
  },
]

// --------------------------------------------------------------------------------- single values

const fields: Field<unknown>[] = [
  ...(
    await Promise.all(catalogue.flatMap(entry => (entry.load === undefined ? [] : [entry.load()])))
  ).flatMap(({ options }) => Object.values(options) as Field<unknown>[]),
  ...[consumerProperties, producerProperties, adminProperties].flatMap(
    ({ options }) => Object.values(options) as Field<unknown>[],
  ),
  ...(Object.values(brokerKeys) as Field<unknown>[]),
]

const values: Decoder[] = [
  {
    name: 'option values',
    seeds: textsOf(
      'a10',
      'b-1',
      'c1.5',
      'dtrue',
      'ea, b, c',
      'f9223372036854775807',
      'g[a-z]+',
      'hhost:1',
      'i%Y',
      'jUTF-8',
    ),
    decode(bytes) {
      const field = fields[((bytes[0] ?? 0) * 256 + (bytes[1] ?? 0)) % fields.length]!
      const parsed = field.kind === 'prefix' ? null : field.parse(bytes.subarray(1).toString())
      if (typeof parsed?.value === 'number' && !Number.isFinite(parsed.value))
        throw new Error(`${parsed.value}`)
    },
    allowed: [],
  },
  {
    name: 'Java regular expression',
    seeds: textsOf(
      '^(\\d+)\\s*(?<name>[a-z&&[^aeiou]]+)$',
      '\\Qa.b\\E(?i:x|y)*+(?>z{2,3})\\p{javaLowerCase}\\x{1F600}\\u0041',
      '[\\p{Alpha}\\w-[x]](?=a)(?<!b)\\k<name>\\1\\R\\h',
    ),
    decode(bytes) {
      const compiled = compileJavaRegex(bytes.toString(), ['', 'i', 'ms', 'g'][(bytes[0] ?? 0) % 4])
      return 'problem' in compiled
        ? compiled.problem.replace(/^JavaScript cannot read what it means: SyntaxError[^]*/, '')
        : ''
    },
    allowed: [],
    words: ['\\p{', '(?', '[^', '&&', '{1,', '\\k<', '\\Q', '\\E', '(?<', '*+', '\\x{', '(?x)'],
    // Of 64 KB; the time grows as the text does.
    mostMs: 500,
    share: 0.5,
  },
  {
    name: 'Joda pattern',
    seeds: textsOf(
      "yyyy-MM-dd'T'HH:mm:ss,SSSZ\n2026-11-23T10:45:01,123+0100",
      'dd MMM YYYY hh:mm a zzz\n01 Jan 2026 11:11 AM UTC',
    ),
    decode(bytes) {
      const [pattern = '', ...text] = bytes.toString().split('\n')
      const compiled = compileJodaPattern(pattern, 1_700_000_000_000)
      if ('read' in compiled && /NaN|Inf/.test(compiled.read(text.join('\n')) ?? ''))
        throw new Error('no time')
    },
    allowed: [],
    words: ["'", "''", 'yyyy', 'SSS', 'ZZZ', 'zzzz', 'ww', 'xxxx', 'e', 'CC'],
    share: 0.25,
  },
  {
    name: 'time of a JSON field',
    seeds: textsOf(
      'iso8601\n2026-11-23T10:45:01.123+01:00',
      'epoch_s\n1700000000.123e0',
      'yyyy-MM-dd HH:mm X\n2026-11-23 10:45 Z',
    ),
    decode(bytes) {
      const [format = '', ...text] = bytes.toString().split('\n')
      const reader = timeReader(format, 'Europe/Berlin', 1_700_000_000_000)
      if ('read' in reader && !/^-?\d+$/.test(reader.read(text.join('\n')) ?? '0')) throw new Error('no time')
    },
    allowed: [],
    words: ['epoch_ms', 'epoch_ns', 'iso8601', 'XXX', 'Z', '+24:00', 'e308'],
    share: 0.25,
  },
  {
    name: 'field of a JSON text',
    seeds: textsOf('/a/1/b~1c\n{"a":[1.10,{"b/c":"\\\\\\"]"}]}', '/\n{ "" : [ ] , "":{} }'),
    decode(bytes) {
      const [pointer = '', ...lines] = bytes.toString().split('\n')
      const parsed = parsePointer(pointer)
      const text = lines.join('\n')
      let value: unknown
      try {
        value = JSON.parse(text)
      } catch {
        return
      }
      if ('steps' in parsed) textAt(text, value, parsed.steps)
    },
    allowed: [],
    words: ['"', '\\', '~0', '~1', '[', ']', '{', '}', ',', ':', '/'],
    share: 0.25,
  },
  {
    name: 'escapes',
    seeds: textsOf(
      '/x/%{host}/%Y-%m-%dT%H:%M:%S%z/%t\n1700000000000',
      '%[localhost]-%[IP] %j %c %D%%\n-5',
      '%a %A %b %B %e %y %p\n0',
    ),
    decode(bytes) {
      const [text = '', timestamp = ''] = bytes.toString().split('\n')
      const expand = compileEscapes(text, {
        now: () => 17,
        timeZone: 'Europe/Paris',
        round: { value: 10, unit: 'minute' },
      })
      if (/NaN/.test(expand(new Map([['timestamp', timestamp]])))) throw new Error('no time')
    },
    allowed: [Error],
    saysWhatItReads: true,
    words: ['%{', '%[', '%t', '%z', '%c'],
    share: 0.15,
  },
  {
    name: 'time zone',
    seeds: textsOf('Europe/Paris', 'GMT+8', 'GMT-05:30', 'CTT', '+01:00'),
    decode: bytes => useTimeZone(bytes.toString()),
    allowed: [],
    saysWhatItReads: true,
    share: 0.1,
  },
  {
    name: 'ip filter rules',
    seeds: textsOf('allow:ip:127.*,deny:ip:*', 'allow:name:localhost,deny:name:*.example'),
    decode(bytes) {
      const parsed = parseIpRules(bytes.toString())
      if ('rules' in parsed)
        return admits(parsed.rules, '::ffff:127.0.0.1', () => Promise.resolve('a'.repeat(200)))
      return undefined
    },
    allowed: [],
    words: ['*', '?', 'allow:ip:', 'deny:name:'],
  },
  {
    name: 'addresses',
    seeds: textsOf('a:1, [::1]:9092,PLAINTEXT://h:2', 'zk1,zk2:2182/kafka/a', '::1:9092'),
    decode(bytes) {
      const text = bytes.toString()
      for (const one of addressesIn(text)) parseAddress(one)
      readConnectString(text)
    },
    allowed: [],
  },
  {
    name: 'user of SCRAM',
    seeds: textsOf(
      'SCRAM-SHA-256=[name="a",password="b",iterations=4096]',
      'SCRAM-SHA-512=[name=a,password=b]',
    ),
    decode: bytes => void readScramUser(bytes.toString()),
    allowed: [],
  },
  {
    name: 'settings of a topic',
    seeds: textsOf(
      'retention.ms=-1\ncleanup.policy=compact,delete',
      'max.message.bytes=9\ncompression.type=zstd',
    ),
    decode(bytes) {
      const lines = bytes
        .toString()
        .split('\n')
        .map(line => line.split('=') as [string, string?])
      problemOfSettings(lines.map(([name, value = null]) => ({ name, value })))
    },
    allowed: [],
  },
]

// ------------------------------------------------------------------------------------ command lines

const words = (bytes: Buffer): string[] => bytes.toString().split(/\n/)
const commands: Decoder[] = [
  {
    name: 'command line of an agent',
    seeds: textsOf(
      'agent\n-n\na1\n-f\nx\n-Da=b\n-D\nc=d\n-Xmx1g\n--conf=y',
      'agent\n-name\na1\n–conf-file\nx',
    ),
    decode(bytes) {
      const { rest, properties } = readArguments(words(bytes))
      refuseOddDashes(rest)
      readLogSettings(properties)
      readMemoryBudget(properties.get('a'))
    },
    allowed: [UsageError],
    saysWhatItReads: true,
    share: 0.4,
  },
  {
    name: 'command line of a Kafka tool',
    seeds: textsOf(
      '--topic\nt\n--partitions\n3\n--config\na=b\n--bootstrap-server\na:1',
      '-topic=a,b|c.*\n--partitions=-1',
    ),
    decode(bytes) {
      const given = readWords(
        words(bytes).filter(word => !/help|version/.test(word)),
        {
          usage: '',
          values: 'topic partitions bootstrap-server',
          lists: 'config',
          flags: 'describe',
        },
      )
      given?.whole('partitions', 1)
      topicFilter(given?.value('topic') ?? '', ['t'])('topic')
    },
    allowed: [UsageError],
    saysWhatItReads: true,
    share: 0.05,
  },
  {
    name: 'options of the demonstration',
    seeds: textsOf('10000\n100\na:1,b:2', '1\n\n'),
    decode(bytes) {
      const [events, rate, bootstrap] = words(bytes)
      readDemoOptions({ events: events!, rate: rate!, ...(bootstrap === undefined ? {} : { bootstrap }) })
    },
    allowed: [DemoOptionProblem],
    saysWhatItReads: true,
  },
  {
    name: 'lines',
    seeds: textsOf('one\ntwo\r\nthree\rfour', 'millrace run 4f2a event 17 sent x'),
    async decode(bytes) {
      const chunks = [bytes.subarray(0, bytes.length / 3), bytes.subarray(bytes.length / 3)]
      async function* input() {
        yield* chunks
      }
      for await (const lines of linesOf(input())) for (const line of lines) numberOf('4f2a', String(line))
    },
    allowed: [],
    share: 0.4,
  },
]

export const textDecoders: readonly Decoder[] = [...configurations, ...values, ...commands]
