// What can be wrong with an answer: each of its fields, with values nobody has. One case is one field with one value.
import type { FieldSet, Kind } from '../../src/wire/kafka/fields.ts'
import { apiTable } from '../../src/broker/api-table.ts'

/** A field of an answer, by the way to it; `#` stands for every item of an array. */
export interface Case {
  readonly api: string
  readonly path: readonly string[]
  readonly value: unknown
}

export const nameOf = ({ api, path, value }: Case): string =>
  `${api}.${path.join('.')} = ${Buffer.isBuffer(value) ? `${value.length} bytes` : JSON.stringify(value)}`

const most: Partial<Record<Kind, number>> = {
  int8: 127,
  int16: 32_767,
  int32: 2 ** 31 - 1,
  int64: 2 ** 53 - 1,
}
const errors = [-1, 1, 3, 5, 14, 15, 16, 22, 25, 27, 30, 35, 42, 45, 47, 79, 82, 100, 12_345]

function valuesOf(kind: Kind, name: string): readonly unknown[] {
  switch (kind) {
    case 'int8':
    case 'int16':
    case 'int32':
    case 'int64':
      return name === 'errorCode' ? errors : [-1, 0, 1, 17, ...(kind === 'int8' ? [] : [70_000]), most[kind]]
    case 'string':
      return ['', 'no.such.name', 'a b\n', '127.0.0.1', null]
    case 'uuid':
      return ['AAAAAAAAAAAAAAAAAAAAAA', 'XXXXXXXXXXXXXXXXXXXXXA']
    case 'bytes':
      return [Buffer.alloc(0), Buffer.alloc(40, 255), Buffer.alloc(40, 1), null]
    case 'bool':
      return [true, false]
    case 'array':
      return [[], 'twice']
    default:
      return []
  }
}

/** Every case of the answers of these APIs. */
export function casesOf(names: readonly string[]): Case[] {
  const cases: Case[] = []
  for (const { api } of apiTable)
    if (names.includes(api.name)) {
      const walk = (fields: FieldSet, above: readonly string[]): void => {
        for (const [name, { kind, element, fields: inner }] of Object.entries(fields)) {
          const path = [...above, name]
          for (const value of valuesOf(kind, name)) cases.push({ api: api.name, path, value })
          const nested = kind === 'array' ? element?.fields : inner
          if (nested !== undefined) walk(nested, kind === 'array' ? [...path, '#'] : path)
          else if (kind === 'array' && element !== undefined)
            for (const value of valuesOf(element.kind, name))
              cases.push({ api: api.name, path: [...path, '#'], value })
        }
      }
      walk(api.response, [])
      cases.push({ api: api.name, path: [], value: 'no answer' })
    }
  return cases
}

/** The body with the value in its place; the same where there is no such place, or it is that already. */
export function spoilt(body: unknown, path: readonly string[], value: unknown): unknown {
  const [first, ...rest] = path
  if (first === undefined) return value === 'twice' ? twice(body) : value
  if (first === '#') {
    if (!Array.isArray(body)) return body
    const items = body.map(item => spoilt(item, rest, value))
    return items.some((item, index) => item !== body[index]) ? items : body
  }
  if (body === null || typeof body !== 'object' || !(first in body)) return body
  const before = (body as Record<string, unknown>)[first]
  if (rest.length === 0 && before === value) return body
  const after = spoilt(before, rest, value)
  return after === before ? body : { ...body, [first]: after }
}

const twice = (items: unknown): unknown =>
  Array.isArray(items) && items.length > 0 ? [...items, ...items] : items
