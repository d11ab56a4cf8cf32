// kafka-manager's (CMAK's) command line and application.conf, as words of `millrace console`, which takes its place.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isUserName } from '../console/access/users.ts'
import { readHocon, type Hocon } from '../config/hocon.ts'
import { inOrder, type Place, type Problem } from '../config/problem.ts'
import { suggest } from '../did-you-mean.ts'
import { messageOf } from '../errors.ts'
import type { Arguments } from './arguments.ts'
import { UsageError } from './usage-error.ts'

/** What is read, by the name that CMAK has for it since 3.0 or before. */
const read = ['zkhosts', 'base-zk-path', 'consumer.properties.file'].flatMap(name => [
  `cmak.${name}`,
  `kafka-manager.${name}`,
])
const server = [
  'http.port',
  'http.address',
  'play.server.http.port',
  'play.server.http.address',
  'pidfile.path',
  'play.server.pidfile.path',
  'application.home',
  'config.file',
  'config.resource',
  'config.url',
]
/** Of Play, Akka and kafka-manager's own threads: they mean nothing here. */
const needless =
  /^(akka|logger|logback|db|evolutionplugin|java|user|file|sun|pinned-dispatcher|play\.(crypto|i18n|http\.(secret|session|requestHandler|errorHandler|filters|flash|cookies)|application|modules|filters|akka|temporaryFile|allowGlobalApplication|server\.(akka|netty|provider|dir|debug))|application\.(secret|langs|global)|basicAuthentication\.(realm|excluded|salt|secret)|(cmak|kafka-manager)\.[\w-]*(thread|queue|period|timeout|millis|seconds|size|dispatcher|interval)[\w.-]*)(\.|$)/i

/** The password as it was written. */
export interface PlainUser {
  readonly name: string
  readonly password: string
}

interface Setting {
  readonly value: string
  readonly place: Place | undefined
}

export interface KafkaManager {
  readonly problems: readonly Problem[]
  /** Of `millrace console`; none with an error. */
  readonly words: readonly string[]
  /** Who may log in, by basicAuthentication; null where everybody on this machine may. */
  readonly user: PlainUser | null
  /** Where scripts look for the process id; null where they do not. */
  readonly pidFile: { readonly path: string; readonly place: Place | undefined } | null
}

/** Null where help is asked for. Throws UsageError where the file cannot be read. */
export function readKafkaManager(given: Pick<Arguments, 'properties' | 'rest'>): KafkaManager | null {
  const { properties } = given
  const rest = withoutLauncherWords(given.rest)
  if (rest === null) return null
  const home = resolve(properties.get('application.home') ?? '.')
  const file = configurationFile(properties, home)
  const { values, problems }: Hocon = file === null ? { values: new Map(), problems: [] } : readFile(file)
  const settings = new Map<string, Setting>()
  for (const [key, { value, place }] of values)
    settings.set(key, { value: typeof value === 'string' ? value : value.join(','), place })
  // As Typesafe's library has it: system properties count more than the file.
  for (const [key, value] of properties) settings.set(key, { value, place: undefined })
  const all = [...problems]
  const words = all.some(({ severity }) => severity === 'error') ? [] : wordsFor(settings, all, rest)
  const user = hasWord(rest, 'users-file') ? null : userOf(settings, all)
  return { problems: inOrder(all), words: [...words, ...rest], user, pidFile: pidFileOf(settings, home) }
}

const hasWord = (rest: readonly string[], name: string) =>
  rest.some(word => word === `--${name}` || word.startsWith(`--${name}=`))

