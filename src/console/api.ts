// The console's HTTP API: the schemas of all answers, and the types that the server and the browser infer from them.
// Times are milliseconds since 1970, rates events a second; null stands for what is not known.
export * from './api/brokers.ts'
export * from './api/changes.ts'
export * from './api/flow.ts'
export * from './api/groups.ts'
export * from './api/messages.ts'
export { Refusal, type Level } from './api/schemas.ts'
export * from './api/session.ts'
export * from './api/topics.ts'
