// What is said of Java classes, over classes that public configurations name.
import assert from 'node:assert/strict'
import test from 'node:test'
import { catalogue } from '../components.ts'
import { handlerNames } from '../sources/http/handlers.ts'
import { adviceFor, settingsAdvised, type ClassKind } from './known-classes.ts'

const said = (kind: ClassKind, name: string) => {
  const advice = adviceFor(kind, name, 'a1.')
  return advice && `${advice.does}: ${advice.use}`
}

test('interceptors are known by their names', () => {
  const expected: Record<string, RegExp | undefined> = {
    'com.atguigu.flume.interceptor.ETLInterceptor$Builder':
      /by its name, it drops .* JSON: write a1\.type = json, a1\.invalid = drop$/,
    'com.atguigu.flume.interceptor.TimeStampInterceptor$Builder': /timestamp .*a1\.timestampField = \/ts/,
    'com.atguigu.flume.interceptor.TimestampAndTableNameInterceptor$Builder': /timestamp/,
    'com.atguigu.flume.interceptor.EventHeaderInterceptor$MyBuilder': /sets a header, such as topic/,
    'com.atguigu.flume.interceptor.LogTypeInterceptor$Builder': /sets a header, such as topic/,
    'com.x.KafkaTopicInterceptor': /a1\.headers\.topic = \/type/,
    'jvolkova.gridu.JsonCustomInterceptor$Builder': /sets headers from fields/,
    'com.kingdeehit.bigdata.flume.interceptor.TenantIdInterceptor$Builder': /sets headers from fields/,
    'com.x.JsonFilterInterceptor$Builder': /drops events whose body is not valid JSON/,
    'com.x.DropDebugLinesInterceptor': /regex_filter/,
    'com.x.MaskCardInterceptor': /search_replace/,
    'com.x.archive.HiveTimeInterceptor': /timestamp/,
    'org.apache.flume.interceptor.logInfoInterceptor$Builder': undefined,
    'com.atguigu.flume.interceptor.CustomInterceptor$Builder': undefined,
    MyInterceptor: undefined,
  }
  for (const [name, pattern] of Object.entries(expected))
    if (pattern === undefined) assert.equal(said('interceptor', name), undefined, name)
    else assert.match(said('interceptor', name)!, pattern, name)
})

test('sources, sinks and others are known by what they are or by their names', () => {
  const expected: readonly (readonly [ClassKind, string, RegExp])[] = [
    ['source', 'org.n3r.flume.source.exec.ExecBlockSource', /^it runs a command/],
    ['source', 'org.keedio.flume.source.SQLSource', /^it reads rows of a database: let the JDBC source/],
    ['source', 'ch.cern.db.flume.source.JDBCSource', /database/],
    ['source', 'com.cloudera.flume.source.TwitterSource', /no longer exists/],
    ['source', 'com.aweber.flume.source.rabbitmq.RabbitMQSource', /queues/],
    ['source', 'com.deniscoady.flume.websocket.WebSocketSource', /WebSocket/],
    [
      'source',
      'com.taomee.tms.flume.source.TaildirSource',
      /by its name, it follows files: write a1\.type = taildir/,
    ],
    ['sink', 'org.apache.flume.sink.elasticsearch.ElasticSearchSink', /Elasticsearch/],
    ['sink', 'com.frontier45.flume.sink.elasticsearch2.ElasticSearchSink', /Elasticsearch/],
    ['sink', 'org.apache.phoenix.flume.sink.PhoenixSink', /Phoenix/],
    ['sink', 'org.apache.flume.sink.hbase.HBaseSink', /HBase/],
    ['sink', 'org.apache.flume.sink.kite.DatasetSink', /Kite/],
    ['sink', 'org.apache.flume.sink.solr.morphline.MorphlineSolrSink', /Solr/],
    ['sink', 'org.apache.flume.sink.s3.FlumeAwsS3', /object store/],
    ['sink', 'org.apache.spark.streaming.flume.sink.SparkSink', /Spark/],
    ['sink', 'com.telefonica.iot.cygnus.sinks.NGSIHDFSSink', /hdfs/],
    ['sink', 'com.telefonica.iot.cygnus.sinks.NGSIPostgreSQLSink', /Cygnus/],
    ['sink', 'com.kingdeehit.bigdata.metric.flume.GangliaSink', /metrics/],
    ['sink', 'com.thilinamb.flume.sink.KafkaSink', /KafkaSink/],
    ['sink', 'com.x.MySQLSink', /writes to a database/],
    ['sink', 'com.x.ArchiveFileSink', /file_roll/],
    ['handler', 'com.telefonica.iot.cygnus.handlers.NGSIRestHandler', /NGSI/],
    ['handler', 'com.x.MyHandler', /BLOBHandler/],
    ['selector', 'com.x.MySelector', /multiplexing/],
    ['channel', 'com.x.MyChannel', /a1\.type = file/],
  ]
  for (const [kind, name, pattern] of expected) assert.match(said(kind, name) ?? '', pattern, name)
  assert.equal(said('sink', 'com.x.MySink'), undefined)
})

test('what is advised is there, with options of these names', async () => {
  const wrong: string[] = []
  for (const { kind, settings } of settingsAdvised) {
    const pairs = settings.map(one => one.split(' = ') as [string, string])
    const [[first, type]] = pairs as [[string, string]]
    if (kind === 'handler') {
      assert.ok(first === 'handler' && handlerNames.includes(type))
      continue
    }
    const load = catalogue.find(one => one.kind === kind && one.names.includes(type))?.load
    if (first !== 'type' || load === undefined) {
      wrong.push(`there is no ${kind} ${type}`)
      continue
    }
    const { options } = await load()
    const isOption = (key: string) =>
      Object.entries(options).some(
        ([name, field]) =>
          name === key || (field.kind === 'prefix' && key.startsWith(name.replace(/\.?$/, '.'))),
      )
    for (const [key] of pairs.slice(1)) if (!isOption(key)) wrong.push(`${kind} ${type} has no ${key}`)
  }
  assert.deepEqual(wrong, [])
  assert.ok(settingsAdvised.length > 20)
})
