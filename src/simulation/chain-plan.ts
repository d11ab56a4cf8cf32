// What a run of a simulated chain is given, and what it gives back.
import type { Topology } from '../topology/topology.ts'
import type { FaultKind } from './faults.ts'
import type { ChainLedger } from './ledger.ts'

export interface ChainAgent {
  readonly name: string
  /** `doors` is for the models among its components. */
  readonly topology: (doors: ModelDoors) => Topology
  /** What a reload changes it into, and back; null: none. */
  readonly changed: Topology | null
  /** Names under which others find it: hosts, or `host:port`. */
  readonly hosts: readonly string[]
  /** Whether it may end without a stop. */
  readonly isMortal: boolean
}

/** What models of components are made with. */
export interface ModelDoors {
  readonly ledger: ChainLedger
  /** Called once by each door when all its events are taken. */
  onDone(): void
}

/** A cluster of one broker. */
export interface ChainBroker {
  readonly name: string
  /** Addresses by which agents know it; it has a listener for each port. */
  readonly addresses: readonly { readonly host: string; readonly port: number }[]
}

/** Where the outside, and the broker's own clients after their first request, reach it. */
export const bootstrapOf = ({ name, addresses }: ChainBroker): string => `${name}:${addresses[0]!.port}`

export interface ChainTopic {
  /** Its broker, `host:port`. */
  readonly broker: string
  readonly name: string
  readonly partitions: number
}

export interface ChainPlan {
  readonly agents: readonly ChainAgent[]
  readonly brokers: readonly ChainBroker[]
  /** Topics that are written to from outside. */
  readonly inputs: readonly ChainTopic[]
  /** Others that are created beforehand. */
  readonly others: readonly ChainTopic[]
  /** Whether what arrives in a topic that is no input has not arrived yet: another agent reads it. */
  isBetween(topic: { readonly broker: string; readonly name: string }): boolean
  /** Records of all inputs together. */
  readonly records: number
  /** Doors that are no partitions of `inputs`: models of sources. */
  readonly modelDoors: number
  /** Whether events leave elsewhere than into topics. */
  readonly hasModels: boolean
  /** In how many copies each event arrives; null: in one. */
  readonly copies: ReadonlyMap<string, number> | null
  /** Which kinds of faults may happen, and how many there are. */
  readonly faults: readonly FaultKind[]
  readonly faultCount: number
  /** Most events that one fault may repeat: what is between two keepers at a time. */
  readonly inFlight: number
  readonly keepsOrder: boolean
  /** Whether topics are read without what belongs to no committed transaction. */
  readonly readsCommitted: boolean
  /** How long records are written and faults happen, and how long agents run before that. */
  readonly stormMs: number
  readonly warmUpMs: number
  /** Whether everything is stopped and started once more at the end. */
  readonly restarts: boolean
  /** Seed of what is written. */
  readonly writingSeed: number
  /** Whether memory channels may lose what they hold when their agent is killed. */
  readonly mayLose: boolean
  /** Only looks for this long, ms, whether an event comes to stand twice in a topic, and ends with the first that does. */
  readonly watchMs?: number
}

export interface ChainOutcome {
  /** A number that stands for all that happened. */
  readonly trace: number
  /** What was promised and did not hold, one sentence each. */
  readonly violations: readonly string[]
  readonly sent: number
  /** Events that have not arrived, and whether some channel or topic still holds events. */
  readonly missing: number
  readonly isStuck: boolean
  readonly repeats: number
  /** In how many copies each event arrived. */
  readonly copies: ReadonlyMap<string, number>
  /** Topics in which an event stands more than once, where that is looked for. */
  readonly doubledIn: readonly string[]
  /** Bodies that nobody handed over. */
  readonly changed: number
  /** How many things happened, one after the other. */
  readonly events: number
  readonly faults: Partial<Record<FaultKind, number>>
  /** From the end of the faults until everything had arrived. */
  readonly drainedMs: number
  readonly log: readonly string[]
}
