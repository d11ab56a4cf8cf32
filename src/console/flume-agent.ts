// A real Flume, seen by its /metrics: counters without a configuration. Which source feeds which channel is only known
// where there is one channel.
import type { ComponentSnapshot } from '../observe/snapshot.ts'
import { Rate } from '../observe/rate.ts'
import type { Clock } from '../system/clock.ts'
import type { SeenSnapshot } from './flow.ts'

/** What goes in and what comes out, by Flume's counters. */
const flows: Readonly<Record<string, readonly [inward: string, outward: string]>> = {
  SOURCE: ['EventReceivedCount', 'EventAcceptedCount'],
  CHANNEL: ['EventPutSuccessCount', 'EventTakeSuccessCount'],
  SINK: ['EventDrainAttemptCount', 'EventDrainSuccessCount'],
}

export class FlumeAgent {
  readonly #address: string
  readonly #rates = new Map<string, Rate>()

  constructor(address: string) {
    this.#address = address
  }

  /** `metrics`: by component, Flume's attributes as text. */
  snapshot(metrics: Readonly<Record<string, Readonly<Record<string, string>>>>, clock: Clock): SeenSnapshot {
    const names = (kind: string) =>
      Object.keys(metrics).flatMap(key => (key.startsWith(`${kind}.`) ? [key.slice(kind.length + 1)] : []))
    const channels = names('CHANNEL')
    const only = channels.length === 1 ? channels : []
    const component = (kind: string, name: string): ComponentSnapshot => {
      const values = metrics[`${kind}.${name}`]!
      const [inward, outward] = flows[kind]!
      return {
        name,
        type: 'Flume',
        writtenAt: '',
        options: {},
        state: Number(values['StopTime'] ?? 0) > 0 ? 'not running' : 'running',
        reason: null,
        startedAt: Number(values['StartTime'] ?? 0) || null,
        stoppedAt: Number(values['StopTime'] ?? 0) || null,
        counters: Object.fromEntries(
          Object.entries(values).flatMap(([key, value]) =>
            /^-?\d+(\.\d+)?$/.test(value) ? [[key, Number(value)]] : [],
          ),
        ),
        ownCounters: {},
        inPerSecond: this.#rate(`${kind}.${name} in`, values[inward], clock),
        outPerSecond: this.#rate(`${kind}.${name} out`, values[outward], clock),
      }
    }
    const part = { name: '', type: '', writtenAt: '', options: {} }
    return {
      agent: this.#address,
      state: 'running',
      takenAt: clock.now(),
      sources: names('SOURCE').map(name => ({
        ...component('SOURCE', name),
        flows: [],
        channels: only,
        selector: part,
        interceptors: [],
      })),
      channels: channels.map(name => ({
        ...component('CHANNEL', name),
        size: Number(metrics[`CHANNEL.${name}`]!['ChannelSize'] ?? 0),
        capacity: Number(metrics[`CHANNEL.${name}`]!['ChannelCapacity'] ?? 0) || null,
        diskBytes: null,
        oldestEventAgeMs: null,
      })),
      sinks: names('SINK').map(name => ({
        ...component('SINK', name),
        flows: [],
        channel: only[0] ?? '',
        group: null,
      })),
      sinkGroups: [],
      conditions: [],
    }
  }

  #rate(key: string, text: string | undefined, clock: Clock): number | null {
    if (text === undefined) return null
    let rate = this.#rates.get(key)
    if (rate === undefined) this.#rates.set(key, (rate = new Rate()))
    rate.sample(Number(text), clock.monotonic())
    // A count that goes back is that of a Flume started again.
    const perSecond = rate.perSecond
    if (perSecond === null || perSecond >= 0) return perSecond
    this.#rates.delete(key)
    return null
  }
}
