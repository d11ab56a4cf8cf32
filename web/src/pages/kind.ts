// What a component is, in words that people use.
import type { FlowNode } from '../../../src/console/api.ts'

/** Avro sink, Kafka source, file channel; of a class its last word. */
export function kindOf({ kind, type }: FlowNode): string {
  if (kind === 'topic' || kind === 'outside') return type
  const name = type
    .split('.')
    .at(-1)!
    .replace(/(?<=.)(Source|Channel|Sink)$/, '')
  const known: Readonly<Record<string, string>> = {
    avro: 'Avro',
    hdfs: 'HDFS',
    http: 'HTTP',
    kafka: 'Kafka',
    taildir: 'taildir',
  }
  return `${known[name.toLowerCase()] ?? name.replaceAll('_', ' ')} ${kind}`
}
