// What a client may do with a resource, where it asks: all of it, as nobody is authorized. A bit for each
// operation that Kafka has for resources of the kind. Source: AclOperation of Kafka 4.1; KIP-430.

const operations = {
  read: 3,
  write: 4,
  create: 5,
  delete: 6,
  alter: 7,
  describe: 8,
  clusterAction: 9,
  describeConfigs: 10,
  alterConfigs: 11,
  idempotentWrite: 12,
} as const

const all = (...names: (keyof typeof operations)[]): number =>
  names.reduce((bits, name) => bits | (1 << operations[name]), 0)

export const authorizedOperations = {
  topic: all('read', 'write', 'create', 'delete', 'alter', 'describe', 'describeConfigs', 'alterConfigs'),
  cluster: all(
    'create',
    'alter',
    'describe',
    'clusterAction',
    'describeConfigs',
    'alterConfigs',
    'idempotentWrite',
  ),
  group: all('read', 'delete', 'describe', 'describeConfigs', 'alterConfigs'),
} as const
