// Partitions of which records cannot be had, or to which they cannot be written, at the moment: one condition
// for all of them, which names the last.
import type { Condition, ConditionMaker } from '../../observe/conditions.ts'
import { graceMs } from '../connection/cluster.ts'

export class PartitionTroubles {
  readonly #condition: Condition
  readonly #is: string
  /** Why, by partition name. */
  readonly #known = new Map<string, string>()

  /** `is` completes the sentence: "cannot be read", "cannot be written to". */
  constructor(condition: ConditionMaker, is: string) {
    this.#condition = condition(`partition ${is}`, { level: 'warn', graceMs })
    this.#is = is
  }

  /** `atOnce` where it will not pass by itself. */
  note(name: string, why: string, { atOnce = false, remedy = '' } = {}): void {
    this.#known.delete(name)
    this.#known.set(name, why)
    const others = this.#known.size - 1
    const more = others === 0 ? '' : ` (and ${others} more like it)`
    this.#condition.raise(`${name} ${this.#is}: ${why}${more}`, {
      atOnce,
      remedy: `${remedy}${remedy === '' ? '' : ' '}Millrace retries until then.`,
    })
  }

  /** All is well with the partition, or it is no business of ours any more. */
  over(name: string): void {
    if (!this.#known.delete(name)) return
    const [next] = this.#known
    if (next === undefined)
      this.#condition.clear(`every partition in use ${this.#is.replace('cannot', 'can')} again`)
  }
}
