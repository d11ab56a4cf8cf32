// The public door: what a program may use of Millrace. Everything else may change without notice.
//
//   running an agent       startAgent; readConfiguration, buildTopology, Agent, catalogue
//   Kafka in a test        startBroker
//   writing a component    defineSource, defineSink … and the fields of its options; makeComponent in its test
//   sending by Avro RPC    connectAvro
import {
  type AvroClient,
  type AvroClientOptions as AvroClientParts,
  connectAvro as connect,
} from './avro-rpc/client.ts'
import { realSystem } from './system/system.ts'

export { Event, HeaderName, type Headers } from './event.ts'
export { Fault, faultTable, type FaultCode, type FaultOptions, type Retry } from './errors.ts'
export * from './component.ts'
export { DeliveryFault } from './delivery-fault.ts'
export {
  choice,
  flag,
  int,
  list,
  prefix,
  regex,
  text,
  type Field,
  type FieldKind,
  type Fields,
  type OptionsOf,
  type Parsed,
} from './fields.ts'
export { catalogue } from './components.ts'
export { readConfiguration, type ConfigurationText } from './config/configuration.ts'
export { formatProblem, type Place, type Problem } from './config/problem.ts'
export { buildTopology } from './topology/build-topology.ts'
export { Agent, StartFailure } from './topology/agent.ts'
export type { Topology } from './topology/topology.ts'
export { silentLogger, type Logger } from './observe/log.ts'
export { Counters } from './observe/counters.ts'
export type { Condition, ConditionMaker } from './observe/conditions.ts'
export type { Health } from './observe/health.ts'
export type { Peek, TapSample } from './observe/event-view.ts'
export type {
  AgentState,
  Change,
  ChannelSnapshot,
  ComponentSnapshot,
  ConditionSnapshot,
  FlowSnapshot,
  LedgerStep,
  OptionSnapshot,
  OptionsSnapshot,
  OptionValue,
  PartSnapshot,
  ProcessSnapshot,
  SinkGroupSnapshot,
  SinkSnapshot,
  Snapshot,
  SourceSnapshot,
} from './observe/snapshot.ts'
export { realSystem, type System } from './system/system.ts'
export type { AvroClient } from './avro-rpc/client.ts'
export { makeComponent } from './make-component.ts'
export { startAgent, type AgentOptions } from './start-agent.ts'
export { startBroker, type BrokerOptions, type EmbeddedBroker } from './start-broker.ts'

/** `network` and `clock` are the real ones where absent. */
export type AvroClientOptions = Omit<AvroClientParts, 'network' | 'clock'> & Partial<AvroClientParts>

/** Connects to an Avro source. Rejects with PEER_UNREACHABLE, PEER_TIMEOUT, TLS or STOPPED, naming host:port. */
export const connectAvro = (options: AvroClientOptions): Promise<AvroClient> =>
  connect({ ...realSystem, ...options })