/** The user of basicAuthentication, who may do everything there too; adds to `problems`, which never hold the password. */
function userOf(settings: ReadonlyMap<string, Setting>, problems: Problem[]): PlainUser | null {
  const of = (name: string) => settings.get(`basicAuthentication.${name}`)
  const isOn = (name: string) => of(name)?.value.trim().toLowerCase() === 'true'
  if (!isOn('enabled')) return null
  const say = (name: string, severity: Problem['severity'], problem: string, fix: string) => {
    const key = `basicAuthentication.${name}`
    problems.push({ severity, place: of(name)?.place, problem: `${nameOf(settings, key)} ${problem}`, fix })
  }
  const withUsers =
    'run millrace console --hash-password, write the line NAME = HASH admin into a file with mode 600, and add --users-file FILE'
  if (isOn('ldap.enabled')) {
    say(
      'ldap.enabled',
      'error',
      'is true, and the console has no login by LDAP',
      `set it to false, and ${withUsers}`,
    )
    return null
  }
  // What kafka-manager takes where they are missing.
  const [name, password] = [of('username')?.value ?? 'admin', of('password')?.value ?? 'password']
  if (!isUserName(name)) {
    say(
      'username',
      'error',
      'holds a colon, a comma or a control character, or is empty',
      'choose another name',
    )
    return null
  }
  if (password === '' || password === 'password') {
    say(
      of('password') === undefined ? 'enabled' : 'password',
      'error',
      'stands for a login with the password that kafka-manager comes with, which everybody knows, or with none',
      `set basicAuthentication.password to another one, or ${withUsers}`,
    )
    return null
  }
  const file = of('password')?.place?.file
  // It may stand there as a name of the environment.
  const isWritten = file !== undefined && readFileSync(file, 'utf8').includes(password)
  if (isWritten && (statSync(file).mode & 0o077) !== 0)
    say(
      'password',
      'warning',
      'is written in a file that other users of this machine may read',
      `run chmod 600 ${file}`,
    )
  return { name, password }
}

/** As Play has it: pidfile.path, or RUNNING_PID of application.home. */
function pidFileOf(settings: ReadonlyMap<string, Setting>, home: string): KafkaManager['pidFile'] {
  const named = settings.get('pidfile.path') ?? settings.get('play.server.pidfile.path')
  if (named === undefined && !settings.has('application.home')) return null
  const path = resolve(home, named?.value ?? 'RUNNING_PID')
  return path === '/dev/null' ? null : { path, place: named?.place }
}

/** The words of `millrace console` that stand for the settings; adds to `problems`. */
function wordsFor(
  settings: ReadonlyMap<string, Setting>,
  problems: Problem[],
  rest: readonly string[],
): string[] {
  const say = (severity: Problem['severity'], key: string, problem: string, fix: string) =>
    problems.push({
      severity,
      place: settings.get(key)?.place,
      problem: `${nameOf(settings, key)} ${problem}`,
      fix,
    })
  const first = (...keys: readonly string[]): readonly [string, string] | undefined => {
    const key = keys.find(one => (settings.get(one)?.value.trim() ?? '') !== '')
    return key === undefined ? undefined : [key, settings.get(key)!.value.trim()]
  }
  for (const [key, { value }] of settings) {
    if ([...read, ...server].includes(key) || needless.test(key) || isLauncherProperty(key)) continue
    if (key.startsWith('basicAuthentication.')) continue
    if (key === 'application.features') continue
    if (key === 'play.http.context' || key === 'application.context') {
      if (value !== '/' && value !== '')
        say(
          'warning',
          key,
          `is ${value}, and the pages are at /`,
          'let a proxy in front of it change the path',
        )
    } else if (/^(play\.server\.)?https\.port$/.test(key))
      say(
        'error',
        key,
        'is set, and the pages are not served by TLS under this option',
        'see millrace console --help',
      )
    else {
      const near = suggest(key, [...read, ...server])
      say(
        'warning',
        key,
        'is not known and has no effect',
        near === undefined ? 'remove it' : `did you mean ${near}?`,
      )
    }
  }
  const words: string[] = []
  const has = (name: string) => hasWord(rest, name)
  const zkhosts = zooKeeperOf(settings, say)
  if (zkhosts !== null && !has('zookeeper')) words.push('--zookeeper', zkhosts)
  else if (!has('zookeeper') && !has('bootstrap-server') && !has('agents'))
    problems.push({
      severity: 'error',
      problem: 'no ZooKeeper is named',
      fix: 'write kafka-manager.zkhosts="host:2181" in conf/application.conf, or give --bootstrap-server host:port',
    })
  const base = first('cmak.base-zk-path', 'kafka-manager.base-zk-path')
  if (base !== undefined) words.push('--stored-clusters', base[1].replace(/^\/?/, '/'))
  const consumer = first('cmak.consumer.properties.file', 'kafka-manager.consumer.properties.file')
  if (consumer !== undefined && !has('command-config')) words.push('--command-config', consumer[1])
  const port = first('http.port', 'play.server.http.port')
  if (port !== undefined && !has('port')) {
    if (!/^\d+$/.test(port[1]) || Number(port[1]) > 65_535)
      say('error', port[0], `is ${port[1]}`, 'write the number of a port, such as 9000')
    words.push('--port', port[1])
  }
  const address = first('http.address', 'play.server.http.address')
  if (address !== undefined && !has('host')) words.push('--host', address[1])
  return words
}

