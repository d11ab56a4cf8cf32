// Settings that protect clients, records or the broker itself in Kafka, and that one node without a JVM cannot
// obey: each is warned of with what is not protected, where all other keys without effect are merely named.
import type { GivenSettings } from '../given-settings.ts'
import type { ListenerSettings } from '../listener-settings.ts'
import { listOf } from './broker-keys.ts'

interface Protection {
  readonly keys: RegExp
  /** Whether this value asks for a protection that is missing; it always does where absent. */
  readonly asks?: (
    value: string,
    about: { listeners: readonly ListenerSettings[]; given: GivenSettings },
  ) => boolean
  /** What is missing, and what to do where there is more to do than to leave it out. */
  readonly missing: string
  readonly fix?: string
}

const oneCopy =
  'every record is kept once, on this disk, and acks=all is acknowledged by it alone; for more copies use a Kafka cluster'
export const oneInSync =
  'a Kafka with one broker in sync would refuse records of acks=all with NOT_ENOUGH_REPLICAS; this broker acknowledges them once they are on this disk, the only copy; for more copies use a Kafka cluster'
const most = 2_147_483_647
const listener = 'listener\\.name\\.[^.]+\\.'
const isMore = (value: string) => Number(value) > 1
const has = (listeners: readonly ListenerSettings[], part: 'tls' | 'sasl') =>
  listeners.some(({ security }) => security[part] !== null)

/** The first row that a key fits counts; for keys of one listener `listeners` is that one, or none. */
export const protections: readonly Protection[] = [
  {
    keys: /^(authorizer\.class\.name|super\.users|allow\.everyone\.if\.no\.acl\.found)$/,
    missing:
      'the broker does not check permissions: every client that connects may read, write and change everything',
    fix: 'keep the listeners on 127.0.0.1, or ask for logins with SASL_SSL and sasl.enabled.mechanisms',
  },
  {
    keys: new RegExp(`^${listener}`),
    asks: (_, { listeners }) => listeners.length === 0,
    missing: 'no listener of that name is open',
    fix: 'write it as in listeners, in small letters',
  },
  {
    keys: new RegExp(`^(${listener})?ssl\\.((key|trust)store\\.|client\\.auth$)`),
    asks: (value, { listeners }) => !has(listeners, 'tls') && value !== 'none',
    missing:
      'it counts for no listener that speaks TLS: nothing is encrypted, and no client shows a certificate',
    fix: 'write SSL://host:port or SASL_SSL://host:port into listeners',
  },
  {
    keys: new RegExp(`^(${listener})?(.+\\.)?sasl\\.(enabled\\.mechanisms|jaas\\.config)$`),
    asks: (_, { listeners }) => !has(listeners, 'sasl'),
    missing: 'it counts for no listener that asks for a login: every client is let in',
    fix: 'write SASL_SSL://host:port into listeners',
  },
  {
    keys: /^security\.inter\.broker\.protocol$/,
    asks: (value, { listeners }) =>
      value !== 'PLAINTEXT' && !listeners.some(({ protocol }) => protocol === value),
    missing: 'no listener speaks that protocol, and there are no other brokers',
    fix: 'write it into listeners, for clients',
  },
  {
    keys: new RegExp(
      `^(${listener})?(.+\\.)?(sasl\\.server\\.callback\\.handler\\.class|ssl\\.engine\\.factory\\.class|ssl\\.provider|security\\.providers|ssl\\.trustmanager\\.algorithm|principal\\.builder\\.class)$`,
    ),
    asks: value => !/^PKIX$|\.DefaultKafkaPrincipalBuilder$/.test(value),
    missing:
      'no class of Java is loaded: certificates are checked against the trust store, passwords against the users of the login text and of SCRAM, and nothing else is asked',
  },
  {
    keys: /^(create\.topic|alter\.config)\.policy\.class\.name$/,
    missing: 'no class of Java is loaded: topics and settings are accepted without a policy',
  },
  {
    keys: new RegExp(
      `^(quota\\.(producer|consumer)\\.default|client\\.quota\\.callback\\.class|(${listener})?max\\.connection\\.creation\\.rate|${listener}max\\.connections|sasl\\.server\\.max\\.receive\\.size)$`,
    ),
    asks: value => !(Number(value) >= most),
    missing: 'it is not enforced: one client may take all that the broker can do',
    fix: 'set the limits that there are: max.connections, max.connections.per.ip and millrace.memoryBudget',
  },
  {
    keys: /^(min\.insync\.replicas|transaction\.state\.log\.min\.isr)$/,
    asks: isMore,
    missing: oneInSync,
    fix: 'write 1, or leave it out',
  },
  {
    keys: /^(default|offsets\.topic|transaction\.state\.log)\.replication\.factor$/,
    asks: isMore,
    missing: oneCopy,
    fix: 'write 1, or leave it out',
  },
  {
    keys: /^log\.flush\.interval\.messages$/,
    asks: (_, { given }) => !given.values['millrace.durability'],
    missing: 'with millrace.durability=relaxed records are synced by time alone',
    fix: 'lower log.flush.interval.ms, or leave the mode out',
  },
  {
    keys: /^remote\.log\.storage\.system\.enable$/,
    asks: value => value.toLowerCase() === 'true',
    missing: 'no segment is copied to another storage: what retention removes is gone',
  },
]

/** Warns of what is asked for and missing; those keys are not among the unused ones any more. */
export function warnOfMissingProtections(given: GivenSettings, all: readonly ListenerSettings[]): void {
  const found = new Map<Protection, string[]>()
  const controllers = listOf(given.text('controller.listener.names') ?? '').map(name => name.toLowerCase())
  for (const key of given.unused) {
    const name = /^listener\.name\.([^.]+)\./.exec(key)?.[1]
    if (name !== undefined && controllers.includes(name)) continue
    const listeners = name === undefined ? all : all.filter(one => one.name.toLowerCase() === name)
    const value = given.texts[key]!
    const row = protections.find(
      ({ keys, asks }) => value !== '' && keys.test(key) && asks?.(value, { listeners, given }) !== false,
    )
    if (row !== undefined) found.set(row, [...(found.get(row) ?? []), key])
  }
  for (const [{ missing, fix = 'leave it out' }, keys] of found) {
    given.warnOf(keys, missing, fix)
    for (const key of keys) given.text(key)
  }
}
