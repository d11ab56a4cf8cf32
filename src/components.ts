// The catalogue: every component there is, one line each, loaded only when a configuration names it. Classes are
// Flume's, with Flume's alias where there is one; they are compared without regard to case. Components of Flume's that
// are not here yet stand here all the same, with a sentence saying so.
import type { CatalogueEntry, ComponentKind } from './component.ts'

/** Class below org.apache.flume, alias, and how it is loaded or why it is not here. */
type Row = readonly [className: string, alias: string | null, NonNullable<CatalogueEntry['load']> | string]

const no = (what: string) => `Millrace has no ${what} yet`

const ofKind = (kind: ComponentKind, rows: readonly Row[]): CatalogueEntry[] =>
  rows.map(([className, alias, component]) => ({
    kind,
    names: [...(alias === null ? [] : [alias]), `org.apache.flume.${className}`],
    ...(typeof component === 'string' ? { absent: component } : { load: component }),
  }))

/** The components of Millrace, and those of Flume that are absent. */
export const catalogue: readonly CatalogueEntry[] = [
  ...ofKind('source', [
    ['source.AvroSource', 'avro', () => import('./sources/avro.ts').then(m => m.avroSource)],
    ['source.kafka.KafkaSource', null, () => import('./sources/kafka.ts').then(m => m.kafkaSource)],
    [
      'source.SequenceGeneratorSource',
      'seq',
      () => import('./sources/sequence.ts').then(m => m.sequenceSource),
    ],
    ['source.NetcatSource', 'netcat', () => import('./sources/netcat.ts').then(m => m.netcatSource)],
    ['source.http.HTTPSource', 'http', () => import('./sources/http.ts').then(m => m.httpSource)],
    ['source.ThriftSource', 'thrift', () => import('./sources/thrift.ts').then(m => m.thriftSource)],
    ['source.ExecSource', 'exec', () => import('./sources/exec.ts').then(m => m.execSource)],
    [
      'source.NetcatUdpSource',
      'netcatudp',
      () => import('./sources/netcat-udp.ts').then(m => m.netcatUdpSource),
    ],
    [
      'source.SyslogTcpSource',
      'syslogtcp',
      () => import('./sources/syslog-tcp.ts').then(m => m.syslogTcpSource),
    ],
    [
      'source.SyslogUDPSource',
      'syslogudp',
      () => import('./sources/syslog-udp.ts').then(m => m.syslogUdpSource),
    ],
    [
      'source.MultiportSyslogTCPSource',
      'multiport_syslogtcp',
      () => import('./sources/multiport-syslog.ts').then(m => m.multiportSyslogSource),
    ],
    [
      'source.SpoolDirectorySource',
      'spooldir',
      () => import('./sources/spooldir.ts').then(m => m.spooldirSource),
    ],
    [
      'source.taildir.TaildirSource',
      'taildir',
      () => import('./sources/taildir.ts').then(m => m.taildirSource),
    ],
    ['source.jms.JMSSource', 'jms', no('JMS source')],
    ['source.StressSource', null, () => import('./sources/stress.ts').then(m => m.stressSource)],
    ['source.twitter.TwitterSource', null, 'The API the Twitter source used no longer exists'],
    ['source.scribe.ScribeSource', null, no('Scribe source')],
    ['source.avroLegacy.AvroLegacySource', null, no('source for Flume 0.9 senders')],
    ['source.thriftLegacy.ThriftLegacySource', null, no('source for Flume 0.9 senders')],
  ]),
  ...ofKind('channel', [
    ['channel.MemoryChannel', 'memory', () => import('./channels/memory.ts').then(m => m.memoryChannel)],
    ['channel.file.FileChannel', 'file', () => import('./channels/file.ts').then(m => m.fileChannel)],
    [
      'channel.SpillableMemoryChannel',
      'spillablememory',
      () => import('./channels/spillable.ts').then(m => m.spillableChannel),
    ],
    [
      'channel.jdbc.JdbcChannel',
      'jdbc',
      `${no('JDBC channel')} (Flume dropped it after 1.11); use the file channel`,
    ],
    ['channel.kafka.KafkaChannel', null, () => import('./channels/kafka.ts').then(m => m.kafkaChannel)],
    ['channel.PseudoTxnMemoryChannel', null, `${no('pseudo-transaction channel')}; use memory`],
  ]),
  ...ofKind('sink', [
    ['sink.AvroSink', 'avro', () => import('./sinks/avro.ts').then(m => m.avroSink)],
    ['sink.kafka.KafkaSink', null, () => import('./sinks/kafka.ts').then(m => m.kafkaSink)],
    ['sink.LoggerSink', 'logger', () => import('./sinks/logger.ts').then(m => m.loggerSink)],
    ['sink.NullSink', 'null', () => import('./sinks/null.ts').then(m => m.nullSink)],
    ['sink.RollingFileSink', 'file_roll', () => import('./sinks/file-roll.ts').then(m => m.fileRollSink)],
    ['sink.ThriftSink', 'thrift', () => import('./sinks/thrift.ts').then(m => m.thriftSink)],
    ['sink.http.HttpSink', 'http', () => import('./sinks/http.ts').then(m => m.httpSink)],
    ['sink.hdfs.HDFSEventSink', 'hdfs', () => import('./sinks/hdfs.ts').then(m => m.hdfsSink)],
    ['sink.hive.HiveSink', 'hive', no('Hive sink')],
    ['sink.hbase.HBaseSink', 'hbase', no('HBase sink')],
    ['sink.hbase.AsyncHBaseSink', 'asynchbase', no('HBase sink')],
    ['sink.hbase2.HBase2Sink', 'hbase2', no('HBase sink')],
    ['sink.irc.IRCSink', 'irc', no('IRC sink')],
    ['sink.solr.morphline.MorphlineSolrSink', 'morphline_solr', no('morphline sink')],
    ['sink.solr.morphline.MorphlineSink', null, no('morphline sink')],
    ['sink.kudu.KuduSink', null, no('Kudu sink')],
    [
      'sink.elasticsearch.ElasticSearchSink',
      'elasticsearch',
      `${no('Elasticsearch sink')} (Flume dropped it in 1.10)`,
    ],
    ['sink.kite.DatasetSink', null, `${no('Kite sink')} (Flume dropped it in 1.10)`],
  ]),
  ...ofKind('sink-processor', [
    [
      'sink.DefaultSinkProcessor',
      'default',
      () => import('./sink-processors/default.ts').then(m => m.defaultProcessor),
    ],
    [
      'sink.FailoverSinkProcessor',
      'failover',
      () => import('./sink-processors/failover.ts').then(m => m.failoverProcessor),
    ],
    [
      'sink.LoadBalancingSinkProcessor',
      'load_balance',
      () => import('./sink-processors/load-balance.ts').then(m => m.loadBalanceProcessor),
    ],
  ]),
  ...ofKind('selector', [
    [
      'channel.ReplicatingChannelSelector',
      'replicating',
      () => import('./selectors/replicating.ts').then(m => m.replicatingSelector),
    ],
    [
      'channel.MultiplexingChannelSelector',
      'multiplexing',
      () => import('./selectors/multiplexing.ts').then(m => m.multiplexingSelector),
    ],
    [
      'channel.LoadBalancingChannelSelector',
      'load_balancing',
      () => import('./selectors/load-balancing.ts').then(m => m.loadBalancingSelector),
    ],
  ]),
  ...ofKind('interceptor', [
    [
      'interceptor.TimestampInterceptor$Builder',
      'timestamp',
      () => import('./interceptors/timestamp.ts').then(m => m.timestampInterceptor),
    ],
    [
      'interceptor.HostInterceptor$Builder',
      'host',
      () => import('./interceptors/host.ts').then(m => m.hostInterceptor),
    ],
    [
      'interceptor.StaticInterceptor$Builder',
      'static',
      () => import('./interceptors/static.ts').then(m => m.staticInterceptor),
    ],
    [
      'interceptor.RemoveHeaderInterceptor$Builder',
      'remove_header',
      () => import('./interceptors/remove-header.ts').then(m => m.removeHeaderInterceptor),
    ],
    [
      'interceptor.SearchAndReplaceInterceptor$Builder',
      'search_replace',
      () => import('./interceptors/search-replace.ts').then(m => m.searchReplaceInterceptor),
    ],
    [
      'interceptor.RegexFilteringInterceptor$Builder',
      'regex_filter',
      () => import('./interceptors/regex-filter.ts').then(m => m.regexFilterInterceptor),
    ],
    [
      'interceptor.RegexExtractorInterceptor$Builder',
      'regex_extractor',
      () => import('./interceptors/regex-extractor.ts').then(m => m.regexExtractorInterceptor),
    ],
    [
      'sink.solr.morphline.UUIDInterceptor$Builder',
      'uuid',
      () => import('./interceptors/uuid.ts').then(m => m.uuidInterceptor),
    ],
    ['sink.solr.morphline.MorphlineInterceptor$Builder', null, no('morphline interceptor')],
  ]),
  {
    kind: 'interceptor',
    names: ['json'],
    load: () => import('./interceptors/json.ts').then(m => m.jsonInterceptor),
  },
]
