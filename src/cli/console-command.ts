// `millrace console`: the web console, until a signal ends it.
import { hashPassword } from '../console/access/passwords.ts'
import { singleUser } from '../console/access/users.ts'
import { startConsole } from '../console/console.ts'
import { usualPort } from '../console/settings.ts'
import { explanationOf } from '../errors.ts'
import { realSystem } from '../system/system.ts'
import { agentsGiven, agentsUsage } from './agents-given.ts'
import type { Arguments } from './arguments.ts'
import { readConsole, settingOptions } from './console-settings.ts'
import { exitCodes } from './exit-codes.ts'
import { readWords } from './kafka-tool.ts'
import { openLog } from './log-output.ts'
import { gatherJavaOptions } from './java-options.ts'
import type { PlainUser } from './kafka-manager-settings.ts'
import { readPassword } from './password-prompt.ts'
import { stopSignal } from './signals.ts'

const stopLimitMs = 5000

const usage = `Usage: millrace console [--agents HOST:PORT,...] [--bootstrap-server HOST:PORT,...]
       [--zookeeper HOST:PORT,...] [options]
       millrace console --config FILE [options]
       millrace console --hash-password

Serves web pages that show the flow through agents and the Kafka cluster at its ends.

${agentsUsage}
  --bootstrap-server HOST:PORT,...  brokers of the Kafka cluster
  --cluster NAME                    what the pages call the cluster (kafka)
  --zookeeper HOST:PORT,.../PATH    ZooKeeper of an old cluster: its brokers are looked up there, and so are the clusters
                                    that kafka-manager was given
  --stored-clusters PATH            where kafka-manager keeps them (/kafka-manager)
  --command-config FILE             properties of the connection to Kafka: TLS, logins
  --config FILE                     properties: every option below without its dashes and with dots (users.file),
                                    agents, and clusters.NAME.bootstrap.servers with what else a connection takes
  --port PORT                       of the pages (${usualPort}); 0 takes a free one
  --host HOST                       where it listens (127.0.0.1); beyond this machine only with a login and TLS
  --host-names NAME,...             further names by which browsers may call it
  --read-only                       refuses everything that changes something
  --users-file FILE                 who may log in, a user a line: NAME = HASH ROLE, mode 600
  --hash-password                   prints the hash of a password from the terminal or standard input
  --tls-certificate FILE            PEM; read again when it is replaced
  --tls-key FILE                    PEM
  --auth-proxy-header HEADER        names the user that a proxy has logged in, such as X-Forwarded-User
  --auth-proxy-addresses ADDR,...   the proxies that are believed
  --audit-file FILE                 what was changed and by whom, a JSON object a line
  --session-idle-minutes N          a session ends after so long without a request (30)
  --session-longest-hours N         and after so long in any case (12)
  --help

Exit codes: 0 stopped by a signal, 1 refused.
`

/** `user`: the one who may log in, as an administrator, where there is no users file. Resolves with the exit code. */
export async function runConsole(given: Arguments, user: PlainUser | null = null): Promise<number> {
  const words = readWords(given.rest, {
    usage,
    flags: `${settingOptions.flags} hash-password`,
    values: `${settingOptions.values} bootstrap-server broker-list cluster command-config config`,
    lists: '',
    refused: {},
  })
  if (words === null) return 0
  if (words.has('hash-password')) {
    process.stdout.write(`${await hashPassword(await readPassword())}\n`)
    return 0
  }
  const { settings, clusters, zookeeper, system } = readConsole(words, user !== null)
  const agents = agentsGiven(settings.agents)
  const { log, reopen } = openLog(gatherJavaOptions([], given).properties)
  let running
  try {
    running = await startConsole({
      agents,
      clusters,
      zookeeper,
      settings,
      users: user === null ? null : await singleUser(user.name, user.password),
      log: log.child('console'),
      system: { ...realSystem, ...system },
    })
  } catch (error) {
    process.stderr.write(`millrace console: ${explanationOf(error)}\n`)
    return exitCodes.usage
  }
  const { look } = running
  const { stopping } = stopSignal(
    log,
    { limitMs: stopLimitMs, forcedCode: 4, kept: 'the console keeps nothing' },
    {
      reload() {
        reopen()
        void look()
      },
      reopen,
      report: () => {},
    },
  )
  log.info(`Console on ${running.url}`)
  await stopping
  await running[Symbol.asyncDispose]()
  return 0
}
