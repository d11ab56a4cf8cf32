// Records that are left out because they are too large: their places are written to deadLetter.file before any position
// behind them is committed. What the file cannot take holds the source up, and is retried.
import { pathOf, type SourceContext } from '../../component.ts'
import { DeadLetterFile } from '../../dead-letter.ts'
import { Fault, messageOf } from '../../errors.ts'
import type { Position } from '../../kafka-client/kafka-client.ts'
import type { Condition } from '../../observe/conditions.ts'

const retryMs = 1000

export class LeftOutRecords {
  readonly #file: DeadLetterFile
  readonly #context: SourceContext
  readonly #condition: Condition
  readonly #end = new AbortController()
  #waiting: { readonly position: Position; readonly what: string }[] = []

  constructor(file: string, context: SourceContext) {
    const { agent, name: component, home, system, condition } = context
    const { disk, clock } = system
    this.#context = context
    this.#file = new DeadLetterFile({ path: pathOf(file, home), agent, component, disk, clock })
    this.#condition = condition('dead letters')
  }

  /** `what` is the subject of the reason. */
  add(position: Position, what: string): void {
    this.#waiting.push({ position, what })
  }

  /** Waits until all that was added is durable; false where the source stopped before. */
  async kept(): Promise<boolean> {
    const { counters, name, system } = this.#context
    while (this.#waiting.length > 0) {
      const { position, what } = this.#waiting[0]!
      const { topic, partition, offset } = position
      const reason = new Fault(
        'UNREADABLE',
        `${what} of the record at ${topic}-${partition} offset ${offset} are left out`,
      )
      try {
        await this.#file.keepPlace({ topic, partition: String(partition), offset: String(offset) }, reason)
        this.#waiting.shift()
        counters.addOwn('events_diverted')
        this.#condition.clear(`source ${name} writes to deadLetter.file again`)
      } catch (error) {
        this.#condition.raise(`source ${name} waits: ${messageOf(error)}`, {
          remedy: 'The source retries every second. Free space, or let the user of the agent write there.',
          cause: error,
        })
        await system.clock.sleep(retryMs, this.#end.signal)
        if (this.#end.signal.aborted) return false
      }
    }
    return true
  }

  close(): void {
    this.#end.abort()
  }
}
