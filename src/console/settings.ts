// The settings of the console, as a properties file (--config) and as options of the command, whose names have dashes
// where the keys have dots. Options count more than the file.
import { BlockList, isIP, isIPv6 } from 'node:net'
import { isLoopback } from '../address.ts'
import { flag, int, list, prefix, text, type OptionsOf, type Vocabulary } from '../fields.ts'
import { readConnectString } from '../zookeeper/zookeeper.ts'
import { isEffective, maskOptions, type MaskRule } from './access/masking.ts'
import { readSettings, type Say, type Written } from '../settings/read-settings.ts'

/** kafka-manager's, whose place it takes. */
export const usualPort = 9000

const options = {
  agents: list({
    doc: 'Monitoring pages of agents (-Dflume.monitoring.type=http), of real Flume too: host:port, separated by commas.',
    separator: ',',
    default: [],
  }),
  clusters: prefix({
    doc: 'Kafka clusters: clusters.NAME.bootstrap.servers and whatever else the connection takes, such as clusters.NAME.security.protocol.',
  }),
  zookeeper: text({
    doc: 'ZooKeeper of an old cluster, host:port with the path of Kafka: its brokers are looked up there, and so are the clusters that kafka-manager was given.',
  }),
  'stored.clusters': text({ doc: 'Where kafka-manager keeps its clusters.', default: '/kafka-manager' }),
  host: text({
    doc: 'Where it listens; beyond this machine only with a login and TLS.',
    default: '127.0.0.1',
  }),
  port: int({ doc: 'Port of the pages; 0 takes a free one.', min: 0, max: 65_535, default: usualPort }),
  'host.names': list({
    doc: 'Further names by which browsers may call it, such as that of a proxy; those of the certificate and of this machine count anyway.',
    separator: ',',
    default: [],
  }),
  'read.only': flag({ doc: 'Refuses everything that changes something.', default: false, strict: true }),
  'users.file': text({
    doc: 'Who may log in, with roles; only its owner may read it. Without it, whoever has an account on this machine may do everything.',
  }),
  'tls.certificate': text({
    doc: 'PEM file of the certificate, with those that signed it; read again when it is replaced.',
  }),
  'tls.key': text({ doc: 'PEM file of its key, which others may not read.' }),
  'auth.proxy.header': text({
    doc: 'Header in which a proxy names the user that it has logged in, such as X-Forwarded-User; roles are those of the users file.',
  }),
  'auth.proxy.addresses': list({
    doc: 'Addresses, or networks as 10.1.0.0/16, of proxies that are believed: about the user, and about the address that a request came from.',
    separator: ',',
    default: [],
  }),
  mask: prefix({
    doc: 'What is hidden of messages: mask.NAME.topics, and what of headers, key, value, fields, pattern and unless the rule takes.',
  }),
  'audit.file': text({
    doc: 'File of what was changed and by whom, a JSON object a line, for its owner alone; the log has it in any case.',
  }),
  'session.idle.minutes': int({
    doc: 'A session ends after so long without a request.',
    min: 1,
    max: 10_080,
    default: 30,
  }),
  'session.longest.hours': int({
    doc: 'A session ends after so long in any case.',
    min: 1,
    max: 720,
    default: 12,
  }),
} as const

export const consoleVocabulary = { options } satisfies Vocabulary
export type ConsoleSettings = OptionsOf<typeof options> & {
  /** The rules below mask. */
  readonly masks: readonly MaskRule[]
}

export const consoleDefaults = {
  ...Object.fromEntries(Object.entries(options).map(([key, field]) => [key, field.default])),
  masks: [],
} as unknown as ConsoleSettings

export const optionOf = (key: string): string => `--${key.replaceAll('.', '-')}`

/** `hasLogin`: there is one without a users file. Undefined where something is wrong, which `say` has said then. */
export function readConsoleSettings(
  written: ReadonlyMap<string, Written>,
  say: Say,
  hasLogin = false,
): ConsoleSettings | undefined {
  let isWrong = false
  const error: Say['error'] = (...what) => {
    isWrong = true
    say.error(...what)
  }
  const { values } = readSettings(consoleVocabulary, written, {
    whose: 'the console',
    page: 'docs/guides/console.md',
    // In a file that says who may do what, nothing is passed over.
    say: {
      error,
      warning: (key, problem, ...fix) => error(key, problem.replace(/ and is ignored$/, ''), ...fix),
    },
  })
  if (!isWrong) check(values, hasLogin, error)
  const masks = masksOf(written, error)
  return isWrong ? undefined : { ...values, masks }
}

