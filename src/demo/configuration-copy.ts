// The two agents' configurations: copies of the files in conf/ in which addresses and directories are
// others, and nothing else is (on a Kafka of the user's the consumer group is another, too: theirs may have
// members and positions that a demonstration must not touch).
import { join } from 'node:path'

export const topics = { from: 'test3', to: 'test2' } as const

/** An agent: its name in its file, and what a reader calls it. */
export interface AgentFile {
  readonly letter: 'A' | 'B'
  readonly agent: string
  readonly file: string
}

export const agentA: AgentFile = {
  letter: 'A',
  agent: 'kafka-memory-avro',
  file: 'kafka-memory-avro.conf',
}
export const agentB: AgentFile = {
  letter: 'B',
  agent: 'avro-memory-kafka',
  file: 'avro-memory-kafka.conf',
}

export interface CopyTarget {
  readonly bootstrap: readonly string[]
  readonly avroHost: string
  readonly avroPort: number
  /** Channels get directories of their own below it. */
  readonly directory: string
  /** null: as it stands. */
  readonly group: string | null
}

/** The file is not as the demonstration knows it. The message names the key that is missing. */
export class ConfigurationCopyProblem extends Error {}

/** Where the agent's channel keeps its events; only one process at a time can have it. */
export const channelDirectory = (directory: string, letter: 'A' | 'B'): string =>
  join(directory, `agent-${letter.toLowerCase()}`, 'data')

export function copyOfA(text: string, to: CopyTarget): string {
  return replaceValues(text, agentA.agent, {
    'sources.s1.kafka.bootstrap.servers': to.bootstrap.join(','),
    ...(to.group === null ? {} : { 'sources.s1.kafka.consumer.group.id': to.group }),
    'sinks.k1.hostname': to.avroHost,
    'sinks.k1.port': String(to.avroPort),
    // The key is misspelt in the file, and stays so.
    'channels.c1.checkpontDir': join(to.directory, 'agent-a', 'checkpoint'),
    'channels.c1.dataDirs': channelDirectory(to.directory, 'A'),
  })
}

export function copyOfB(text: string, to: CopyTarget): string {
  return replaceValues(text, agentB.agent, {
    'sources.avro-source.bind': to.avroHost,
    'sources.avro-source.port': String(to.avroPort),
    'sinks.kafka-sink.brokerList': to.bootstrap.join(','),
    'channels.memory-channel.checkpointDir': join(to.directory, 'agent-b', 'checkpoint'),
    'channels.memory-channel.dataDirs': channelDirectory(to.directory, 'B'),
  })
}

/** The group that agent A's file names. */
export const groupOf = (text: string): string =>
  /^\s*[\w-]+\.sources\.s1\.kafka\.consumer\.group\.id\s*=\s*(\S+)/m.exec(text)?.[1] ?? ''

function replaceValues(text: string, agent: string, values: Readonly<Record<string, string>>): string {
  const missing = new Set(Object.keys(values))
  const lines = text.split('\n').map(line => {
    const [, head, key, tail] = /^(\s*[\w-]+\.([\w.-]+?)\s*=\s*).*?(\s*)$/.exec(line) ?? []
    const value = key === undefined ? undefined : values[key]
    if (value === undefined || !line.trimStart().startsWith(`${agent}.`)) return line
    missing.delete(key!)
    // A backslash begins an escape in such a file.
    return `${head}${value.replaceAll('\\', '\\\\')}${tail}`
  })
  const [first] = missing
  if (first !== undefined)
    throw new ConfigurationCopyProblem(`the file of agent ${agent} has no ${agent}.${first}`)
  return lines.join('\n')
}
