// `millrace broker [server.properties] [--override key=value]…` and bin/kafka-server-start.sh: runs the
// embedded broker until a signal ends it.
import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import { whereOf } from '../address.ts'
import { Broker } from '../broker/broker.ts'
import { readBrokerSettings, type BrokerSettings } from '../broker/broker-settings.ts'
import { inOrder, problemLines, sentenceOf, type Problem } from '../config/problem.ts'
import { decodeText } from '../config/properties.ts'
import { explanationOf, messageOf } from '../errors.ts'
import { countOf, printable } from '../printable.ts'
import { keepYoungHeapSmall } from '../system/heap.ts'
import { realSystem } from '../system/system.ts'
import { readScramUser } from '../broker/security/scram-user.ts'
import type { Arguments } from './arguments.ts'
import { gatherJavaOptions, unknownOptions, wordsOf } from './java-options.ts'
import { openLog, readLogSettings } from './log-output.ts'
import { reportStart } from './service-manager.ts'
import { stopSignal } from './signals.ts'

const exitCodes = { stopped: 0, refused: 1, forced: 4 }
/** From which Kafka's launchers take options for the JVM; the last wins. */
const kafkaVariables = ['HEAP', 'JVM_PERFORMANCE', 'GC_LOG', 'JMX', 'LOG4J']
  .map(name => `KAFKA_${name}_OPTS`)
  .concat('KAFKA_OPTS')
/** From the first signal to the end of the process, whatever happens. */
const stopLimitMs = 9500

const usage = `Usage: millrace broker [server.properties] [--override key=value]... [--add-scram user]... [--accept-loss]

Runs a Kafka broker of one node: for development, tests, demonstrations and small edges. Keys are those of
Kafka's server.properties; it listens on 127.0.0.1:9092 unless told otherwise. Every acknowledgement waits
for the disk; millrace.durability=relaxed lifts that. --add-scram 'SCRAM-SHA-512=[name=alice,password=…]'
keeps a user for listeners with SASL. --accept-loss: once, where partitions or journals are missing in
log.dirs; the broker goes on without them.
`

/** Resolves with the exit code. */
export async function runBroker(given: Arguments, program: string): Promise<number> {
  const parser = new Command('broker')
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .helpOption(false)
    .option('-h, --help')
    .option('--override <pair>', '', (pair: string, before: string[]) => [...before, pair], [] as string[])
    .option('--accept-loss')
    .option('--add-scram <user>', '', (user: string, before: string[]) => [...before, user], [] as string[])
    .argument('[file]')
    .parse([...given.rest], { from: 'user' })
  const options = parser.opts<{
    override: string[]
    addScram: string[]
    acceptLoss?: boolean
    help?: boolean
  }>()
  if (options.help === true) {
    process.stdout.write(usage)
    return exitCodes.stopped
  }
  const refuse = (sentence: string): number => {
    process.stderr.write(`${program}: ${printable(sentence)}\n`)
    return exitCodes.refused
  }
  const overrides: Record<string, string> = {}
  for (const pair of options.override) {
    const at = pair.indexOf('=')
    if (at < 1) return refuse(`--override ${pair}: write key=value`)
    overrides[pair.slice(0, at)] = pair.slice(at + 1)
  }
  const users = options.addScram.map(readScramUser)
  if (users.includes(null))
    return refuse('--add-scram: write SCRAM-SHA-512=[name=alice,password=…], or SCRAM-SHA-256')
  keepYoungHeapSmall()
  const file = parser.args[0]
  let text = ''
  const fileProblems: Problem[] = []
  try {
    if (file !== undefined) text = decodeText(await readFile(file), file, fileProblems) ?? ''
  } catch (error) {
    return refuse(`cannot read ${file}: ${messageOf(error)}`)
  }
  const { settings, problems, withoutEffect } = readBrokerSettings(text, file ?? '', overrides)
  // A warning may say why: a comment behind a value, a backslash that is lost.
  const all = [...fileProblems, ...problems]
  const errors = all.filter(({ severity }) => severity === 'error').length
  if (errors > 0) {
    for (const { line } of problemLines(inOrder(all))) process.stderr.write(`${line}\n`)
    return refuse(`the broker does not start: ${countOf(errors, 'error')}, see above`)
  }
  const java = gatherJavaOptions(
    kafkaVariables.flatMap(name => wordsOf(process.env[name])),
    given,
  )
  const { properties } = java
  const { log, reopen } = openLog(properties)
  const found = [
    ...fileProblems,
    ...java.problems,
    ...readLogSettings(properties).problems,
    ...unknownOptions(java, () => false),
    ...problems,
  ]
  for (const { line } of problemLines(found, sentenceOf)) log.warn(line)
  if (withoutEffect.length > 0)
    log.info(
      `these settings have no effect on a single broker without ZooKeeper: ${withoutEffect.join(', ')}`,
    )
  const brokerLog = log.child('broker')
  const broker = new Broker({
    system: realSystem,
    log: brokerLog,
    settings,
    systemProperties: properties,
    users: users.filter(user => user !== null),
    acceptsLoss: options.acceptLoss === true,
  })
  const { stopping } = stopSignal(
    brokerLog,
    { limitMs: stopLimitMs, forcedCode: exitCodes.forced, kept: 'acknowledged records stay safe' },
    {
      reload() {
        reopen()
        brokerLog.info(
          'SIGHUP: server.properties is not read again; settings of topics change by kafka-configs.sh, others by a restart',
        )
      },
      reopen,
      report() {
        const { rss, external } = process.memoryUsage()
        brokerLog.info(`SIGQUIT: ${topicsOf(broker)}; ${rss} bytes of memory, ${external} of them in buffers`)
      },
    },
  )
  try {
    await broker.start()
  } catch (error) {
    return refuse(explanationOf(error))
  }
  brokerLog.info(
    `Kafka broker ${settings.nodeId} started on ${placesOf(settings, broker)}, ${topicsOf(broker)} in ${settings.logDirectories.join(', ')}`,
  )
  await reportStart(brokerLog)
  await stopping
  await broker.stop()
  const away = [...broker.away]
  if (away.length > 0) {
    brokerLog.error(
      `Kafka broker stopped without ${away.join(', ')}, removed, renamed or replaced while it ran: put it back before the next start, or acknowledged records are lost`,
    )
    return exitCodes.refused
  }
  brokerLog.info('Kafka broker stopped')
  return exitCodes.stopped
}

/** host:port; with protocols where there are several, or where it is not a plain one. */
function placesOf({ listeners }: BrokerSettings, broker: Broker): string {
  const [first] = listeners
  if (listeners.length === 1 && first!.protocol === 'PLAINTEXT')
    return whereOf({ host: first!.host, port: broker.port })
  return listeners
    .map(({ name, host }) => `${name}://${whereOf({ host, port: broker.portOf(name) })}`)
    .join(', ')
}

function topicsOf(broker: Broker): string {
  const { size } = broker.topics.topics
  return `${size} ${size === 1 ? 'topic' : 'topics'}`
}
