// Java classes that configurations name and Millrace does not run: what they do, as far as it is known or their name
// says it, and what does the same here. One line each; the first that fits counts.

export type ClassKind =
  | 'source'
  | 'channel'
  | 'sink'
  | 'interceptor'
  | 'selector'
  | 'sink-processor'
  | 'handler'

export interface ClassAdvice {
  /** What the class does, as a clause: "it writes to HBase", "by its name, it keeps events". */
  readonly does: string
  /** What does the same here, as an imperative. */
  readonly use: string
  /** False where only the name of the class says what it does. */
  readonly isKnown: boolean
}

type Row = readonly [
  kind: ClassKind | null,
  pattern: RegExp,
  does: string,
  use: string | readonly string[],
  more?: string,
]

const byKafka = (what: string) =>
  `write to Kafka by org.apache.flume.sink.kafka.KafkaSink, and let ${what} of Kafka Connect take it from there`
const fromKafka = (what: string) =>
  `let ${what} of Kafka Connect write to a topic, and read that by org.apache.flume.source.kafka.KafkaSource`
const jsonHeader = ['type = json', 'headers.topic = /type', 'mappings.topic.VALUE = TOPIC']

/** Classes of third parties, by their names. */
const known: readonly Row[] = [
  [
    'interceptor',
    /^multi_static$/,
    'sets several headers to fixed values',
    ['type = static', 'key = NAME', 'value = VALUE'],
    'write one static interceptor for each header',
  ],
  [
    'source',
    /^org\.n3r\..*ExecBlockSource/,
    'runs a command and joins lines into blocks',
    ['type = exec', 'command = COMMAND'],
    'each line becomes an event',
  ],
  [
    'handler',
    /^com\.telefonica\.iot\.cygnus\./,
    'takes NGSI notifications for FIWARE Cygnus',
    'keep Cygnus for the notifications, and add a Kafka sink to it that Millrace reads',
  ],
  [
    'sink',
    /^com\.telefonica\.iot\.cygnus\..*Kafka/,
    'writes NGSI notifications to Kafka',
    [
      'type = org.apache.flume.sink.kafka.KafkaSink',
      'kafka.bootstrap.servers = HOST:PORT',
      'kafka.topic = TOPIC',
    ],
  ],
  [
    'sink',
    /^com\.telefonica\.iot\.cygnus\..*HDFS/,
    'writes NGSI notifications to HDFS',
    ['type = hdfs', 'hdfs.path = hdfs://HOST/PATH'],
  ],
  [
    null,
    /^com\.telefonica\.iot\.cygnus\./,
    'is a part of FIWARE Cygnus',
    'keep Cygnus, or write the events to Kafka and let Kafka Connect take them to the database',
  ],
  [
    'source',
    /twitter/i,
    "reads Twitter's streaming API 1.1, which no longer exists",
    'let a program that uses the present API post events to a source of type http',
  ],
  [
    'sink',
    /^org\.apache\.spark\.streaming\.flume\./,
    'holds events for Spark Streaming, which dropped its Flume support in Spark 3',
    'write to Kafka by org.apache.flume.sink.kafka.KafkaSink, which Spark reads',
  ],
  [
    'source',
    /^org\.keedio\..*sql|jdbc|(?<!no)sqlsource|mysql|oracle|postgres/i,
    'reads rows of a database',
    fromKafka('the JDBC source, or Debezium,'),
  ],
  [
    'source',
    /ftp/i,
    'fetches files by FTP or SFTP',
    ['type = spooldir', 'spoolDir = DIRECTORY'],
    'let a program such as lftp put the files there',
  ],
  ['sink', /elastic|opensearch/i, 'writes to Elasticsearch', byKafka('the Elasticsearch sink')],
  ['sink', /phoenix/i, 'writes to HBase through Phoenix', byKafka('an HBase or JDBC sink')],
  ['sink', /hbase/i, 'writes to HBase, whose protocol Millrace does not speak', byKafka('an HBase sink')],
  ['sink', /kudu/i, 'writes to Kudu, whose protocol Millrace does not speak', byKafka('a Kudu sink')],
  [
    'sink',
    /(?<!arc)hive/i,
    'writes to Hive',
    ['type = hdfs', 'hdfs.path = hdfs://HOST/PATH'],
    'with an external table over the directory',
  ],
  [
    'sink',
    /kite(sdk)?\b|datasetsink/i,
    'writes to Kite, which is no longer maintained',
    ['type = hdfs', 'hdfs.path = hdfs://HOST/PATH', 'hdfs.fileType = DataStream', 'serializer = avro_event'],
  ],
  [
    'interceptor',
    /morphline/i,
    'runs a morphline, a chain of Java commands',
    ['type = json'],
    'or regex_extractor and search_replace; a module of your own does the rest',
  ],
  ['sink', /morphline|solr/i, 'writes to Solr through morphlines', byKafka('a Solr sink')],
  ['sink', /cassandra|datastax/i, 'writes to Cassandra', byKafka('the Cassandra sink')],
  ['sink', /mongo/i, 'writes to MongoDB', byKafka('the MongoDB sink')],
  ['source', /mongo/i, 'reads MongoDB', fromKafka('the MongoDB source')],
  ['sink', /redis(?!t)/i, 'writes to Redis', byKafka('a Redis sink')],
  ['source', /redis(?!t)/i, 'reads Redis', fromKafka('a Redis source')],
  [
    'sink',
    /influx|prometheus|graphite|ganglia|opentsdb|statsd/i,
    'writes metrics',
    byKafka('a sink for that system'),
  ],
  [
    'sink',
    /[kK]inesis|[fF]irehose|[dD]ynamo|Sqs|SQS|Sns|SNS/,
    'writes to Amazon Web Services',
    byKafka("Amazon's sinks"),
  ],
  [
    'source',
    /[kK]inesis|[dD]ynamo|Sqs|SQS|Sns|SNS/,
    'reads from Amazon Web Services',
    fromKafka("Amazon's sources"),
  ],
  [
    'sink',
    /\.(s3|gcs|oss|cos|azure)\.|S3|Aws|Gcs|Azure|Oss[A-Z]/,
    'writes to an object store',
    ['type = file_roll', 'sink.directory = DIRECTORY'],
    'and let a program such as rclone copy the files; or Kafka Connect',
  ],
  ['sink', /pubsub/i, 'writes to Google Pub/Sub', byKafka('the Pub/Sub sink')],
  ['source', /pubsub/i, 'reads Google Pub/Sub', fromKafka('the Pub/Sub source')],
  ['sink', /splunk/i, 'writes to Splunk', byKafka('the Splunk sink')],
  [
    'sink',
    /druid|clickhouse|greenplum|jdbc|mysql|maria|postgres|oracle|sqlserver|vertica|doris|starrocks|(?<!no)sqlsink/i,
    'writes to a database',
    byKafka('the JDBC sink'),
  ],
  [
    'source',
    /rabbit|amqp|activemq|jms/i,
    'reads queues of a message broker',
    fromKafka('the RabbitMQ or JMS source'),
  ],
  [
    'sink',
    /rabbit|amqp|activemq|jms/i,
    'writes to queues of a message broker',
    byKafka('the RabbitMQ or JMS sink'),
  ],
  ['source', /mqtt/i, 'subscribes to MQTT', fromKafka('an MQTT source')],
  [
    'source',
    /websocket/i,
    'reads a WebSocket',
    'let a program that holds the WebSocket post events to a source of type http',
  ],
]

