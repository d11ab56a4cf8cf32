// Options as they were written for a JVM, on the command line and in the variables that Flume's and Kafka's launchers
// and the JVM itself read: -D properties are taken, the rest has no effect here.
import type { Problem } from '../config/problem.ts'
import { suggest } from '../did-you-mean.ts'
import { useTimeZone } from '../system/time-zone.ts'
import { takeJavaOptions, type JavaOptions } from './arguments.ts'

/** The -D properties that are read, in any file of src/; a test holds the list. */
export const knownProperties: readonly string[] = [
  'flume.root.logger',
  'flume.log.dir',
  'flume.log.file',
  'flume.log.format',
  'flume.monitoring.type',
  'flume.monitoring.port',
  'flume.monitoring.host',
  'flume.ssl.include.protocols',
  'flume.ssl.exclude.protocols',
  'flume.ssl.include.cipherSuites',
  'flume.ssl.exclude.cipherSuites',
  'java.security.auth.login.config',
  'javax.net.ssl.keyStore',
  'javax.net.ssl.keyStorePassword',
  'javax.net.ssl.trustStore',
  'javax.net.ssl.trustStorePassword',
  'millrace.memoryBudget',
  'millrace.monitoring.events',
  'millrace.stop.with.stdin',
  'org.apache.flume.log.rawdata',
  'propertiesImplementation',
  'user.home',
  'user.timezone',
]

/** Whose absence nobody notices: what they ask for is so here, or means nothing without a JVM. */
const needless =
  /^(file\.encoding|sun\.jnu\.encoding|sun\..*|java\.(awt\.headless|library\.path|net\.preferIPv[46].*|security\.egd|io\.tmpdir)|flume\.called\.from\.service|javax\.net\.ssl\.(key|trust)StoreType|flume\.monitoring\.(pollFrequency|hosts|isGanglia3))$/

/** The words of a variable that a launcher hands on without quotes: at white space. */
export const wordsOf = (text: string | undefined): string[] => (text ?? '').split(/\s+/).filter(Boolean)

/** The words of a variable that the JVM reads itself; there quotes hold words together. */
const quotedWordsOf = (text: string | undefined): string[] =>
  ((text ?? '').match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? []).map(word =>
    word.replaceAll(/"([^"]*)"|'([^']*)'/g, '$1$2'),
  )

/**
 * As a JVM has them: those of its launcher, then those of the command line; its own variables around both. From now on
 * the process has the time zone of -Duser.timezone; `problems` are about that.
 */
export function gatherJavaOptions(
  launcher: readonly string[],
  given: JavaOptions,
): JavaOptions & { readonly problems: readonly Problem[] } {
  const { env } = process
  const java = { properties: new Map<string, string>(), jvm: [] as string[] }
  const { properties, jvm } = java
  takeJavaOptions(
    [...quotedWordsOf(env['JAVA_TOOL_OPTIONS']), ...quotedWordsOf(env['JDK_JAVA_OPTIONS'])],
    java,
  )
  takeJavaOptions(launcher, java)
  for (const [key, value] of given.properties) properties.set(key, value)
  jvm.push(...given.jvm)
  takeJavaOptions(quotedWordsOf(env['_JAVA_OPTIONS']), java)
  const wrong = useTimeZone(properties.get('user.timezone') ?? '')
  const problems: Problem[] =
    wrong === null
      ? []
      : [
          {
            severity: 'warning',
            problem: `-Duser.timezone: ${wrong}`,
            fix: 'write a name such as Asia/Shanghai',
          },
        ]
  return { properties, jvm, problems }
}

/** What was given and has no effect, each once. `uses` says whether the configuration looks a property up. */
export function unknownOptions(given: JavaOptions, uses: (property: string) => boolean): Problem[] {
  const problems: Problem[] = []
  const others: string[] = []
  for (const key of given.properties.keys()) {
    if (knownProperties.includes(key) || needless.test(key) || uses(key) || isLoggingFile(key)) continue
    const near = suggest(key, knownProperties)
    if (near === undefined) others.push(`-D${key}`)
    else
      problems.push({
        severity: 'warning',
        problem: `-D${key} is not known and has no effect`,
        fix: `did you mean -D${near}`,
      })
  }
  others.push(...given.jvm.filter(word => /^-(agentlib|agentpath|javaagent)/.test(word)))
  if (others.length > 0)
    problems.push({
      severity: 'warning',
      problem: `${others.join(', ')}: without effect, because there is no JVM`,
      fix: 'leave out what is not needed; -Dflume.monitoring.type=http has the metrics',
    })
  return problems
}

/** Names a file of log4j: that is a matter of its own. */
export const isLoggingFile = (key: string): boolean => /^log4j2?\.configuration(File)?$/.test(key)
