// From the bytes of a request to the bytes of its answer: finds the API's row, decodes, has it handled,
// encodes. A version of ApiVersions nobody knows is answered in version 0 with UNSUPPORTED_VERSION, so that
// the client can ask again; any other API or version that is not in the table ends the connection, as it
// does in Kafka.
import { Fault } from '../errors.ts'
import { itemBytes, memoryBudgetSetting } from '../system/memory-budget.ts'
import { peekRequestHeader } from '../wire/kafka/api.ts'
import { errorCodes } from '../wire/kafka/error-codes.ts'
import { FormatError } from '../wire/kafka/format-error.ts'
import { apiVersions } from '../wire/kafka/messages/api-versions.ts'
import type { ApiRow, Call } from './api-row.ts'
import { apiTable, offeredVersions } from './api-table.ts'

const rows = new Map<number, ApiRow>(apiTable.map(row => [row.api.key, row]))

/** Null where nothing is to be answered. Throws FormatError on what cannot be understood. */
export async function answerRequest(
  request: Buffer,
  parts: Omit<Call, 'version' | 'clientId'>,
): Promise<readonly Uint8Array[] | null> {
  const { pace } = parts.broker
  if (pace.isAwaited || pace.isOver) await pace.turn()
  const { apiKey, version, correlationId, clientId } = peekRequestHeader(request)
  const row = rows.get(apiKey)
  if (row === undefined) throw new FormatError(`the broker has no API ${apiKey}`)
  const { api } = row
  if (version < row.first || version > row.last) {
    if (api.key !== apiVersions.key)
      throw new FormatError(
        `${api.name} is served in the versions ${row.first} to ${row.last}, and version ${version} was asked for`,
      )
    return apiVersions.encodeResponseInParts({
      version: 0,
      correlationId,
      body: { errorCode: errorCodes.UNSUPPORTED_VERSION, apiKeys: offeredVersions() },
    })
  }
  const slices = { pace, count: (items: number, bytes: number) => count(api.name, items, bytes, parts) }
  const { body } =
    request.length < shortBytes
      ? api.decodeRequest(version, request)
      : await api.decodeRequestInSlices(version, request, slices)
  const answer = await row.handle(body as never, { ...parts, version, clientId: clientId ?? '' })
  if (answer === null) return null
  const message = {
    version,
    correlationId,
    body: answer as Parameters<typeof api.encodeResponse>[0]['body'],
  }
  return api.encodeResponseInParts(message) ?? (await api.encodeResponseInSlices(message, slices))
}

/** A request so short is decoded in a millisecond, whatever it holds. */
const shortBytes = 16_384

/** What is made of a request is counted before there is more of it. */
async function count(
  name: string,
  items: number,
  bytes: number,
  { memory, signal, broker }: Pick<Call, 'memory' | 'signal' | 'broker'>,
) {
  const { limitBytes } = broker.system.memory
  if (memory.heldBytes + bytes + items * itemBytes > limitBytes)
    throw new Fault(
      'OVER_BUDGET',
      `${name} asks for more than fits the memory budget of ${limitBytes} bytes (${memoryBudgetSetting})`,
    )
  await memory.reserve(`a part of ${name}`, bytes, items, signal)
}
