// One object of Java's serialization stream, as far as key stores need it: objects of plain fields, texts, byte
// arrays and enum constants. Nothing of it is run: a class is a name. Everything else is refused.
//
// All numbers big-endian: magic ACED, version 5, then one content. A content is a tag:
//   70 null
//   71 reference: int32, 7E0000 + the number of an earlier class, object, array or text, counted as they began
//   72 class: name, uid int64, flags, field count int16, fields, what the class adds (none here) up to 78,
//      its superclass (a class, reference or null); a field is its type's letter and its name, and for [ and L
//      the type's name as a content
//   73 object: class, then the values of the fields of each class, the topmost superclass first
//   74 text: length int16 and modified UTF-8
//   75 array: class, length int32, elements
//   7E enum constant: class, its name as a content
import type { ByteCursor } from './byte-cursor.ts'

export interface JavaObject {
  readonly className: string
  readonly fields: ReadonlyMap<string, JavaValue>
}
export type JavaValue = null | string | Buffer | JavaObject

interface JavaClass {
  readonly name: string
  readonly flags: number
  readonly fields: readonly { readonly type: string; readonly name: string }[]
  /** This class and its superclasses; more than `deepest` are refused. */
  readonly line: readonly JavaClass[]
}

const magicAndVersion = 0xaced0005 | 0
const firstHandle = 0x7e0000
/** Objects in objects, and classes above a class; key stores have two of them. */
const deepest = 8
const sizes: Readonly<Record<string, number>> = { B: 1, C: 2, D: 8, F: 4, I: 4, J: 8, S: 2, Z: 1 }
const serializable = 0x02
const enumeration = 0x10

/** Stands for what has begun and is not read to its end: nothing may refer to it. */
const unfinished = Symbol('unfinished')
type Handle = typeof unfinished | { readonly type: JavaClass } | { readonly value: JavaValue }

export function isJavaObject(value: JavaValue | undefined): value is JavaObject {
  return value instanceof Object && !Buffer.isBuffer(value)
}

/** Reads one object and leaves the cursor behind it. Throws an Error that says what is wrong with the stream. */
export function readJavaObject(cursor: ByteCursor): JavaValue {
  if (cursor.int() !== magicAndVersion) throw new Error('it holds no Java object where one should be')
  return new ObjectReader(cursor).value(0)
}

class ObjectReader {
  readonly #cursor: ByteCursor
  readonly #handles: Handle[] = []

  constructor(cursor: ByteCursor) {
    this.#cursor = cursor
  }

  value(depth: number): JavaValue {
    if (depth > deepest) throw new Error('its Java objects are nested too deep')
    const tag = this.#cursor.byte()
    if (tag === 0x70) return null
    if (tag === 0x71) {
      const handle = this.#referred()
      if (!('value' in handle)) throw new Error('a Java reference leads to a class')
      return handle.value
    }
    if (tag === 0x74) {
      const value = this.#cursor.text()
      this.#handles.push({ value })
      return value
    }
    if (tag === 0x73) return this.#object(depth)
    if (tag === 0x75) return this.#array(depth)
    if (tag === 0x7e) return this.#constant(depth)
    throw new Error(`it holds a Java object of an unknown kind (0x${tag.toString(16)})`)
  }

  #referred(): Exclude<Handle, typeof unfinished> {
    const handle = this.#handles[this.#cursor.int() - firstHandle]
    if (handle === undefined || handle === unfinished) throw new Error('a Java reference leads nowhere')
    return handle
  }

  #begin(): (handle: Handle) => void {
    const at = this.#handles.push(unfinished) - 1
    return handle => void (this.#handles[at] = handle)
  }

  #class(depth: number): JavaClass | null {
    if (depth > deepest) throw new Error('its Java classes are nested too deep')
    const tag = this.#cursor.byte()
    if (tag === 0x70) return null
    if (tag === 0x71) {
      const handle = this.#referred()
      if (!('type' in handle)) throw new Error('a Java reference leads to no class')
      return handle.type
    }
    if (tag !== 0x72) throw new Error(`a Java class is missing (0x${tag.toString(16)})`)
    const name = this.#cursor.text()
    this.#cursor.bytes(8)
    const end = this.#begin()
    const flags = this.#cursor.byte()
    const fields: { type: string; name: string }[] = []
    for (let left = this.#cursor.short(); left > 0; left--) {
      const type = String.fromCharCode(this.#cursor.byte())
      fields.push({ type, name: this.#cursor.text() })
      if (type === '[' || type === 'L') {
        if (typeof this.value(depth + 1) !== 'string') throw new Error('the type of a Java field is missing')
      } else if (sizes[type] === undefined) throw new Error('the type of a Java field is unknown')
    }
    if (this.#cursor.byte() !== 0x78) throw new Error(`the Java class ${name} adds what is not known here`)
    const above = this.#class(depth + 1)?.line ?? []
    if (above.length >= deepest) throw new Error('its Java classes are nested too deep')
    const line: JavaClass[] = []
    const type = { name, flags, fields, line }
    line.push(type, ...above)
    end({ type })
    return type
  }

  #known(depth: number): JavaClass {
    const type = this.#class(depth + 1)
    if (type === null) throw new Error('a Java object has no class')
    return type
  }

  #object(depth: number): JavaObject {
    const type = this.#known(depth)
    const end = this.#begin()
    const fields = new Map<string, JavaValue>()
    for (const one of type.line.toReversed()) {
      if (one.flags !== serializable)
        throw new Error(`the Java class ${one.name} writes itself in a way not known here`)
      for (const field of one.fields) {
        const size = sizes[field.type]
        if (size === undefined) fields.set(field.name, this.value(depth + 1))
        else this.#cursor.bytes(size)
      }
    }
    const value = { className: type.name, fields }
    end({ value })
    return value
  }

  #array(depth: number): Buffer {
    const type = this.#known(depth)
    if (type.name !== '[B') throw new Error('a Java array holds something else than bytes')
    const end = this.#begin()
    const value = this.#cursor.bytes(this.#cursor.int())
    end({ value })
    return value
  }

  #constant(depth: number): string {
    const type = this.#known(depth)
    if ((type.flags & enumeration) === 0) throw new Error('a Java constant is of no enum')
    const end = this.#begin()
    const value = this.value(depth + 1)
    if (typeof value !== 'string') throw new Error('a Java constant has no name')
    end({ value })
    return value
  }
}
