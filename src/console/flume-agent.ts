// A real Flume, seen by its /metrics: counters without a configuration. Which source feeds which channel is only known
// where there is one channel.
import type { ComponentSnapshot } from '../observe/snapshot.ts'
import { flowCounters, type CounterKind } from '../observe/counters.ts'
import { Rates } from '../observe/rate.ts'
import type { Clock } from '../system/clock.ts'
import type { SeenSnapshot } from './flow.ts'

export class FlumeAgent {
  readonly #address: string
  readonly #rates = new Rates()

  constructor(address: string) {
    this.#address = address
  }

  /** `metrics`: by component, Flume's attributes as text. */
  snapshot(metrics: Readonly<Record<string, Readonly<Record<string, string>>>>, clock: Clock): SeenSnapshot {
    const names = (kind: string) =>
      Object.keys(metrics).flatMap(key => (key.startsWith(`${kind}.`) ? [key.slice(kind.length + 1)] : []))
    const channels = names('CHANNEL')
    const only = channels.length === 1 ? channels : []
    const component = (kind: CounterKind, name: string): ComponentSnapshot => {
      const values = metrics[`${kind}.${name}`]!
      const [inward, outward] = flowCounters[kind]
      const rate = (counter: string) => {
        const text = values[counter]
        const [key, now] = [`${kind}.${name} ${counter}`, clock.monotonic()]
        return text === undefined ? null : this.#rates.sample(key, Number(text), now)
      }
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
        inPerSecond: rate(inward),
        outPerSecond: rate(outward),
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
      ledger: [],
      conditions: [],
    }
  }
}