/** The one that counts of the two names; null where neither is set. */
function zooKeeperOf(
  settings: ReadonlyMap<string, Setting>,
  say: (severity: Problem['severity'], key: string, problem: string, fix: string) => void,
): string | null {
  const of = (key: string) => settings.get(key)?.value.trim() ?? ''
  const [older, newer] = ['kafka-manager.zkhosts', 'cmak.zkhosts']
  // The file that CMAK comes with holds both with this name, of which many have changed the one alone.
  const isUntouched = of(newer) === 'kafka-manager-zookeeper:2181'
  const key = of(newer) === '' || (isUntouched && of(older) !== '') ? older : newer
  if (of(key) === '') return null
  const other = key === older ? newer : older
  if (of(other) !== '' && of(other) !== of(key) && of(other) !== 'kafka-manager-zookeeper:2181')
    say('warning', other, `is ${of(other)}, and ${key}, which counts, is ${of(key)}`, `remove ${other}`)
  return of(key)
}

const nameOf = (settings: ReadonlyMap<string, Setting>, key: string) =>
  settings.get(key)?.place === undefined && settings.has(key) ? `-D${key}` : key

/** What Java and logging take; it is no setting of kafka-manager. */
const isLauncherProperty = (key: string): boolean =>
  /^(logger\.|logback\.|log4j2?\.|javax\.|com\.sun\.|flume\.|millrace\.|networkaddress\.|zookeeper\.|sun\.)/.test(
    key,
  )

/** Without the words of the launcher that came with kafka-manager; null where help is asked for. */
function withoutLauncherWords(words: readonly string[]): string[] | null {
  const kept: string[] = []
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    if (/^(-h|-help|--help)$/.test(word)) return null
    if (/^-(v|verbose|d|debug|no-version-check|J.*)$/.test(word)) continue
    if (/^-(mem|jvm-debug|java-home|main)$/.test(word)) at++
    else kept.push(word)
  }
  return kept
}

/** Null where none is named and none is there. */
function configurationFile(properties: ReadonlyMap<string, string>, home: string): string | null {
  const named = properties.get('config.file')
  const resource = properties.get('config.resource')
  const url = properties.get('config.url')
  if (url !== undefined) {
    if (!/^file:/i.test(url))
      throw new UsageError(`-Dconfig.url=${url}: only file: can be read; write -Dconfig.file=PATH`)
    return fileURLToPath(url)
  }
  if (named !== undefined) return existsSync(named) ? named : join(home, named)
  if (resource !== undefined) return join(home, 'conf', resource.replace(/^\/?(conf\/)?/, ''))
  const usual = join(home, 'conf', 'application.conf')
  return existsSync(usual) ? usual : null
}

const mostBytes = 4 * 1024 * 1024

function readFile(file: string): Hocon {
  const text = (path: string): string => {
    const found = statSync(path)
    if (!found.isFile()) throw new Error('it is not a regular file')
    if (found.size > mostBytes) throw new Error(`it has more than ${mostBytes} bytes`)
    return readFileSync(path, 'utf8')
  }
  let whole: string
  try {
    whole = text(file)
  } catch (error) {
    throw new UsageError(`cannot read the configuration ${file}: ${messageOf(error)}; see -Dconfig.file`)
  }
  return readHocon(whole, file, {
    environment: process.env,
    include(name, from) {
      // What comes in kafka-manager's own archive holds defaults of Play, which mean nothing here.
      const path = [name, `${name}.conf`].map(one => resolve(dirname(from), one)).find(one => existsSync(one))
      return path === undefined ? null : { file: path, text: text(path) }
    },
  })
}
