// The Java clients' properties, as Flume's files have them under kafka.consumer. and kafka.producer.,
// read into our settings. Every problem is a value; no value of a secret property is ever repeated.
import { addressesIn, parseAddress } from '../address.ts'
import { suggest } from '../did-you-mean.ts'
import { adminRules, consumerRules, producerRules, type Rule, type Rules } from './known-properties.ts'
import { readSecurity, type SecurityKind } from './security/security-properties.ts'
import {
  connectionDefaults,
  consumerDefaults,
  producerDefaults,
  type AssignorName,
  type ConnectionSettings,
  type ConsumerSettings,
  type ProducerSettings,
} from './settings.ts'

export interface PropertyProblem {
  /** As written, without kafka.consumer. or kafka.producer. */
  readonly key: string
  readonly problem: string
  readonly fix: string
  readonly severity: 'error' | 'warning'
  /** The key that is suggested instead. */
  readonly instead?: string
}

export interface Read<S> {
  /** Absent where a problem is an error. */
  readonly settings: S | undefined
  readonly problems: readonly PropertyProblem[]
}

type Values = Record<string, unknown>
type PlainRule = Exclude<Rule, { readonly security: unknown }>
type Say = (severity: PropertyProblem['severity'], problem: string, fix: string, instead?: string) => void

const assignorNames: ReadonlyMap<string, AssignorName> = new Map(
  Object.entries({
    'org.apache.kafka.clients.consumer.rangeassignor': 'range',
    'org.apache.kafka.clients.consumer.roundrobinassignor': 'roundrobin',
    'org.apache.kafka.clients.consumer.stickyassignor': 'sticky',
    range: 'range',
    roundrobin: 'roundrobin',
    sticky: 'sticky',
  }),
)

/** Places outside the properties where settings may stand. */
export interface Places {
  /** -D, such as javax.net.ssl.trustStore. */
  readonly systemProperties?: ReadonlyMap<string, string>
}

/** Keys are those of the Java consumer, such as "auto.offset.reset". */
export function readConsumerProperties(
  properties: Readonly<Record<string, string>>,
  places: Places = {},
): Read<ConsumerSettings> {
  const { values, problems } = readAll(properties, consumerRules, places)
  const settings = { ...consumerDefaults, ...values } as unknown as ConsumerSettings
  const complain = (key: string, problem: string, fix: string, severity: 'error' | 'warning' = 'error') =>
    problems.push({ key, problem, fix, severity })
  if (settings.groupId === null || settings.groupId === '')
    complain('group.id', 'no group is given', 'write the name of a consumer group')
  if (settings.heartbeatIntervalMs >= settings.sessionTimeoutMs)
    complain(
      'heartbeat.interval.ms' in properties ? 'heartbeat.interval.ms' : 'session.timeout.ms',
      `heartbeat.interval.ms (${settings.heartbeatIntervalMs}) must be lower than session.timeout.ms (${settings.sessionTimeoutMs})`,
      'use a third of session.timeout.ms',
    )
  requireServers(properties, settings.bootstrapServers, complain)
  return { settings: hasError(problems) ? undefined : settings, problems }
}

/** Keys are those of Java's AdminClient. */
export function readAdminProperties(
  properties: Readonly<Record<string, string>>,
  places: Places = {},
): Read<ConnectionSettings> {
  const { values, problems } = readAll(properties, adminRules, places)
  const settings = { ...connectionDefaults, ...values } as unknown as ConnectionSettings
  requireServers(properties, settings.bootstrapServers, (key, problem, fix) =>
    problems.push({ key, problem, fix, severity: 'error' }),
  )
  return { settings: hasError(problems) ? undefined : settings, problems }
}

/** Keys are those of the Java producer, such as "compression.type". */
export function readProducerProperties(
  properties: Readonly<Record<string, string>>,
  places: Places = {},
): Read<ProducerSettings> {
  const { values, problems } = readAll(properties, producerRules, places)
  const { gzipLevel, zstdLevel, ...rest } = values
  const merged = { ...producerDefaults, ...rest } as unknown as ProducerSettings
  const level =
    merged.compression === 'gzip' ? gzipLevel : merged.compression === 'zstd' ? zstdLevel : undefined
  const settings = { ...merged, compressionLevel: level as number | undefined }
  const complain = (key: string, problem: string, fix: string, severity: 'error' | 'warning' = 'error') =>
    problems.push({ key, problem, fix, severity })
  if ('enable.idempotence' in properties && settings.idempotence && settings.acks !== -1)
    complain(
      'enable.idempotence',
      `it needs acks = all, and acks is ${settings.acks}`,
      'write acks = all, or leave enable.idempotence out',
    )
  requireServers(properties, settings.bootstrapServers, complain)
  return { settings: hasError(problems) ? undefined : settings, problems }
}

const hasError = (problems: readonly PropertyProblem[]) => problems.some(one => one.severity === 'error')

function requireServers(
  properties: Readonly<Record<string, string>>,
  servers: readonly string[] | undefined,
  complain: (key: string, problem: string, fix: string) => void,
): void {
  if (properties['bootstrap.servers'] === undefined || (servers !== undefined && servers.length === 0))
    complain('bootstrap.servers', 'no broker is given', 'write host:port, several separated by commas')
}

