// GrowingNumbers: a list of numbers that takes as few bytes as they need, outside the heap: one log of
// Flume's can hold millions of records.

type Numbers = Uint32Array | Float64Array

export class GrowingNumbers<T extends Numbers> {
  readonly #make: (length: number) => T
  #numbers: T
  #length = 0

  private constructor(make: (length: number) => T) {
    this.#make = make
    this.#numbers = make(256)
  }

  static uint32(): GrowingNumbers<Uint32Array> {
    return new GrowingNumbers(length => new Uint32Array(length))
  }

  static float64(): GrowingNumbers<Float64Array> {
    return new GrowingNumbers(length => new Float64Array(length))
  }

  get length(): number {
    return this.#length
  }

  push(number: number): void {
    if (this.#length === this.#numbers.length) {
      const grown = this.#make(Math.ceil(this.#length * 1.5))
      grown.set(this.#numbers)
      this.#numbers = grown
    }
    this.#numbers[this.#length++] = number
  }

  at(index: number): number {
    return this.#numbers[index]!
  }

  set(index: number, number: number): void {
    this.#numbers[index] = number
  }

  /** A view on those there are. */
  values(): T {
    return this.#numbers.subarray(0, this.#length) as T
  }
}