/** What names of classes are made of, word by word. `words` is the name in small letters, with a blank between words. */
const guessed: readonly Row[] = [
  [
    'interceptor',
    /\b(etl|legal|illegal|valid|validate|validation|clean|cleaner|json filter|filter json|check)\b/,
    'drops events whose body is not valid JSON',
    ['type = json', 'invalid = drop'],
  ],
  [
    'interceptor',
    /\b(times?|timestamps?|date|datetime|ts|time stamp)\b/,
    "sets the header timestamp from the event's body",
    ['type = json', 'timestampField = /ts', 'timestampFormat = epoch_ms'],
    'for bodies that are no JSON, regex_extractor with its millis serializer',
  ],
  [
    'interceptor',
    /\b(topics?|types?|routes?|router|routing|dispatch|dispatcher|classify|channel|category|multi|table|distribute|headers?|mark|flag)\b/,
    "sets a header, such as topic, by what is in the event's body",
    jsonHeader,
    'for bodies that are no JSON, regex_extractor',
  ],
  [
    'interceptor',
    /\b(json|fields?|extract|extractor|parser?|parsing|tenant)\b/,
    'sets headers from fields of the body',
    ['type = json', 'headers.NAME = /FIELD'],
    'for bodies that are no JSON, regex_extractor',
  ],
  [
    'interceptor',
    /\b(filter|filtering|drop|exclude|ignore|black|white|grep|skip)\b/,
    'keeps some events and drops the others',
    ['type = regex_filter', 'regex = PATTERN', 'excludeEvents = true'],
  ],
  [
    'interceptor',
    /\b(mask|masking|replace|desensitize|desensitization|sensitive|anonymize|anonymizer|encrypt|trim|convert|transform|format|encode|charset|url|decode)\b/,
    "changes the event's body",
    ['type = search_replace', 'searchPattern = PATTERN', 'replaceString = TEXT'],
  ],
  [
    'interceptor',
    /\b(host|hostname|ip|address)\b/,
    'sets a header to the name or address of the machine',
    ['type = host'],
  ],
  [
    'interceptor',
    /\b(uuid|id|key|guid)\b/,
    'sets a header to an identifier',
    ['type = org.apache.flume.sink.solr.morphline.UUIDInterceptor$Builder'],
  ],
  [
    'interceptor',
    /\b(static|const|constant|env)\b/,
    'sets a header to a fixed value',
    ['type = static', 'key = NAME', 'value = VALUE'],
  ],
  [
    'selector',
    /./,
    'chooses channels for each event',
    ['type = multiplexing', 'header = HEADER', 'mapping.VALUE = CHANNEL', 'default = CHANNEL'],
    'with the interceptor json, which sets the header by content',
  ],
  ['sink-processor', /./, 'chooses the sink for each batch', ['type = load_balance'], 'or failover'],
  [
    'channel',
    /\bkafka\b/,
    'keeps events in Kafka',
    [
      'type = org.apache.flume.channel.kafka.KafkaChannel',
      'kafka.bootstrap.servers = HOST:PORT',
      'kafka.topic = TOPIC',
    ],
  ],
  ['channel', /\b(memory|mem|queue)\b/, 'keeps events in memory', ['type = memory']],
  ['channel', /./, 'keeps events', ['type = file', 'checkpointDir = DIRECTORY', 'dataDirs = DIRECTORY']],
  [
    'sink',
    /\bkafka\b/,
    'writes to Kafka',
    [
      'type = org.apache.flume.sink.kafka.KafkaSink',
      'kafka.bootstrap.servers = HOST:PORT',
      'kafka.topic = TOPIC',
    ],
  ],
  ['sink', /\b(hdfs|hadoop)\b/, 'writes files to HDFS', ['type = hdfs', 'hdfs.path = hdfs://HOST/PATH']],
  ['sink', /\b(logger|log|console|print|std ?out|debug)\b/, 'prints events', ['type = logger']],
  ['sink', /\b(null|dev null|discard|blackhole)\b/, 'discards events', ['type = null']],
  ['sink', /\b(avro|rpc)\b/, 'sends events by Avro', ['type = avro', 'hostname = HOST', 'port = PORT']],
  [
    'sink',
    /\b(files?|rolling|local|dir|directory)\b/,
    'writes files',
    ['type = file_roll', 'sink.directory = DIRECTORY'],
  ],
  [
    'source',
    /\bkafka\b/,
    'reads Kafka',
    [
      'type = org.apache.flume.source.kafka.KafkaSource',
      'kafka.bootstrap.servers = HOST:PORT',
      'kafka.topics = TOPIC',
    ],
  ],
  [
    'source',
    /\b(tail|taildir|tail dir|log|logs)\b/,
    'follows files',
    ['type = taildir', 'filegroups = g1', 'filegroups.g1 = /DIRECTORY/PATTERN', 'positionFile = FILE'],
  ],
  [
    'source',
    /\b(spool|spooling|spool dir|dir|directory|files?|folder)\b/,
    'reads the files of a directory',
    ['type = spooldir', 'spoolDir = DIRECTORY'],
  ],
  ['source', /\b(exec|command|shell|script)\b/, 'runs a command', ['type = exec', 'command = COMMAND']],
  ['source', /\b(http|https|rest|web)\b/, 'takes events by HTTP', ['type = http', 'port = PORT']],
  [
    'source',
    /\b(tcp|socket|netcat|net)\b/,
    'takes lines by TCP',
    ['type = netcat', 'bind = HOST', 'port = PORT'],
  ],
  ['source', /\b(avro|rpc)\b/, 'takes events by Avro', ['type = avro', 'bind = HOST', 'port = PORT']],
  [
    'handler',
    /./,
    'makes events of HTTP requests',
    ['handler = org.apache.flume.source.http.BLOBHandler'],
    'with the interceptor json, which reads the body',
  ],
]

