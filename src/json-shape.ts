// JSON that others have written, looked at before it is believed: files whose checksum fits and that another version may
// have written all the same, and what agents answer.

/** Whether a value is one of these. */
export type Shape = (value: unknown) => boolean

export const text: Shape = value => typeof value === 'string'
export const flag: Shape = value => typeof value === 'boolean'
/** A whole number that loses no digit. */
export const whole: Shape = Number.isSafeInteger
/** A time, which may be beyond what whole numbers can be. */
export const number: Shape = Number.isFinite
export const optional =
  (one: Shape): Shape =>
  value =>
    value === undefined || one(value)
export const nullable =
  (one: Shape): Shape =>
  value =>
    value === null || one(value)
export const listOf =
  (item: Shape): Shape =>
  value =>
    Array.isArray(value) && value.every(item)
/** A list with one value for each of these. */
export const tuple =
  (...items: readonly Shape[]): Shape =>
  value =>
    Array.isArray(value) && items.every((item, index) => item(value[index]))

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** An object with these fields, and any others. */
export const object =
  (fields: Readonly<Record<string, Shape>>): Shape =>
  value =>
    isObject(value) && Object.entries(fields).every(([name, field]) => field(value[name]))
/** An object with any names. */
export const mapOf =
  (item: Shape): Shape =>
  value =>
    isObject(value) && Object.values(value).every(item)
export const either =
  (...shapes: readonly Shape[]): Shape =>
  value =>
    shapes.some(one => one(value))

/** Null where the bytes are no JSON, or of another shape. */
export function readJson<T>(bytes: Buffer | string, shape: Shape): T | null {
  try {
    const value: unknown = JSON.parse(bytes.toString())
    return shape(value) ? (value as T) : null
  } catch {
    return null
  }
}
