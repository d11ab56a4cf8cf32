// The settings of the broker that count at the moment: those of server.properties, and above them what was changed
// while it ran. Who keeps `current` keeps what was; what may change is read from here each time.
import { readBrokerSettings, type BrokerSettings } from './broker-settings.ts'
import type { BrokerState, DynamicLevel } from './broker-state.ts'

export class LiveSettings {
  readonly #given: Readonly<Record<string, string>>
  readonly #state: BrokerState
  readonly #whenChanged: (() => void)[] = []
  #current: BrokerSettings

  constructor(written: BrokerSettings, state: BrokerState) {
    this.#given = written.given
    this.#state = state
    this.#current = written
  }

  get current(): BrokerSettings {
    return this.#current
  }

  /** What was changed while it ran, by level. */
  get dynamic(): BrokerState['dynamic'] {
    return this.#state.dynamic
  }

  onChange(run: () => void): void {
    this.#whenChanged.push(run)
  }

  /** Gives the broker these settings in place of those it was given on that level while it ran. */
  async change(level: DynamicLevel, settings: Readonly<Record<string, string>>): Promise<void> {
    await this.#state.append({ level, settings })
    this.apply()
  }

  /** What the journal says of settings counts from now on. */
  apply(): void {
    const given = this.#given
    const { broker, default: all } = this.#state.dynamic
    this.#current = { ...readBrokerSettings('', '', { ...given, ...all, ...broker }).settings, given }
    for (const run of this.#whenChanged) run()
  }
}