function masksOf(written: ReadonlyMap<string, Written>, error: Say['error']): MaskRule[] {
  const byName = new Map<string, Map<string, Written>>()
  for (const [key, value] of written) {
    const [, name, option] = /^mask\.([^.]*)(?:\.(.*))?$/.exec(key) ?? []
    if (name === undefined) continue
    if (option === undefined) error(key, 'names no option of a rule', 'write mask.NAME.fields, for example')
    else byName.set(name, (byName.get(name) ?? new Map<string, Written>()).set(option, value))
  }
  return [...byName].map(([name, rule]) => {
    const before = `mask.${name}.`
    const say: Say['error'] = (key, problem, fix) =>
      error(`${before}${key}`, problem.replace(/ and is ignored$/, ''), fix)
    const { values } = readSettings({ options: maskOptions }, rule, {
      whose: 'a rule',
      page: 'docs/guides/console.md',
      say: { error: say, warning: say },
      before,
    })
    if (!isEffective(values))
      say(
        [...rule.keys()][0]!,
        'belongs to a rule that hides nothing',
        'add key, value, headers, fields or pattern to the rule',
      )
    return values
  })
}

function check(values: OptionsOf<typeof options>, hasLogin: boolean, error: Say['error']): void {
  const { host } = values
  const [certificate, key] = [values['tls.certificate'], values['tls.key']]
  if ((certificate === undefined) !== (key === undefined)) {
    const [there, missing] =
      certificate === undefined
        ? (['tls.key', 'tls.certificate'] as const)
        : (['tls.certificate', 'tls.key'] as const)
    error(there, `needs ${missing} beside it`, `give ${missing}, or neither`)
  }
  const { zookeeper } = values
  if (zookeeper !== undefined && readConnectString(zookeeper) === null)
    error(
      'zookeeper',
      `is "${zookeeper}"`,
      'write host:port, several separated by commas, and the path of Kafka',
    )
  const header = values['auth.proxy.header']
  if (header !== undefined && !/^[\w-]{1,64}$/.test(header))
    error('auth.proxy.header', 'is no name of a header', 'write a name such as X-Forwarded-User')
  const addresses = values['auth.proxy.addresses']
  if (header !== undefined && addresses.length === 0)
    error(
      'auth.proxy.header',
      'needs auth.proxy.addresses beside it: others could name any user',
      'give the addresses of the proxy',
    )
  if (header !== undefined && values['users.file'] === undefined)
    error(
      'auth.proxy.header',
      'needs users.file beside it, which says what each user may do',
      'give a users file',
    )
  for (const one of addresses)
    if (!isNetwork(one))
      error(
        'auth.proxy.addresses',
        `names "${one}", which is no address`,
        'write addresses such as 10.1.2.3 or 10.1.0.0/16',
      )
  if (isLoopback(host)) return
  const missing = [
    ...(values['users.file'] === undefined && !hasLogin ? ['users.file'] : []),
    ...(certificate === undefined ? ['tls.certificate and tls.key'] : []),
  ]
  if (missing.length > 0)
    error(
      'host',
      `is ${host}: beyond this machine the console is served only with a login and TLS`,
      `add ${missing.join(', ')}; or write host 127.0.0.1, and reach it by ssh -L`,
    )
}

function networkOf(text: string): { address: string; bits: number; family: 'ipv4' | 'ipv6' } | null {
  const [address = '', bits, ...rest] = text.split('/')
  const most = isIP(address) === 4 ? 32 : isIP(address) === 6 ? 128 : -1
  const count = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : -1
  if (rest.length > 0 || count < 0 || count > most) return null
  return { address, bits: count, family: isIPv6(address) ? 'ipv6' : 'ipv4' }
}

const isNetwork = (text: string): boolean => networkOf(text) !== null

/** Tells whether an address is among the networks. */
export function addressesOf(networks: readonly string[]): (address: string) => boolean {
  const among = new BlockList()
  for (const one of networks) {
    const { address, bits, family } = networkOf(one)!
    among.addSubnet(address, bits, family)
  }
  return address => isIP(address) !== 0 && among.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}
