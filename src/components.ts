// The catalogue: every component there is, one line each, loaded only when a configuration names it.
// Names are Flume's aliases and class names (compared without regard to case). Components of Flume's
// that are not here yet stand here all the same, with a sentence saying so.
import type { CatalogueEntry } from './component.ts'

const flume = 'org.apache.flume.'
const notYet = (what: string) => `Millrace has no ${what} yet`

export const catalogue: readonly CatalogueEntry[] = [
  // sources
  {
    kind: 'source',
    names: ['avro', `${flume}source.AvroSource`],
    load: () => import('./sources/avro.ts').then(m => m.avroSource),
  },
  {
    kind: 'source',
    names: [`${flume}source.kafka.KafkaSource`],
    load: () => import('./sources/kafka.ts').then(m => m.kafkaSource),
  },
  {
    kind: 'source',
    names: ['seq', `${flume}source.SequenceGeneratorSource`],
    load: () => import('./sources/sequence.ts').then(module => module.sequenceSource),
  },
  {
    kind: 'source',
    names: ['netcat', `${flume}source.NetcatSource`],
    load: () => import('./sources/netcat.ts').then(module => module.netcatSource),
  },
  {
    kind: 'source',
    names: ['http', `${flume}source.http.HTTPSource`],
    load: () => import('./sources/http.ts').then(module => module.httpSource),
  },
  { kind: 'source', names: ['thrift', `${flume}source.ThriftSource`], absent: notYet('Thrift source') },
  { kind: 'source', names: ['exec', `${flume}source.ExecSource`], absent: notYet('exec source') },
  {
    kind: 'source',
    names: ['netcatudp', `${flume}source.NetcatUdpSource`],
    absent: notYet('netcat UDP source'),
  },
  {
    kind: 'source',
    names: ['syslogtcp', `${flume}source.SyslogTcpSource`],
    absent: notYet('syslog TCP source'),
  },
  {
    kind: 'source',
    names: ['syslogudp', `${flume}source.SyslogUDPSource`],
    absent: notYet('syslog UDP source'),
  },
  {
    kind: 'source',
    names: ['multiport_syslogtcp', `${flume}source.MultiportSyslogTCPSource`],
    absent: notYet('multiport syslog source'),
  },
  {
    kind: 'source',
    names: ['spooldir', `${flume}source.SpoolDirectorySource`],
    absent: notYet('spooling directory source'),
  },
  {
    kind: 'source',
    names: ['taildir', `${flume}source.taildir.TaildirSource`],
    absent: notYet('taildir source'),
  },
  { kind: 'source', names: ['jms', `${flume}source.jms.JMSSource`], absent: notYet('JMS source') },
  { kind: 'source', names: [`${flume}source.StressSource`], absent: notYet('stress source') },
  {
    kind: 'source',
    names: [`${flume}source.twitter.TwitterSource`],
    absent: 'The API the Twitter source used no longer exists',
  },
  { kind: 'source', names: [`${flume}source.scribe.ScribeSource`], absent: notYet('Scribe source') },
  {
    kind: 'source',
    names: [`${flume}source.avroLegacy.AvroLegacySource`],
    absent: notYet('source for Flume 0.9 senders'),
  },
  {
    kind: 'source',
    names: [`${flume}source.thriftLegacy.ThriftLegacySource`],
    absent: notYet('source for Flume 0.9 senders'),
  },
  // channels
  {
    kind: 'channel',
    names: ['memory', `${flume}channel.MemoryChannel`],
    load: () => import('./channels/memory.ts').then(m => m.memoryChannel),
  },
  {
    kind: 'channel',
    names: ['file', `${flume}channel.file.FileChannel`],
    load: () => import('./channels/file.ts').then(m => m.fileChannel),
  },
  {
    kind: 'channel',
    names: ['spillablememory', `${flume}channel.SpillableMemoryChannel`],
    absent: `${notYet('spillable memory channel')}; the file channel keeps recent events in memory as well`,
  },
  {
    kind: 'channel',
    names: ['jdbc', `${flume}channel.jdbc.JdbcChannel`],
    absent: `${notYet('JDBC channel')} (Flume dropped it after 1.11); use the file channel`,
  },
  { kind: 'channel', names: [`${flume}channel.kafka.KafkaChannel`], absent: notYet('Kafka channel') },
  {
    kind: 'channel',
    names: [`${flume}channel.PseudoTxnMemoryChannel`],
    absent: `${notYet('pseudo-transaction channel')}; use memory`,
  },
  // sinks
  {
    kind: 'sink',
    names: ['avro', `${flume}sink.AvroSink`],
    load: () => import('./sinks/avro.ts').then(m => m.avroSink),
  },
  {
    kind: 'sink',
    names: [`${flume}sink.kafka.KafkaSink`],
    load: () => import('./sinks/kafka.ts').then(m => m.kafkaSink),
  },
  {
    kind: 'sink',
    names: ['logger', `${flume}sink.LoggerSink`],
    load: () => import('./sinks/logger.ts').then(module => module.loggerSink),
  },
  {
    kind: 'sink',
    names: ['null', `${flume}sink.NullSink`],
    load: () => import('./sinks/null.ts').then(module => module.nullSink),
  },
  {
    kind: 'sink',
    names: ['file_roll', `${flume}sink.RollingFileSink`],
    load: () => import('./sinks/file-roll.ts').then(module => module.fileRollSink),
  },
  { kind: 'sink', names: ['thrift', `${flume}sink.ThriftSink`], absent: notYet('Thrift sink') },
  { kind: 'sink', names: ['http', `${flume}sink.http.HttpSink`], absent: notYet('HTTP sink') },
  { kind: 'sink', names: ['hdfs', `${flume}sink.hdfs.HDFSEventSink`], absent: notYet('HDFS sink') },
  { kind: 'sink', names: ['hive', `${flume}sink.hive.HiveSink`], absent: notYet('Hive sink') },
  { kind: 'sink', names: ['hbase', `${flume}sink.hbase.HBaseSink`], absent: notYet('HBase sink') },
  { kind: 'sink', names: ['asynchbase', `${flume}sink.hbase.AsyncHBaseSink`], absent: notYet('HBase sink') },
  { kind: 'sink', names: ['hbase2', `${flume}sink.hbase2.HBase2Sink`], absent: notYet('HBase sink') },
  { kind: 'sink', names: ['irc', `${flume}sink.irc.IRCSink`], absent: notYet('IRC sink') },
  {
    kind: 'sink',
    names: ['morphline_solr', `${flume}sink.solr.morphline.MorphlineSolrSink`],
    absent: notYet('morphline sink'),
  },
  { kind: 'sink', names: [`${flume}sink.solr.morphline.MorphlineSink`], absent: notYet('morphline sink') },
  { kind: 'sink', names: [`${flume}sink.kudu.KuduSink`], absent: notYet('Kudu sink') },
  {
    kind: 'sink',
    names: ['elasticsearch', `${flume}sink.elasticsearch.ElasticSearchSink`],
    absent: `${notYet('Elasticsearch sink')} (Flume dropped it in 1.10)`,
  },
  {
    kind: 'sink',
    names: [`${flume}sink.kite.DatasetSink`],
    absent: `${notYet('Kite sink')} (Flume dropped it in 1.10)`,
  },
  // sink processors
  {
    kind: 'sink-processor',
    names: ['default', `${flume}sink.DefaultSinkProcessor`],
    load: () => import('./sink-processors/default.ts').then(module => module.defaultProcessor),
  },
  {
    kind: 'sink-processor',
    names: ['failover', `${flume}sink.FailoverSinkProcessor`],
    load: () => import('./sink-processors/failover.ts').then(module => module.failoverProcessor),
  },
  {
    kind: 'sink-processor',
    names: ['load_balance', `${flume}sink.LoadBalancingSinkProcessor`],
    load: () => import('./sink-processors/load-balance.ts').then(module => module.loadBalanceProcessor),
  },
  // selectors
  {
    kind: 'selector',
    names: ['replicating', `${flume}channel.ReplicatingChannelSelector`],
    load: () => import('./selectors/replicating.ts').then(module => module.replicatingSelector),
  },
  {
    kind: 'selector',
    names: ['multiplexing', `${flume}channel.MultiplexingChannelSelector`],
    load: () => import('./selectors/multiplexing.ts').then(module => module.multiplexingSelector),
  },
  {
    kind: 'selector',
    names: ['load_balancing', `${flume}channel.LoadBalancingChannelSelector`],
    load: () => import('./selectors/load-balancing.ts').then(module => module.loadBalancingSelector),
  },
  // interceptors
  {
    kind: 'interceptor',
    names: ['timestamp', `${flume}interceptor.TimestampInterceptor$Builder`],
    load: () => import('./interceptors/timestamp.ts').then(module => module.timestampInterceptor),
  },
  {
    kind: 'interceptor',
    names: ['host', `${flume}interceptor.HostInterceptor$Builder`],
    load: () => import('./interceptors/host.ts').then(module => module.hostInterceptor),
  },
  {
    kind: 'interceptor',
    names: ['static', `${flume}interceptor.StaticInterceptor$Builder`],
    load: () => import('./interceptors/static.ts').then(module => module.staticInterceptor),
  },
  {
    kind: 'interceptor',
    names: ['remove_header', `${flume}interceptor.RemoveHeaderInterceptor$Builder`],
    load: () => import('./interceptors/remove-header.ts').then(module => module.removeHeaderInterceptor),
  },
  {
    kind: 'interceptor',
    names: ['search_replace', `${flume}interceptor.SearchAndReplaceInterceptor$Builder`],
    load: () => import('./interceptors/search-replace.ts').then(module => module.searchReplaceInterceptor),
  },
  {
    kind: 'interceptor',
    names: ['regex_filter', `${flume}interceptor.RegexFilteringInterceptor$Builder`],
    load: () => import('./interceptors/regex-filter.ts').then(module => module.regexFilterInterceptor),
  },
  {
    kind: 'interceptor',
    names: ['regex_extractor', `${flume}interceptor.RegexExtractorInterceptor$Builder`],
    load: () => import('./interceptors/regex-extractor.ts').then(module => module.regexExtractorInterceptor),
  },
  {
    kind: 'interceptor',
    names: [`${flume}sink.solr.morphline.UUIDInterceptor$Builder`, 'uuid'],
    load: () => import('./interceptors/uuid.ts').then(module => module.uuidInterceptor),
  },
  {
    kind: 'interceptor',
    names: [`${flume}sink.solr.morphline.MorphlineInterceptor$Builder`],
    absent: notYet('morphline interceptor'),
  },
]
