import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { filesBelow, read } from '../../test/source-text.ts'
import { gatherJavaOptions, knownProperties, unknownOptions } from './java-options.ts'
import { log4jProblems } from './log4j.ts'

const directory = mkdtempSync(join(tmpdir(), 'java-options-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const given = (properties: Record<string, string>, jvm: string[] = []) => ({
  properties: new Map(Object.entries(properties)),
  jvm,
})

test('the last one counts: variables of the JVM, its launcher, the command line, _JAVA_OPTIONS', () => {
  const variables = {
    JAVA_TOOL_OPTIONS: `-Da=tool -Db=tool -Dc=tool -Dd=tool "-De=two words" -Df='x'y`,
    JDK_JAVA_OPTIONS: '-Db=jdk',
    _JAVA_OPTIONS: '-Dg=last',
  }
  Object.assign(process.env, variables)
  try {
    const { properties, jvm } = gatherJavaOptions(
      ['-Xmx20m', '-Dc=launcher', '-Dd=launcher', '-Dg=launcher', '-server'],
      given({ d: 'line', g: 'line' }, ['-Xms1m']),
    )
    assert.deepEqual(Object.fromEntries(properties), {
      a: 'tool',
      b: 'jdk',
      c: 'launcher',
      d: 'line',
      e: 'two words',
      f: 'xy',
      g: 'last',
    })
    assert.deepEqual(jvm, ['-Xmx20m', '-server', '-Xms1m'])
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name]
  }
})

test('what has no effect is named once, a misspelt key with the right one', () => {
  const all = given(
    {
      'flume.monitring.type': 'http',
      'com.sun.management.jmxremote': '',
      'file.encoding': 'UTF-8',
      'java.net.preferIPv4Stack': 'true',
      'flume.root.logger': 'INFO',
      'my.topic': 'x',
      'log4j.configuration': 'file:x',
      other: '1',
    },
    ['-Xmx1g', '-javaagent:/x.jar=8080'],
  )
  assert.deepEqual(
    unknownOptions(all, key => key === 'my.topic').map(({ problem, fix }) => `${problem}; ${fix}`),
    [
      '-Dflume.monitring.type is not known and has no effect; did you mean -Dflume.monitoring.type',
      '-Dcom.sun.management.jmxremote, -Dother, -javaagent:/x.jar=8080: without effect, because there is no JVM; leave out what is not needed; -Dflume.monitoring.type=http has the metrics',
    ],
  )
  assert.deepEqual(
    unknownOptions(given({}, ['-Xmx20m']), () => false),
    [],
  )
})

test('every -D property that a file of src reads is known, and no other', () => {
  const found = new Set(
    filesBelow('src')
      .filter(path => path.endsWith('.ts') && !path.endsWith('.test.ts') && !path.endsWith('java-options.ts'))
      .flatMap(path => [
        ...read(path).matchAll(
          /(?:[pP]roperties(?:\?)?\.get\(|global\(|\blist\([^,]*,)\s*'([a-z]+(?:\.\w+)+)'|'(propertiesImplementation|java\.security\.auth\.login\.config|millrace\.memoryBudget)'/g,
        ),
      ])
      .map(([, one, other]) => (one ?? other)!)
      // Others are of Kafka's clients, and of files.
      .filter(key => /^(flume|javax?|millrace|org|user)\.|^propertiesImplementation$/.test(key)),
  )
  assert.deepEqual([...found].sort(), [...knownProperties].sort())
})

const log4j = (name: string, text: string, properties: Record<string, string> = {}) => {
  const path = join(directory, name)
  writeFileSync(path, text)
  const problems = log4jProblems(directory, new Map(Object.entries(properties)))
  rmSync(path)
  assert.deepEqual(
    problems.map(one => one.problem),
    [`${path} has no effect: there is no log4j`],
  )
  return problems[0]!.fix.split(';')[0]
}

test("log4j's files are named, with the options that do the same", () => {
  const shipped = `flume.root.logger=INFO,LOGFILE
flume.log.dir=./logs
flume.log.file=flume.log
log4j.logger.org.apache.hadoop = INFO
log4j.rootLogger=\${flume.root.logger}
log4j.appender.LOGFILE=org.apache.log4j.RollingFileAppender
log4j.appender.LOGFILE.MaxFileSize=100MB
log4j.appender.LOGFILE.File=\${flume.log.dir}/\${flume.log.file}
`
  assert.equal(
    log4j('log4j.properties', shipped),
    'for the same write -Dflume.root.logger=INFO,LOGFILE -Dflume.log.dir=./logs -Dflume.log.file=flume.log',
  )
  assert.equal(
    log4j('log4j.properties', shipped, { 'flume.root.logger': 'DEBUG,console' }),
    '-Dflume.root.logger is given and counts',
  )
  assert.equal(
    log4j(
      'log4j.properties',
      'log4j.rootLogger=warn, A1\nlog4j.appender.A1=org.apache.log4j.ConsoleAppender\n',
    ),
    'for the same write -Dflume.root.logger=WARN,console',
  )
  assert.equal(
    log4j(
      'log4j2.xml',
      `<Configuration status="ERROR"><Properties><Property name="LOG_DIR">/var/log/flume</Property></Properties>
<Appenders><Console name="Console"/><RollingFile name="LogFile" fileName="\${LOG_DIR}/flume.log" filePattern="x"/></Appenders>
<Loggers><Logger name="org.apache" level="error"/><Root level="DEBUG"><AppenderRef ref="LogFile"/></Root></Loggers></Configuration>`,
    ),
    'for the same write -Dflume.root.logger=DEBUG,LOGFILE -Dflume.log.dir=/var/log/flume -Dflume.log.file=flume.log',
  )
  assert.equal(
    log4j(
      'log4j2.properties',
      'rootLogger.level = error\nappender.f.type = File\nappender.f.fileName = a/b.log\n',
    ),
    'for the same write -Dflume.root.logger=ERROR,LOGFILE -Dflume.log.dir=a -Dflume.log.file=b.log',
  )
  assert.equal(
    log4j('log4j2.yaml', 'Configuration:\n  Loggers:\n    Root:\n      level: trace\n'),
    'for the same write -Dflume.root.logger=TRACE,console',
  )
  assert.equal(
    log4j('log4j.xml', '<root><level value="fatal"/></root>'),
    'for the same write -Dflume.root.logger=FATAL,console',
  )
  assert.equal(log4j('log4j2.json', 'broken {'), 'for the same write -Dflume.root.logger=INFO,console')
})

test('a file of log4j named by -D is the one that is told of', () => {
  const path = join(directory, 'own.properties')
  writeFileSync(path, 'log4j.rootLogger=DEBUG\n')
  const [problem] = log4jProblems(undefined, new Map([['log4j.configuration', `file:${path}`]]))
  assert.match(problem!.problem, /own\.properties has no effect/)
  assert.deepEqual(log4jProblems(undefined, new Map([['log4j.configurationFile', '/not/there']])), [])
})
