// Progress of a flow: what of each origin partition it has written, as records of a compacted topic in the target cluster,
// in the same transactions as what was written. Text, to be read by people (docs/formats/progress.md):
//
//   key    <flow>:<origin partition>
//   value  {"version":1,"written":["0-1043@0","1050-1050@0"],"time":"2026-01-31T12:00:00.000Z","by":"agent/sink","to":"orders"}
//
// A range is <from>-<to>@<leader epoch>. Where the topic was deleted, a record whose key is the flow alone says that an
// operator accepts that what was written before is not known.
import { Written, type WrittenRange } from './written.ts'

export const defaultProgressTopic = 'millrace-progress'

/** What a flow may be called: no separator of keys, nothing that tools would have to quote. */
export const isFlowName = (flow: string): boolean => /^[\w./-]{1,200}$/.test(flow)

export const progressKey = (flow: string, partition: string): string => `${flow}:${partition}`

/** Null where the key is none of ours; `partition` is '' in that of the flow alone. */
export function splitProgressKey(key: string): { flow: string; partition: string } | null {
  const [flow = '', partition = '', ...rest] = key.split(':')
  return isFlowName(flow) && rest.length === 0 ? { flow, partition } : null
}

/** All writers of a flow; ACLs can name the part before it. */
export const transactionalIdOf = (flow: string, partition: string): string =>
  `millrace.${progressKey(flow, partition)}`

export interface ProgressNote {
  /** ISO 8601. */
  readonly time: string
  /** Who wrote it: agent/sink. */
  readonly by: string
  /** The topic that the sink writes to, as its configuration has it; '' where that is not known. */
  readonly to: string
}

export const encodeProgress = (written: Written, { time, by, to }: ProgressNote): string =>
  JSON.stringify({ version: 1, written: written.ranges.map(textOf), time, by, to })

export const textOf = ({ from, to, leaderEpoch }: WrittenRange): string => `${from}-${to}@${leaderEpoch}`

/** Null where the text is none of ours, or of a later version. */
export function decodeProgress(text: string): { written: Written; note: ProgressNote } | null {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return null
  }
  const { version, written: texts, time, by, to: target } = (json ?? {}) as Record<string, unknown>
  if (version !== 1 || !Array.isArray(texts)) return null
  const written = new Written()
  for (const one of texts as unknown[]) {
    const [, from, to, leaderEpoch] = /^(\d{1,16})-(\d{1,16})@(-1|\d{1,10})$/.exec(String(one)) ?? []
    if (from === undefined || Number(from) > Number(to)) return null
    written.add({ from: Number(from), to: Number(to), leaderEpoch: Number(leaderEpoch) })
  }
  return {
    written,
    note: { time: String(time), by: String(by), to: typeof target === 'string' ? target : '' },
  }
}