function readAll(
  properties: Readonly<Record<string, string>>,
  rules: Rules,
  { systemProperties = new Map() }: Places,
): { values: Values; problems: PropertyProblem[] } {
  const values: Values = {}
  const problems: PropertyProblem[] = []
  const security: { key: string; kind: SecurityKind }[] = []
  for (const [key, text] of Object.entries(properties)) {
    const say: Say = (severity, problem, fix, instead) =>
      void problems.push({ key, problem, fix, severity, ...(instead === undefined ? {} : { instead }) })
    const rule = Object.hasOwn(rules, key) ? rules[key]! : undefined
    if (rule === undefined) sayUnknown(key, problems.length < mostSuggestions ? rules : {}, say)
    else if (!('security' in rule)) readOne(rule, key, text, { values, say })
    else if (rule.security !== 'protocol') security.push({ key, kind: rule.security })
  }
  values['security'] = readSecurity(
    properties,
    security,
    systemProperties,
    (key, problem, fix, severity = 'error') => void problems.push({ key, problem, fix, severity }),
  )
  return { values, problems }
}

/** Properties written for Java that change nothing here on purpose are not worth a warning each. */
const silent = new Set([
  'key.serializer',
  'value.serializer',
  'key.deserializer',
  'value.deserializer',
  'enable.auto.commit',
])

function readOne(
  rule: PlainRule,
  key: string,
  text: string,
  { values, say }: { values: Values; say: Say },
): void {
  const value = text.trim()
  if ('noEffect' in rule) {
    if (!silent.has(key)) say('warning', `it has no effect here: ${rule.noEffect}`, 'leave it out')
    return
  }
  if ('refused' in rule) return say('error', rule.refused, 'leave it out')
  if ('only' in rule) {
    if (!rule.only.includes(value.toUpperCase()) && !rule.only.includes(value.toLowerCase()))
      say(
        'error',
        `"${value}" is not possible: ${rule.why}`,
        `write ${rule.only.join(' or ')}, or leave it out`,
      )
    return
  }
  switch (rule.kind) {
    case 'text':
      if (value !== '') values[rule.to] = value
      return
    case 'flag':
      if (/^(true|false)$/i.test(value)) values[rule.to] = value.toLowerCase() === 'true'
      else say('error', `"${value}" is neither true nor false`, 'write true or false')
      return
    case 'int':
      return readInt(rule, value, { values, say })
    case 'choice': {
      const found = Object.keys(rule.values).find(name => name === value.toLowerCase())
      const accepted = Object.keys(rule.values).join(', ')
      if (found === undefined)
        say('error', `"${value}" is not one of: ${accepted}`, `write one of: ${accepted}`)
      else values[rule.to] = rule.values[found]
      return
    }
    case 'servers':
      return readServers(rule.to, value, { values, say })
    case 'assignors':
      return readAssignors(rule.to, value, { values, say })
  }
}

function readInt(
  rule: Extract<Rule, { kind: 'int' }>,
  value: string,
  { values, say }: { values: Values; say: Say },
): void {
  const { min, max = Number.MAX_SAFE_INTEGER, minusOne } = rule
  const number = Number(value)
  const accepts = `a whole number from ${min}${rule.max === undefined ? ' on' : ` to ${max}`}`
  if (minusOne !== undefined && number === -1) values[rule.to] = minusOne
  else if (!/^[+-]?\d+$/.test(value)) say('error', `"${value}" is not a whole number`, `write ${accepts}`)
  else if (number < min || (rule.max !== undefined && number > max))
    say('error', `${value} is outside what is allowed`, `write ${accepts}`)
  else values[rule.to] = Math.min(number, max)
}

function readServers(to: string, value: string, { values, say }: { values: Values; say: Say }): void {
  const servers = addressesIn(value)
  for (const server of servers)
    if (parseAddress(server) === null)
      say(
        'error',
        `"${server}" is not host:port`,
        'write host:port, several separated by commas, such as localhost:9092',
      )
  values[to] = servers
}

function readAssignors(to: string, value: string, { values, say }: { values: Values; say: Say }): void {
  const found: AssignorName[] = []
  for (const name of value
    .split(',')
    .map(one => one.trim())
    .filter(Boolean)) {
    const known = assignorNames.get(name.toLowerCase())
    if (known !== undefined) found.push(known)
    else if (/cooperativestickyassignor$/i.test(name))
      say(
        'warning',
        'the cooperative assignor is not spoken here',
        'write the StickyAssignor or RangeAssignor; the whole group must agree',
      )
    else
      say(
        'warning',
        `"${name}" names a Java class that is not there`,
        'write the RangeAssignor, RoundRobinAssignor or StickyAssignor',
      )
  }
  if (found.length > 0) values[to] = [...new Set(found)]
}

/** So many unknown properties are compared with those there are; more are no slips. */
const mostSuggestions = 100

function sayUnknown(key: string, rules: Rules, say: Say): void {
  const others = { consumers: consumerRules, producers: producerRules, 'administration clients': adminRules }
  const owner = Object.entries(others).find(([, known]) => Object.hasOwn(known, key))?.[0]
  if (owner !== undefined)
    return say('warning', `it has no effect here: it belongs to Kafka's ${owner}`, 'leave it out')
  const near = suggest(key, Object.keys(rules))
  const rule = near === undefined ? undefined : rules[near]!
  const works = rule !== undefined && !('noEffect' in rule) && !('refused' in rule)
  say(
    'warning',
    "Kafka's clients know no such property",
    near === undefined
      ? 'correct it or leave it out'
      : works
        ? `did you mean ${near}`
        : `leave it out: ${near}, which is near, ${'refused' in rule! ? 'is refused' : 'has no effect'} here`,
    works ? near : undefined,
  )
}
