// `millrace console`: the web console, until a signal ends it.
import { addressesIn, parseAddress, whereOf } from '../address.ts'
import { startConsole } from '../console/console.ts'
import type { ClusterOptions } from '../console/clusters.ts'
import { explanationOf } from '../errors.ts'
import { readAdminProperties } from '../kafka-client/kafka-client.ts'
import { realSystem } from '../system/system.ts'
import type { Arguments } from './arguments.ts'
import { readConnectString } from '../zookeeper/zookeeper.ts'
import { exitCodes } from './exit-codes.ts'
import { connectionOf, fileOf } from './kafka-connection.ts'
import { usualPort } from './console-port.ts'
import { readWords } from './kafka-tool.ts'
import { openLog } from './log-output.ts'
import { gatherJavaOptions } from './java-options.ts'
import { stopSignal } from './signals.ts'
import { UsageError } from './usage-error.ts'

const stopLimitMs = 5000

const usage = `Usage: millrace console [--agents HOST:PORT,...] [--bootstrap-server HOST:PORT,...]
       [--zookeeper HOST:PORT,...] [options]

Serves web pages that show the flow through agents and the Kafka cluster at its ends.

  --agents HOST:PORT,...            monitoring pages of agents (-Dflume.monitoring.type=http), of real Flume too, beside
                                    the agents of this user on this machine, which are found
  --bootstrap-server HOST:PORT,...  brokers of the Kafka cluster
  --cluster NAME                    what the pages call the cluster (kafka)
  --zookeeper HOST:PORT,.../PATH    ZooKeeper of an old cluster: its brokers are looked up there, and so are the clusters
                                    that kafka-manager was given
  --stored-clusters PATH            where kafka-manager keeps them (/kafka-manager)
  --command-config FILE             properties of the connection to Kafka: TLS, logins
  --port PORT                       of the pages (${usualPort}); 0 takes a free one
  --host HOST                       127.0.0.1, ::1 or localhost: the pages have no login yet and are for this machine alone
  --read-only                       refuses everything that changes something
  --help

Exit codes: 0 stopped by a signal, 1 refused.
`

/** Resolves with the exit code. */
export async function runConsole(given: Arguments): Promise<number> {
  const words = readWords(given.rest, {
    usage,
    flags: 'read-only',
    values: 'agents bootstrap-server broker-list zookeeper stored-clusters cluster command-config port host',
    lists: '',
    refused: {},
  })
  if (words === null) return 0
  const agents = addressesIn(words.value('agents') ?? '').map(agentAddress)
  const properties = fileOf(words.value('command-config'))
  const hasCluster =
    words.has('bootstrap-server') || words.has('broker-list') || properties.has('bootstrap.servers')
  const connect = words.value('zookeeper')
  if (connect !== undefined && readConnectString(connect) === null)
    throw new UsageError(
      `--zookeeper ${connect}: write host:port, several separated by commas, and the path of Kafka`,
    )
  const host = words.value('host') ?? '127.0.0.1'
  if (!['127.0.0.1', '::1', 'localhost'].includes(host))
    throw new UsageError(
      `--host ${host}: the pages have no login, so they are served to this machine alone; write 127.0.0.1, and reach it from elsewhere by ssh -L`,
    )
  // Where brokers are looked up, their addresses come from there.
  const known = hasCluster
    ? properties
    : new Map([...properties, ['bootstrap.servers', { value: 'localhost:9092' }]])
  const { settings, system } = connectionOf(words, known, readAdminProperties)
  const name = words.value('cluster') ?? 'kafka'
  const clusters: ClusterOptions[] = hasCluster ? [{ name, settings }] : []
  const zookeeper =
    connect === undefined
      ? null
      : {
          connect,
          name: hasCluster ? 'zookeeper' : name,
          storedBelow: (words.value('stored-clusters') ?? '/kafka-manager').replace(/\/$/, ''),
          settings,
        }
  const { log, reopen } = openLog(gatherJavaOptions([], given).properties)
  const port = words.whole('port', 0) ?? usualPort
  let running
  try {
    running = await startConsole({
      agents: { given: agents, announced: true },
      clusters,
      zookeeper,
      host,
      port,
      isReadOnly: words.has('read-only'),
      system: { ...realSystem, ...system },
    })
  } catch (error) {
    process.stderr.write(`millrace console: ${explanationOf(error)}\n`)
    return exitCodes.usage
  }
  const { stopping } = stopSignal(
    log,
    { limitMs: stopLimitMs, forcedCode: 4, kept: 'the console keeps nothing' },
    { reload: reopen, reopen, report: () => {} },
  )
  log.info(`Console on ${running.url}`)
  await stopping
  await running[Symbol.asyncDispose]()
  return 0
}

function agentAddress(text: string): string {
  const address = parseAddress(text)
  if (address === null || address.host === '')
    throw new UsageError(
      `--agents ${text}: write host:port of the agent's monitoring page, such as localhost:41414`,
    )
  return whereOf(address)
}