/** Every group of settings that is advised, with the kind of its component; null where it is any. */
export const settingsAdvised = [...known, ...guessed].flatMap(([kind, , , use]) =>
  typeof use === 'string' ? [] : [{ kind, settings: use }],
)

/** The name of a module in place of the class: my-etl-interceptor for com.example.MyETLInterceptor$Builder. */
export const moduleNameOf = (name: string): string =>
  wordsIn(name)
    .trim()
    .replaceAll(/[\s-]+/g, '-')

/** The words of a class's name, without its package and what is inside of it. */
const wordsIn = (name: string): string =>
  name
    .trim()
    .replace(/\$[^.]*$/, '')
    .replace(/^.*\./, '')
    .replaceAll(/([a-z0-9])([A-Z])|([A-Z])(?=[A-Z][a-z])|_+/g, '$1$3 $2')
    .toLowerCase()

/** `MyETLInterceptor$Builder` is "my etl". */
const wordsOf = (name: string): string =>
  wordsIn(name)
    .replaceAll(/\d+/g, ' ')
    .replace(/ ?(interceptor|source|sink|channel|selector|processor|handler)$/, '')
    .trim()

/**
 * What is known of the class that stands where a `kind` belongs, or what its name says; undefined where that is nothing.
 * `before` is what stands before the keys of its settings.
 */
export function adviceFor(kind: ClassKind, name: string, before: string): ClassAdvice | undefined {
  const find = (rows: readonly Row[], text: string) =>
    rows.find(([of, pattern]) => (of === null || of === kind) && pattern.test(text))
  const row = find(known, name)
  const found = row ?? find(guessed, wordsOf(name))
  if (found === undefined) return undefined
  const [, , does, use, more] = found
  const lines = typeof use === 'string' ? use : `write ${use.map(one => before + one).join(', ')}`
  return {
    does: row === undefined ? `by its name, it ${does}` : `it ${does}`,
    use: more === undefined ? lines : `${lines} (${more})`,
    isKnown: row !== undefined,
  }
}
