// ApiVersions: the table of what is served, as a client asks for it first. No features are offered.
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type { RequestOf, ResponseInputOf } from '../../wire/kafka/api.ts'
import type { apiVersions } from '../../wire/kafka/messages/api-versions.ts'
import type { Call } from '../api-row.ts'

/** Names of client software, by KIP-511. */
const softwareName = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/

type Offered = NonNullable<ResponseInputOf<typeof apiVersions>['apiKeys']>

export const answerApiVersions =
  (offered: () => Offered) =>
  (
    { clientSoftwareName, clientSoftwareVersion }: RequestOf<typeof apiVersions>,
    { version }: Call,
  ): ResponseInputOf<typeof apiVersions> => {
    const named = softwareName.test(clientSoftwareName) && softwareName.test(clientSoftwareVersion)
    if (version >= 3 && !named) return { errorCode: errorCodes.INVALID_REQUEST, apiKeys: [] }
    return { errorCode: 0, apiKeys: offered() }
  }
