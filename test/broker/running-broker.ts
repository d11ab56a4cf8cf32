// A broker in this process, on a free port and a directory of its own, for the tests beside this file.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { Broker } from '../../src/broker/broker.ts'
import { readBrokerSettings } from '../../src/broker/broker-settings.ts'
import type { Logger } from '../../src/observe/log.ts'
import { realSystem, type System } from '../../src/system/system.ts'

export interface RunningBroker {
  readonly broker: Broker
  readonly directory: string
  readonly bootstrap: string
  /** Lines of the log from INFO on. */
  readonly lines: string[]
  kafkajs(): Kafka
  stop(): Promise<void>
}

export function recordingLog(lines: string[]): Logger {
  const say = (level: string) => (message: string, cause?: unknown) =>
    void lines.push(`${level} ${message}${cause === undefined ? '' : `: ${String(cause)}`}`)
  const log: Logger = {
    error: say('ERROR'),
    warn: say('WARN'),
    info: say('INFO'),
    debug() {},
    debugs: false,
    child: () => log,
  }
  return log
}

export async function startBroker(
  directory: string,
  overrides: Readonly<Record<string, string>> = {},
  system: System = realSystem,
): Promise<RunningBroker> {
  const lines: string[] = []
  const { settings, errors } = readBrokerSettings('', 'test', {
    'log.dirs': join(directory, 'logs'),
    port: '0',
    'group.min.session.timeout.ms': '10',
    ...overrides,
  })
  if (errors.length > 0) throw new Error(errors.join('\n'))
  const broker = new Broker({ system, log: recordingLog(lines), settings })
  await broker.start()
  const bootstrap = `127.0.0.1:${broker.port}`
  return {
    broker,
    directory,
    bootstrap,
    lines,
    kafkajs: () => new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING, retry: { retries: 2 } }),
    stop: () => broker.stop(),
  }
}

/** Runs `run` with a directory that is gone afterwards. */
export async function inDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-broker-'))
  try {
    await run(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** With a broker that is stopped afterwards. */
export async function withBroker(
  run: (running: RunningBroker) => Promise<void>,
  overrides: Readonly<Record<string, string>> = {},
): Promise<void> {
  await inDirectory(async directory => {
    const running = await startBroker(directory, overrides)
    try {
      await run(running)
    } finally {
      await running.stop()
    }
  })
}
