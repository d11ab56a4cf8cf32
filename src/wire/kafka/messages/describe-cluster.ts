// DescribeCluster: the cluster's id, controller and brokers.
import { defineApi } from '../api.ts'
import { bool, int16, int32, int8, list, string } from '../fields.ts'

export const describeCluster = defineApi({
  key: 60,
  name: 'DescribeCluster',
  versions: '0-2',
  flexible: '0+',
  request: {
    includeClusterAuthorizedOperations: bool(),
    endpointType: int8({ versions: '1+', default: 1 }),
    includeFencedBrokers: bool({ versions: '2+' }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: '0+', default: null }),
    endpointType: int8({ versions: '1+', default: 1, ignorable: true }),
    clusterId: string(),
    controllerId: int32({ default: -1 }),
    brokers: list({
      brokerId: int32(),
      host: string(),
      port: int32(),
      rack: string({ nullable: '0+', default: null }),
      isFenced: bool({ versions: '2+', ignorable: true }),
    }),
    clusterAuthorizedOperations: int32({ default: -2147483648 }),
  },
})
