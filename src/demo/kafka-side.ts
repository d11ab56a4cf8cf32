// The Kafka of a demonstration: the embedded broker in this process, or one of the user's. Topics are made
// where they are missing; what they hold already is left alone.
import { join } from 'node:path'
import { wantsOtherPort } from '../address.ts'
import { Fault, messageOf } from '../errors.ts'
import { createAdmin, type Admin } from '../kafka-client/kafka-client.ts'
import type { Logger } from '../observe/log.ts'
import type { System } from '../system/system.ts'
import { DemoProblem } from './demo-problem.ts'
import { host } from './ground.ts'
import type { DemoOptions } from './options.ts'

/** A new topic is there when its leaders know it; real Kafka takes a moment. */
const againMs = 100

export interface KafkaSide {
  readonly bootstrap: readonly string[]
  readonly isEmbedded: boolean
  readonly admin: Admin
  /** Ends the embedded broker; one of the user's is left to itself. */
  stop(): Promise<void>
}

export interface KafkaSideParts {
  readonly system: System
  readonly log: Logger
  readonly options: DemoOptions
  readonly directory: string
}

/** Rejects with a DemoProblem. */
export async function startKafkaSide({
  system,
  log,
  options,
  directory,
}: KafkaSideParts): Promise<KafkaSide> {
  const broker = options.bootstrap === null ? await startBroker(system, log, options.port, directory) : null
  const bootstrap = options.bootstrap ?? [`${host}:${broker!.port}`]
  const admin = createAdmin({
    system,
    log: log.child('admin'),
    bootstrapServers: bootstrap,
    settings: { socketConnectionSetupTimeoutMs: 5000, clientId: 'millrace-demo' },
  })
  return {
    bootstrap,
    isEmbedded: broker !== null,
    admin,
    async stop() {
      admin.close()
      await broker?.stop()
    },
  }
}

async function startBroker(system: System, log: Logger, port: number, directory: string) {
  // Who uses a Kafka of their own does not need it.
  const [{ Broker }, { readBrokerSettings }] = await Promise.all([
    import('../broker/broker.ts'),
    import('../broker/broker-settings.ts'),
  ])
  const { settings, errors } = readBrokerSettings('', '', {
    'host.name': host,
    port: String(port),
    'log.dirs': join(directory, 'broker'),
  })
  if (errors.length > 0) throw new DemoProblem(errors.join('; '))
  const broker = new Broker({ system, log: log.child('broker'), settings })
  try {
    await broker.start()
  } catch (error) {
    throw new DemoProblem(
      error instanceof Fault && error.code === 'ADDRESS_IN_USE'
        ? `${error.message}: end it, choose another with --port, or use it with --bootstrap ${host}:${port} if it is a Kafka broker`
        : wantsOtherPort(error)
          ? `this process has no right to listen on port ${port}: choose one from 1024 on with --port`
          : messageOf(error),
    )
  }
  return broker
}

/**
 * Makes the topic with one partition where there is none; resolves when all of its partitions can be read
 * and written; `tell` hears why not yet. Rejects with a DemoProblem, or STOPPED when the signal is aborted.
 */
export async function ensureTopic(
  { admin, bootstrap }: KafkaSide,
  topic: string,
  { clock }: System,
  signal: AbortSignal,
  tell: (problem: string) => void,
): Promise<'made' | 'found'> {
  let outcome: 'made' | 'found' = 'found'
  try {
    const [known] = await admin.topics.describe([topic])
    if ((known?.partitions.length ?? 0) === 0) {
      await admin.topics.create({ name: topic, partitions: 1, replicationFactor: -1 })
      outcome = 'made'
    }
  } catch (error) {
    throw new DemoProblem(`${messageOf(error)}: see whether a Kafka broker runs at ${bootstrap.join(',')}`)
  }
  while (!signal.aborted) {
    const ends = await admin.offsets.of(topic).catch((error: unknown) => {
      tell(messageOf(error))
      return []
    })
    if (ends.length > 0) return outcome
    await clock.sleep(againMs, signal)
  }
  throw new Fault('STOPPED', `topic ${topic} was waited for`)
}
