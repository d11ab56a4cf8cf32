// The last hour of every component, a point a second, in rings of numbers.
import type { FlowNode, NodeDetail } from './api.ts'

const points = 3600
/** Points of an answer: an average of so many seconds each. */
const stepSeconds = 10

const series = ['inPerSecond', 'outPerSecond', 'size'] as const
type Series = (typeof series)[number]

/** NaN stands for what was not known. */
class Ring {
  readonly #values = new Float64Array(points).fill(Number.NaN)
  #count = 0

  add(value: number | null): void {
    this.#values[this.#count++ % points] = value ?? Number.NaN
  }

  /** Averages of `stepSeconds` points, the oldest first. */
  averages(): (number | null)[] {
    const kept = Math.min(this.#count, points)
    const result: (number | null)[] = []
    for (let back = Math.ceil(kept / stepSeconds) * stepSeconds; back > 0; back -= stepSeconds) {
      let sum = 0
      let known = 0
      const first = Math.max(this.#count - back, this.#count - kept)
      for (let at = first; at < this.#count - back + stepSeconds; at++) {
        const value = this.#values[at % points]!
        if (Number.isNaN(value)) continue
        sum += value
        known++
      }
      result.push(known === 0 ? null : sum / known)
    }
    return result
  }
}

export class History {
  readonly #nodes = new Map<string, Record<Series, Ring>>()

  /** One point of every component; what a reload has removed is forgotten. */
  add(nodes: readonly FlowNode[]): void {
    for (const node of nodes) {
      if (node.agent === null) continue
      let rings = this.#nodes.get(node.id)
      if (rings === undefined) {
        rings = { inPerSecond: new Ring(), outPerSecond: new Ring(), size: new Ring() }
        this.#nodes.set(node.id, rings)
      }
      rings.inPerSecond.add(node.inPerSecond)
      rings.outPerSecond.add(node.outPerSecond)
      rings.size.add(node.state === 'unknown' ? null : (node.fill?.size ?? null))
    }
    for (const id of this.#nodes.keys()) if (!nodes.some(node => node.id === id)) this.#nodes.delete(id)
  }

  of(id: string): Pick<NodeDetail, 'history' | 'stepSeconds'> {
    const rings = this.#nodes.get(id)
    const averages = (name: Series) => rings?.[name].averages() ?? []
    return {
      stepSeconds,
      history: {
        inPerSecond: averages('inPerSecond'),
        outPerSecond: averages('outPerSecond'),
        size: averages('size'),
      },
    }
  }
}
