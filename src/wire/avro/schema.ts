// Avro schemas, for reading data that was written with them: JSON text into types whose names are resolved. A schema may
// come from anybody, so that its size and depth are bounded. Source: Apache Avro specification 1.11, "Schema Declaration".
import { AvroFormatError } from './binary.ts'

export type AvroType =
  | { readonly kind: 'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'bytes' | 'string' }
  | {
      readonly kind: 'record'
      readonly fields: readonly { readonly name: string; readonly type: AvroType }[]
    }
  | { readonly kind: 'enum'; readonly symbols: readonly string[] }
  | { readonly kind: 'fixed'; readonly size: number }
  | { readonly kind: 'array' | 'map'; readonly items: AvroType }
  | { readonly kind: 'union'; readonly branches: readonly AvroType[] }

const primitives = new Set(['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'])
const mostChars = 512 * 1024
const mostTypes = 5000
const mostDepth = 64

type Json = { readonly [key: string]: unknown }

/** Throws AvroFormatError, whose message names the part of the schema that is wrong. */
export function readAvroSchema(text: string): AvroType {
  if (text.length > mostChars) throw wrong(`it has more than ${mostChars} characters`)
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    // A name alone is a schema too, and people write it without quotes.
    if (!primitives.has(text.trim())) throw wrong(`it is not JSON: ${(error as Error).message}`)
    json = text.trim()
  }
  const named = new Map<string, AvroType>()
  let types = 0

  function typeOf(one: unknown, namespace: string, depth: number): AvroType {
    if (++types > mostTypes) throw wrong(`it has more than ${mostTypes} types`)
    if (depth > mostDepth) throw wrong(`it is more than ${mostDepth} types deep`)
    if (typeof one === 'string') return nameOf(one, namespace)
    if (Array.isArray(one)) {
      const branches = one.map(branch => typeOf(branch, namespace, depth + 1))
      if (branches.length === 0) throw wrong('a union has no branch')
      return { kind: 'union', branches }
    }
    if (typeof one !== 'object' || one === null) throw wrong(`${JSON.stringify(one)} is no type`)
    return complexOf(one as Json, namespace, depth)
  }

  function nameOf(name: string, namespace: string): AvroType {
    if (primitives.has(name)) return { kind: name } as AvroType
    const found =
      named.get(name.includes('.') || namespace === '' ? name : `${namespace}.${name}`) ?? named.get(name)
    if (found === undefined) throw wrong(`the type ${name} is declared nowhere before it is used`)
    return found
  }

  function complexOf(one: Json, namespace: string, depth: number): AvroType {
    const { type } = one
    switch (type) {
      case 'array':
      case 'map': {
        const items = one[type === 'array' ? 'items' : 'values']
        if (items === undefined) throw wrong(`${type} without ${type === 'array' ? 'items' : 'values'}`)
        return { kind: type, items: typeOf(items, namespace, depth + 1) }
      }
      case 'fixed': {
        const { size } = one
        if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
          throw wrong('fixed without a size')
        return keep(one, namespace, { kind: 'fixed', size })
      }
      case 'enum': {
        const { symbols } = one
        if (!Array.isArray(symbols) || symbols.some(symbol => typeof symbol !== 'string'))
          throw wrong('enum without symbols')
        return keep(one, namespace, { kind: 'enum', symbols: symbols as string[] })
      }
      case 'record':
      case 'error': {
        const fields: { name: string; type: AvroType }[] = []
        const record = keep(one, namespace, { kind: 'record', fields })
        const inner = spaceOf(one, namespace)
        if (!Array.isArray(one['fields'])) throw wrong('record without fields')
        for (const field of one['fields'] as readonly unknown[]) {
          const { name, type: fieldType } = (field ?? {}) as Json
          if (typeof name !== 'string' || fieldType === undefined)
            throw wrong('a field lacks its name or its type')
          fields.push({ name, type: typeOf(fieldType, inner, depth + 1) })
        }
        return record
      }
      default:
        if (type === undefined) throw wrong('a type is missing')
        return typeOf(type, namespace, depth + 1)
    }
  }

  function spaceOf(one: Json, outer: string): string {
    const { name, namespace } = one
    if (typeof name === 'string' && name.includes('.')) return name.slice(0, name.lastIndexOf('.'))
    return typeof namespace === 'string' ? namespace : outer
  }

  function keep<T extends AvroType>(one: Json, outer: string, type: T): T {
    const { name } = one
    if (typeof name !== 'string' || name === '') throw wrong(`${type.kind} without a name`)
    const space = spaceOf(one, outer)
    named.set(name.includes('.') || space === '' ? name : `${space}.${name}`, type)
    return type
  }

  try {
    return typeOf(json, '', 0)
  } catch (error) {
    if (error instanceof RangeError) throw wrong('it is too deep')
    throw error
  }
}

const wrong = (what: string): AvroFormatError => new AvroFormatError(`not a valid Avro schema: ${what}`)
