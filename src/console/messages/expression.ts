// Expressions of a search: value.amount > 10 and header.type == "x". A small language that is parsed here and evaluated by
// walking its tree: no text of a user is ever run as a program, there are no loops and no regular expressions, and each
// message costs one pass over a tree of bounded size.
//
//   expression  = term { "or" term } ; term = factor { "and" factor }
//   factor      = "not" factor | "(" expression ")" | operand [ operator operand ]
//   operator    = "==" | "!=" | "<" | "<=" | ">" | ">=" | "contains"
//   operand     = number | string | "true" | "false" | "null" | path
//   path        = ( "value" | "key" | "header" | "partition" | "offset" | "timestamp" ) { "." name | "[" ( string | index ) "]" }
//
// `value` and `key` alone are their text; with a path they are read as JSON. A comparison with what is not there is false,
// and `!=` is true. An operand alone holds where it is there and is neither false nor null.
import type { ConsumedRecord } from '../../kafka-client/contract.ts'
import { unreadable } from '../refused.ts'

type Scalar = string | number | bigint | boolean | null
type Value = Scalar | object | undefined
type Record = Pick<ConsumedRecord, 'key' | 'value' | 'headers' | 'partition' | 'offset' | 'timestamp'>
type Node = (of: Reading) => Value

const mostLetters = 1000
const mostDepth = 30
/** Of a key or value that is read as JSON, bytes. */
const mostJson = 1024 * 1024

/** Whether a message is one that is asked for. Throws Refused with 400, which names the place, where the text is none. */
export function readExpression(text: string): (record: Record) => boolean {
  if (text.length > mostLetters) throw unreadable(`an expression has at most ${mostLetters} letters`)
  const node = new Parser(text).all()
  return record => holdsAlone(node(new Reading(record)))
}

/** A message, whose JSON is read once, and only where a path asks for it. */
class Reading {
  readonly record: Record
  readonly #json: { key?: Value; value?: Value } = {}

  constructor(record: Record) {
    this.record = record
  }

  text(part: 'key' | 'value'): string | null {
    return this.record[part]?.toString('utf8') ?? null
  }

