// The JSON of /metrics, key for key as Flume's HTTP reporter gives it: one object, keys KIND.name, values
// objects of text to text, numbers included. Doubles look as Java prints them.
import { componentsOf, type ComponentSnapshot, type Snapshot } from './snapshot.ts'

/** The object that stands under /metrics. */
export function metricsOf(snapshot: Snapshot): Record<string, Record<string, string>> {
  const metrics: Record<string, Record<string, string>> = {}
  for (const [kind, component] of componentsOf(snapshot))
    if (component.counters !== null) metrics[`${kind}.${component.name}`] = entryOf(kind, component)
  return metrics
}

function entryOf(
  kind: string,
  { counters, startedAt, stoppedAt }: ComponentSnapshot,
): Record<string, string> {
  const entry: Record<string, string> = {}
  for (const [attribute, value] of Object.entries(counters!)) {
    entry[attribute] = String(value)
    if (attribute === 'ChannelCapacity')
      entry['ChannelFillPercentage'] = javaDouble(fillPercentage(counters!))
  }
  entry['Type'] = kind
  entry['StartTime'] = String(startedAt ?? 0)
  entry['StopTime'] = String(stoppedAt ?? 0)
  return entry
}

/** Percent of the channel in use; Java's Double.MAX_VALUE where there is no capacity, as in Flume. */
export function fillPercentage(counters: NonNullable<ComponentSnapshot['counters']>): number {
  const size = Number(counters['ChannelSize'] ?? 0)
  const capacity = Number(counters['ChannelCapacity'] ?? 0)
  return capacity === 0 ? Number.MAX_VALUE : (size / capacity) * 100
}

/** As Java's Double.toString: always a point, an exponent below 0.001 and from ten million on. */
export function javaDouble(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity'
  const size = Math.abs(value)
  if (size === 0 || (size >= 1e-3 && size < 1e7)) {
    const text = String(value)
    return text.includes('.') ? text : `${Object.is(value, -0) ? '-0' : text}.0`
  }
  const [digits, exponent] = value.toExponential().split('e') as [string, string]
  return `${digits.includes('.') ? digits : `${digits}.0`}E${Number(exponent)}`
}
