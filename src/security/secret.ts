// A password, token or key: held so that no message, log line or dump of an object shows it by accident.
import { hidden } from '../printable.ts'

export class Secret {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  reveal(): string {
    return this.#text
  }

  /** The text with the secret blanked, for what a peer said: some repeat what they were sent. */
  hideIn(text: string): string {
    return this.#text.length < 3 ? text : text.replaceAll(this.#text, hidden)
  }

  toString(): string {
    return hidden
  }

  toJSON(): string {
    return hidden
  }
}