  json(part: 'key' | 'value'): Value {
    if (!(part in this.#json)) this.#json[part] = jsonOf(this.record[part])
    return this.#json[part]
  }

  /** The last of the name. */
  header(name: string): Value {
    const found = this.record.headers.findLast(({ key }) => key === name)
    return found === undefined ? undefined : (found.value?.toString('utf8') ?? null)
  }
}

function jsonOf(bytes: Buffer | null): Value {
  if (bytes === null || bytes.length > mostJson) return undefined
  try {
    return JSON.parse(bytes.toString('utf8'), exact as Parameters<typeof JSON.parse>[1]) as Value
  } catch {
    return undefined
  }
}

/** Whole numbers of any length keep their digits. */
function exact(_: string, value: unknown, { source = '' }: { source?: string } = {}): unknown {
  return typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(source)
    ? BigInt(source)
    : value
}

function step(from: Value, name: string | number): Value {
  if (from === null || typeof from !== 'object' || !Object.hasOwn(from, name)) return undefined
  return (from as { [key: string | number]: Value })[name]
}

const holdsAlone = (value: Value): boolean => value !== undefined && value !== null && value !== false

type Operator = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'contains'

function compare(left: Value, operator: Operator, right: Value): boolean {
  if (operator === 'contains') {
    if (Array.isArray(left)) return left.some(one => order(one as Value, right) === 0)
    return (
      typeof left === 'string' &&
      typeof right === 'string' &&
      left.toLowerCase().includes(right.toLowerCase())
    )
  }
  const sign = order(left, right)
  if (operator === '!=') return sign !== 0
  if (sign === null) return false
  return { '==': sign === 0, '<': sign < 0, '<=': sign <= 0, '>': sign > 0, '>=': sign >= 0 }[operator]
}

/** Null where they cannot be compared. Text that is a number is compared as one with a number: headers are text. */
function order(left: Value, right: Value): number | null {
  if (left === undefined || right === undefined) return null
  if (left === null || right === null || typeof left === 'boolean' || typeof right === 'boolean')
    return left === right ? 0 : null
  if (typeof left === 'object' || typeof right === 'object') return null
  if (typeof left === 'string' && typeof right === 'string') return left < right ? -1 : left > right ? 1 : 0
  const [one, other] = [numberOf(left), numberOf(right)]
  if (one === null || other === null) return null
  return one < other ? -1 : one > other ? 1 : 0
}

const numeric = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/

function numberOf(value: string | number | bigint): number | bigint | null {
  if (typeof value !== 'string') return value
  if (!numeric.test(value)) return null
  const number = Number(value)
  return Number.isSafeInteger(number) || !/^-?\d+$/.test(value) ? number : BigInt(value)
}

const token =
  /\s*(?:(==|!=|<=|>=|[<>().[\]])|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|([\p{L}_$][\p{L}\p{N}_$-]*))/uy

interface Token {
  readonly kind: 'sign' | 'string' | 'number' | 'word' | 'end'
  readonly text: string
  readonly at: number
}

class Parser {
  readonly #tokens: readonly Token[]
  #next = 0
  #depth = 0

  constructor(text: string) {
    this.#tokens = tokensOf(text)
  }

  all(): Node {
    const node = this.#either()
    if (this.#peek().kind !== 'end') this.#fail('and, or, or the end')
    return node
  }

  #either(): Node {
    if (++this.#depth > mostDepth) this.#fail(`at most ${mostDepth} levels`)
    const terms = [this.#both()]
    while (this.#takes('or')) terms.push(this.#both())
    this.#depth--
    return terms.length === 1 ? terms[0]! : of => terms.some(one => holdsAlone(one(of)))
  }

  #both(): Node {
    const factors = [this.#factor()]
    while (this.#takes('and')) factors.push(this.#factor())
    return factors.length === 1 ? factors[0]! : of => factors.every(one => holdsAlone(one(of)))
  }

  #factor(): Node {
    let isNot = false
    while (this.#takes('not')) isNot = !isNot
    const node = this.#takes('(') ? this.#closed() : this.#comparison()
    return isNot ? of => !holdsAlone(node(of)) : node
  }

  #closed(): Node {
    const node = this.#either()
    if (!this.#takes(')')) this.#fail('a closing parenthesis')
    return node
  }

  #comparison(): Node {
    const left = this.#operand()
    const { text } = this.#peek()
    if (!/^(==|!=|<=|>=|<|>|contains)$/.test(text)) return left
    this.#next++
    const right = this.#operand()
    return of => compare(left(of), text as Operator, right(of))
  }

  #operand(): Node {
    const { kind, text } = this.#peek()
    if (kind === 'string' || kind === 'number' || /^(true|false|null)$/.test(text)) {
      this.#next++
      const value: Value =
        kind === 'string'
          ? unquoted(text)
          : kind === 'number'
            ? numberOf(text)
            : { true: true, false: false, null: null }[text]
      return () => value
    }
    this.#next++
    switch (kind === 'word' ? text : '') {
      case 'partition':
        return of => of.record.partition
      case 'offset':
        return of => of.record.offset
      case 'timestamp':
        return of => of.record.timestamp
      case 'header': {
        const [name, ...rest] = this.#path()
        if (typeof name !== 'string' || rest.length > 0)
          this.#fail('the name of a header, such as header.type')
        return of => of.header(name)
      }
      case 'key':
      case 'value': {
        const path = this.#path()
        const part = text as 'key' | 'value'
        return path.length === 0 ? of => of.text(part) : of => path.reduce<Value>(step, of.json(part))
      }
    }
    this.#next--
    return this.#fail(
      'value, key, header, partition, offset, timestamp, a number or a text in quotation marks',
    )
  }

  #path(): (string | number)[] {
    const path: (string | number)[] = []
    for (;;)
      if (this.#takes('.')) {
        const { kind, text } = this.#peek()
        if (kind !== 'word') this.#fail('a name')
        this.#next++
        path.push(text)
      } else if (this.#takes('[')) {
        const { kind, text } = this.#peek()
        if (kind !== 'string' && !/^\d+$/.test(text)) this.#fail('a number, or a name in quotation marks')
        this.#next++
        path.push(kind === 'string' ? unquoted(text) : Number(text))
        if (!this.#takes(']')) this.#fail('a closing bracket')
      } else return path
  }

  #peek(): Token {
    return this.#tokens[this.#next]!
  }

  #takes(text: string): boolean {
    const { kind, text: own } = this.#peek()
    const isIt = own === text && (kind === 'sign' || kind === 'word')
    if (isIt) this.#next++
    return isIt
  }

  #fail(expected: string): never {
    const { text, at } = this.#peek()
    throw unreadable(
      `the expression has ${text === '' ? 'its end' : text} at letter ${at + 1}: write ${expected}`,
    )
  }
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = []
  for (token.lastIndex = 0; ;) {
    const begin = token.lastIndex
    const found = token.exec(text)
    if (found === null) {
      const at = begin + /^\s*/.exec(text.slice(begin))![0].length
      if (at < text.length)
        throw unreadable(`the expression has ${text[at]} at letter ${at + 1}, which means nothing in it`)
      return [...tokens, { kind: 'end', text: '', at }]
    }
    const [, sign, string, number] = found
    const kind =
      sign !== undefined ? 'sign' : string !== undefined ? 'string' : number !== undefined ? 'number' : 'word'
    const own = found[0].trimStart()
    tokens.push({ kind, text: own, at: token.lastIndex - own.length })
  }
}

const unquoted = (text: string): string => text.slice(1, -1).replaceAll(/\\(.)/gsu, '$1')
