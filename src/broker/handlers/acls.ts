// DescribeAcls, CreateAcls and DeleteAcls, as a Kafka without an authorizer answers them: clients go on without
// lists of who may do what.
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type { createAcls, deleteAcls, describeAcls } from '../../wire/kafka/messages/acls.ts'
import type { Handler } from '../api-row.ts'

const disabled = {
  errorCode: errorCodes.SECURITY_DISABLED,
  errorMessage: 'this broker has no authorizer: every client may do everything',
}

export const answerDescribeAcls: Handler<typeof describeAcls> = () => ({
  throttleTimeMs: 0,
  ...disabled,
  resources: [],
})

export const answerCreateAcls: Handler<typeof createAcls> = async ({ creations }, { broker }) => ({
  throttleTimeMs: 0,
  results: await broker.pace.map(creations, () => disabled),
})

export const answerDeleteAcls: Handler<typeof deleteAcls> = async ({ filters }, { broker }) => ({
  throttleTimeMs: 0,
  filterResults: await broker.pace.map(filters, () => ({ ...disabled, matchingAcls: [] })),
})
