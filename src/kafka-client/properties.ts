// The Java clients' properties, as Flume's files have them under kafka.consumer. and kafka.producer.,
// read into our settings. Every problem is a value; no value of a secret property is ever repeated.
import type { Fields, SettingsOf, Vocabulary } from '../fields.ts'
import { readSettings, settingsOf, type Say } from '../settings/read-settings.ts'
import { adminProperties, consumerProperties, producerProperties, silent } from './known-properties.ts'
import type { SecuritySettings } from './security/security-settings.ts'
import { readSecurity } from './security/security-properties.ts'
import type { ConnectionSettings, ConsumerSettings, ProducerSettings } from './settings.ts'

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

type Properties = Readonly<Record<string, string>>

/** Places outside the properties where settings may stand. */
export interface Places {
  /** -D, such as javax.net.ssl.trustStore. */
  readonly systemProperties?: ReadonlyMap<string, string>
  /** Properties that count where they are not written. */
  readonly usual?: Properties
}

/** Keys are those of the Java consumer, such as "auto.offset.reset". */
export const readConsumerProperties = (properties: Properties, places?: Places): Read<ConsumerSettings> =>
  readAll("Kafka's consumers", consumerProperties, { properties, places }, (settings, say) => {
    const { groupId, heartbeatIntervalMs, sessionTimeoutMs } = settings
    if (groupId === null) say.error('group.id', 'no group is given', 'write the name of a consumer group')
    if (heartbeatIntervalMs >= sessionTimeoutMs)
      say.error(
        'heartbeat.interval.ms' in properties ? 'heartbeat.interval.ms' : 'session.timeout.ms',
        `heartbeat.interval.ms (${heartbeatIntervalMs}) must be lower than session.timeout.ms (${sessionTimeoutMs})`,
        'use a third of session.timeout.ms',
      )
  })

/** Keys are those of Java's AdminClient. */
export const readAdminProperties = (properties: Properties, places?: Places): Read<ConnectionSettings> =>
  readAll("Kafka's administration clients", adminProperties, { properties, places })

/** Keys are those of the Java producer, such as "compression.type". */
export const readProducerProperties = (properties: Properties, places?: Places): Read<ProducerSettings> =>
  readAll(
    "Kafka's producers",
    producerProperties,
    { properties, places },
    ({ acks, enableIdempotence }, say) => {
      if ('enable.idempotence' in properties && enableIdempotence && acks !== -1)
        say.error(
          'enable.idempotence',
          `needs acks = all, and acks is ${acks}`,
          'write acks = all, or leave enable.idempotence out',
        )
    },
  )

function readAll<F extends Fields>(
  whose: string,
  vocabulary: Vocabulary<F>,
  { properties, places = {} }: { readonly properties: Properties; readonly places: Places | undefined },
  check?: (settings: SettingsOf<F>, say: Say) => void,
): Read<SettingsOf<F> & { readonly security: SecuritySettings }> {
  const problems: PropertyProblem[] = []
  const sayAs =
    (severity: PropertyProblem['severity']) =>
    (key: string, problem: string, fix: string, instead?: string): void =>
      void problems.push({ key, problem, fix, severity, ...(instead === undefined ? {} : { instead }) })
  const say: Say = { error: sayAs('error'), warning: sayAs('warning') }
  const written = new Map(Object.entries(properties).map(([key, value]) => [key, { value }]))
  const { values } = readSettings(vocabulary, written, {
    whose,
    page: 'docs/reference/kafka-client.md',
    say,
    others: { keys: silent, prefixes: [] },
  })
  const usual: Record<string, unknown> = { ...values }
  for (const [key, text] of Object.entries(places.usual ?? {}))
    if (!written.has(key)) usual[key] = vocabulary.options[key]?.parse(text).value
  const settings = settingsOf(vocabulary.options, usual as typeof values)
  const security = readSecurity(properties, places.systemProperties ?? new Map(), say)
  check?.(settings, say)
  const isRefused = problems.some(one => one.severity === 'error')
  return { settings: isRefused ? undefined : { ...settings, security }, problems }
}
