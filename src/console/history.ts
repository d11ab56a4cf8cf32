// The last hour of every component, a point a second, and its last day, a point a minute, in rings of numbers.
import type { FlowNode, NodeDetail } from './api.ts'

/** What is kept: seconds of a point, and points. `shown`: how many points of it make one of an answer. */
const spans = {
  hour: { seconds: 1, points: 3600, shown: 10 },
  day: { seconds: 60, points: 1440, shown: 1 },
} as const
export type Span = keyof typeof spans
export const spanNames = Object.keys(spans) as readonly Span[]

const series = ['inPerSecond', 'outPerSecond', 'size'] as const
type Series = (typeof series)[number]

/** NaN means that the value was not known. */
class Ring {
  readonly #values: Float64Array
  #count = 0

  constructor(points: number) {
    this.#values = new Float64Array(points).fill(Number.NaN)
  }

  add(value: number | null): void {
    this.#values[this.#count++ % this.#values.length] = value ?? Number.NaN
  }

  /** Averages of `step` points, the oldest first. */
  averages(step: number): (number | null)[] {
    const kept = Math.min(this.#count, this.#values.length)
    const result: (number | null)[] = []
    for (let back = Math.ceil(kept / step) * step; back > 0; back -= step)
      result.push(this.#average(Math.max(this.#count - back, this.#count - kept), this.#count - back + step))
    return result
  }

  /** Of the newest `points`. */
  newest(points: number): number | null {
    return this.#average(Math.max(0, this.#count - points), this.#count)
  }

  #average(from: number, to: number): number | null {
    let sum = 0
    let known = 0
    for (let at = from; at < to; at++) {
      const value = this.#values[at % this.#values.length]!
      if (Number.isNaN(value)) continue
      sum += value
      known++
    }
    return known === 0 ? null : sum / known
  }
}

/** Both spans of one series. */
class Past {
  readonly hour = new Ring(spans.hour.points)
  readonly day = new Ring(spans.day.points)
  #seconds = 0

  add(value: number | null): void {
    this.hour.add(value)
    if (++this.#seconds % spans.day.seconds === 0) this.day.add(this.hour.newest(spans.day.seconds))
  }
}

export class History {
  readonly #nodes = new Map<string, Record<Series, Past>>()

  /** One point of every component; what a reload has removed is forgotten. */
  add(nodes: readonly FlowNode[]): void {
    for (const node of nodes) {
      if (node.agent === null) continue
      let pasts = this.#nodes.get(node.id)
      if (pasts === undefined) {
        pasts = { inPerSecond: new Past(), outPerSecond: new Past(), size: new Past() }
        this.#nodes.set(node.id, pasts)
      }
      pasts.inPerSecond.add(node.inPerSecond)
      pasts.outPerSecond.add(node.outPerSecond)
      pasts.size.add(node.state === 'unknown' ? null : (node.fill?.size ?? null))
    }
    for (const id of this.#nodes.keys()) if (!nodes.some(node => node.id === id)) this.#nodes.delete(id)
  }

  of(id: string, span: Span): Pick<NodeDetail, 'history' | 'stepSeconds'> {
    const pasts = this.#nodes.get(id)
    const { seconds, shown } = spans[span]
    const averages = (name: Series) => pasts?.[name][span].averages(shown) ?? []
    return {
      stepSeconds: seconds * shown,
      history: {
        inPerSecond: averages('inPerSecond'),
        outPerSecond: averages('outPerSecond'),
        size: averages('size'),
      },
    }
  }
}
