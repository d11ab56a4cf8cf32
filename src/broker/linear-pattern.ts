// Patterns that clients send, matched in time that grows with pattern and text alone. JavaScript's own matching may take
// for ever ("(a+)+b"), with the event loop in its hands; Kafka uses RE2/J for the same reason. As there, a pattern may hold
// no backreference and nothing that looks around, and repetitions count to 1000.
//
// A pattern becomes states (Thompson 1968): each takes one character or splits, and all states that are possible after a
// character are kept together. Single characters and classes are tested by JavaScript, one character at a time.
import type { Pace } from '../system/pace.ts'

/** Most states: what a pattern may take of memory and of each character. */
const mostStates = 1000
const mostRepeats = 1000
/** Groups inside one another. */
const mostDepth = 100
/** Steps between two looks at the pace. */
const stepsAtOnce = 20_000

/** A piece of pattern: gives the first state of what matches it and then goes on to `next`. */
type Part = (next: number) => number
type State =
  | { readonly test: RegExp | string; readonly next: number }
  | { readonly split: readonly number[] }
  | { readonly at: 'start' | 'end'; readonly next: number }
  | null

const token =
  /\\[pP]\{\^?\w+\}|\\[dDsSwW]|\\x[\da-fA-F]{2}|\\[tnrfv]|\\[^\da-zA-Z]|\[\^?\]?(?:\\[^]|[^\]\\])*\]|\(\?:|\(\?P?<\w+>|\{\d+(?:,\d*)?\}|[^\\]/uy

export class LinearPattern {
  readonly #tokens: string[] = []
  #at = 0
  #depth = 0
  readonly #states: State[] = []
  readonly #start: number

  /** For whole texts. Throws SyntaxError where it cannot be matched in linear time, is too long, or is no pattern. */
  constructor(pattern: string) {
    if (pattern.length > mostStates) throw new SyntaxError('the pattern is too long')
    token.lastIndex = 0
    for (let found = token.exec(pattern); found !== null; found = token.exec(pattern))
      this.#tokens.push(found[0])
    if (this.#tokens.join('').length !== pattern.length) throw new SyntaxError('an escape that is not known')
    const whole = this.#alternatives()
    if (this.#at < this.#tokens.length) throw new SyntaxError('a parenthesis too many')
    this.#start = whole(this.#add(null))
  }

  /** Whether it matches the text as a whole; other work has its turns meanwhile. */
  async matches(text: string, pace: Pace): Promise<boolean> {
    const characters = [...text]
    const marks = new Uint32Array(this.#states.length)
    let now: number[] = []
    this.#reach(this.#start, 0, characters.length, now, marks)
    let steps = 0
    for (const [index, character] of characters.entries()) {
      const next: number[] = []
      for (const at of now) {
        const state = this.#states[at]
        if (state && 'test' in state && isIn(state.test, character))
          this.#reach(state.next, index + 1, characters.length, next, marks)
      }
      now = next
      if (now.length === 0) return false
      steps += now.length
      if (steps > stepsAtOnce) {
        steps = 0
        if (pace.isOver) await pace.turn()
      }
    }
    return now.some(at => this.#states[at] === null)
  }

  /** Adds the state, or all that it splits into, to those possible at `position`. */
  #reach(from: number, position: number, length: number, into: number[], marks: Uint32Array): void {
    const open = [from]
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (marks[at] === position + 1) continue
      marks[at] = position + 1
      const state = this.#states[at]
      if (state && 'split' in state) open.push(...state.split)
      else if (state && 'at' in state) {
        if (position === (state.at === 'start' ? 0 : length)) open.push(state.next)
      } else into.push(at)
    }
  }

  #add(state: State): number {
    if (this.#states.length >= mostStates) throw new SyntaxError('the pattern is too long')
    return this.#states.push(state) - 1
  }

  #alternatives(): Part {
    const parts = [this.#sequence()]
    while (this.#tokens[this.#at] === '|') {
      this.#at++
      parts.push(this.#sequence())
    }
    return next =>
      parts.length === 1 ? parts[0]!(next) : this.#add({ split: parts.map(part => part(next)) })
  }

  #sequence(): Part {
    const parts: Part[] = []
    while (this.#at < this.#tokens.length && !'|)'.includes(this.#tokens[this.#at]!))
      parts.push(this.#repeated())
    return next => parts.reduceRight((after, part) => part(after), next)
  }

  #repeated(): Part {
    const part = this.#single()
    const sign = this.#tokens[this.#at] ?? ''
    const [least, most] =
      sign === '*' ? [0, Infinity] : sign === '+' ? [1, Infinity] : sign === '?' ? [0, 1] : countsOf(sign)
    if (least === -1) return part
    if (least > most || least > mostRepeats || (most > mostRepeats && most !== Infinity))
      throw new SyntaxError(`a repetition of ${sign}`)
    // Whether it prefers few or many makes no difference to whole texts.
    if (this.#tokens[++this.#at] === '?') this.#at++
    if (/^[*+?]$|^\{\d/.test(this.#tokens[this.#at] ?? ''))
      throw new SyntaxError('a repetition of a repetition')
    return next => {
      let first = next
      if (most === Infinity) {
        const again: number[] = [next]
        first = this.#add({ split: again })
        again.push(part(first))
      } else for (let count = least; count < most; count++) first = this.#add({ split: [part(first), next] })
      for (let count = 0; count < least; count++) first = part(first)
      return first
    }
  }

  #single(): Part {
    const one = this.#tokens[this.#at++]!
    if (one.startsWith('(') && !one.startsWith('[')) {
      if (++this.#depth > mostDepth) throw new SyntaxError('too many groups in one another')
      const inner = this.#alternatives()
      if (this.#tokens[this.#at++] !== ')') throw new SyntaxError('a parenthesis that is not closed')
      this.#depth--
      return inner
    }
    if (one === '^' || one === '$') return next => this.#add({ at: one === '^' ? 'start' : 'end', next })
    if ('*+?'.includes(one) || /^\{\d/.test(one)) throw new SyntaxError('nothing to repeat')
    if (/^(?:[^.\\[]|\\[^\da-zA-Z])$/u.test(one)) return next => this.#add({ test: [...one].at(-1)!, next })
    // A bracket right at the beginning of a class belongs to it.
    const test = new RegExp(`^${one.replace(/^\[(\^?)\]/, '[$1\\]')}$`, 'us')
    return next => this.#add({ test, next })
  }
}

const isIn = (test: RegExp | string, character: string): boolean =>
  typeof test === 'string' ? test === character : test.test(character)

/** Of "{2}", "{2,}", "{2,5}"; -1 where it is nothing of the kind. */
function countsOf(sign: string): readonly [least: number, most: number] {
  const counts = /^\{(\d+)(,?)(\d*)\}$/.exec(sign)
  if (counts === null) return [-1, -1]
  const least = Number(counts[1])
  return [least, counts[2] === '' ? least : counts[3] === '' ? Infinity : Number(counts[3])]
}
