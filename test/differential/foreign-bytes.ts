// Requests as clients of another age may send them: with a tagged field in the header and in every struct of
// the body that no broker knows, and with bytes behind the body. Kafka reads over both.
import { defineApi, type Api } from '../../src/wire/kafka/api.ts'
import { bytes, isIn, type Field, type FieldSet } from '../../src/wire/kafka/fields.ts'

const foreign = Buffer.from('foreign')
/** Tag 0x3039, as a varint. */
const number = 12_345
const headerTag = Buffer.from([1, 0xb9, 0x60, foreign.length, ...foreign])
const behind = Buffer.from([0, 1, 2])
/** Where the length of the client id stands in a request. */
const clientIdAt = 12

const dressedApis = new Map<number, Api>()

/** The whole request, its size in front. */
export function foreignRequest<Q extends FieldSet, S extends FieldSet>(
  api: Api<Q, S>,
  message: { version: number; correlationId: number; clientId: string; body: unknown },
): Buffer {
  const { version, clientId, body } = message
  const isFlexible = version >= api.firstFlexibleVersion
  let plain: Buffer
  if (isFlexible) {
    let dressed = dressedApis.get(api.key)
    if (dressed === undefined) dressedApis.set(api.key, (dressed = dressedApi(api as unknown as Api)))
    const marked = marking(api.request, body, version) as never
    const encoded = dressed.encodeRequest({ ...message, body: marked })
    const tagsAt = clientIdAt + 2 + Buffer.byteLength(clientId)
    plain = Buffer.concat([encoded.subarray(0, tagsAt), headerTag, encoded.subarray(tagsAt + 1)])
  } else plain = api.encodeRequest({ ...message, body: body as never })
  const whole = Buffer.concat([plain, behind])
  whole.writeInt32BE(whole.length - 4, 0)
  return whole
}

/** The API with one tagged field more in every struct of its requests. */
function dressedApi({
  key,
  name,
  minVersion,
  maxVersion,
  firstFlexibleVersion,
  request,
  response,
}: Api): Api {
  const flexible = `${firstFlexibleVersion}+`
  const withTag = (fields: FieldSet): FieldSet => ({
    ...Object.fromEntries(Object.entries(fields).map(([field, one]) => [field, inside(one)])),
    foreign: bytes({ versions: flexible, tag: number, tagged: flexible }),
  })
  const inside = (field: Field): Field => ({
    ...field,
    ...(field.fields === undefined ? {} : { fields: withTag(field.fields) }),
    ...(field.element === undefined ? {} : { element: inside(field.element) }),
  })
  const declared = {
    key,
    name,
    versions: `${minVersion}-${maxVersion}`,
    flexible,
    request: withTag(request),
    response,
  }
  return defineApi(declared) as unknown as Api
}

/** The body with a value for that field in every struct that the version has. */
function marking(fields: FieldSet, body: unknown, version: number): Record<string, unknown> {
  const given = body as Record<string, unknown>
  const marked = (field: Field, value: unknown): unknown => {
    if (Array.isArray(value) && field.element !== undefined)
      return value.map(one => marked(field.element!, one))
    if (field.fields === undefined || value === null || value === undefined) return value
    return marking(field.fields, value, version)
  }
  const out: Record<string, unknown> = { foreign }
  for (const [name, value] of Object.entries(given)) {
    const field = fields[name]
    const has = field !== undefined && isIn(version, field.options.versions ?? '0+')
    out[name] = has ? marked(field, value) : value
  }
  return out
}
