// CreateDelegationToken, RenewDelegationToken, ExpireDelegationToken and DescribeDelegationToken, as a Kafka
// answers that has no delegation.token.secret.key.
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type {
  createDelegationToken,
  describeDelegationToken,
} from '../../wire/kafka/messages/delegation-tokens.ts'
import type { Call, Handler } from '../api-row.ts'

/** Who has not logged in may not even ask. */
const refusal = ({ user }: Call): number =>
  user === null ? errorCodes.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED : errorCodes.DELEGATION_TOKEN_AUTH_DISABLED

export const answerCreateDelegationToken: Handler<typeof createDelegationToken> = (_, call) => {
  const principalName = call.user ?? 'ANONYMOUS'
  return {
    errorCode: refusal(call),
    principalType: 'User',
    principalName,
    tokenRequesterPrincipalType: 'User',
    tokenRequesterPrincipalName: principalName,
    issueTimestampMs: -1,
    expiryTimestampMs: -1,
    maxTimestampMs: -1,
    tokenId: '',
    hmac: Buffer.alloc(0),
    throttleTimeMs: 0,
  }
}

/** And ExpireDelegationToken. */
export const answerRenewDelegationToken = (_: unknown, call: Call) => ({
  errorCode: refusal(call),
  expiryTimestampMs: -1,
  throttleTimeMs: 0,
})

export const answerDescribeDelegationToken: Handler<typeof describeDelegationToken> = (_, call) => ({
  errorCode: refusal(call),
  tokens: [],
  throttleTimeMs: 0,
})
