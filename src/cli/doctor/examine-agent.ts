// The doctor's look at an agent that runs, by its monitoring page or its socket; at real Flume by its counters.
import { AgentPages, findLeft, type OwnSocket } from '../../console/agent-pages.ts'
import type { SeenSnapshot } from '../../console/flow.ts'
import { explanationOf } from '../../errors.ts'
import { ownCounterMeanings, type CounterKind } from '../../observe/counters.ts'
import { componentsOf } from '../../observe/snapshot.ts'
import { countOf } from '../../printable.ts'
import type { Clock } from '../../system/clock.ts'
import type { Finding } from './finding.ts'

/** From here on a channel is worth a word: it holds up its sources soon. */
const fullShare = 0.8
/** What moves meanwhile is no standstill. */
const betweenLooksMs = 2000
const slowLoopMs = 1000

/** Counters that should be 0, with what to do. */
const losses: Readonly<Record<string, string>> = {
  events_diverted:
    'Read the dead letters, correct the cause named there, and send them again (docs/formats/dead-letters.md).',
  records_gone: 'Raise the retention of the topic above the longest outage of the agent.',
  records_cut_off: 'Set unclean.leader.election.enable = false at the brokers.',
  records_left_out:
    'Raise maxRecordBytes of the source, or read the place of the records in its dead letters.',
  events_lost_to_damage: 'Check the disk. The log names the files.',
}

export async function examineAgent(
  address: string,
  socket: OwnSocket | null,
  clock: Clock,
): Promise<{ readonly lookedAt: string; readonly findings: Finding[] }> {
  const pages = new AgentPages(address, socket)
  let snapshot: SeenSnapshot
  try {
    const first = await pages.snapshot(clock)
    await clock.sleep(betweenLooksMs)
    snapshot = await pages.snapshot(clock)
    const { agent } = snapshot
    const findings = [...troubles(snapshot), ...standstills(first, snapshot)]
    return { lookedAt: `agent ${agent}${pages.isFlume ? ' (Apache Flume)' : ''}`, findings }
  } catch (error) {
    const isKilled = socket !== null && (await findLeft(socket))
    return {
      lookedAt: address,
      findings: [
        {
          severity: 'problem',
          problem: isKilled ? `The agent of ${address} was killed` : `${address} does not show an agent`,
          evidence: explanationOf(error),
          fix: isKilled
            ? 'Look for "Out of memory" in the log of the kernel (dmesg), and start the agent again. Events in file channels are safe.'
            : 'Check that the agent runs with -Dflume.monitoring.type=http, and that flume.monitoring.host and port are this address.',
        },
      ],
    }
  }
}

function troubles(snapshot: SeenSnapshot): Finding[] {
  const at = (since: number) => new Date(since).toISOString()
  const findings = snapshot.conditions.map(({ component, problem, remedy, since, isRed }): Finding => {
    const [first = '', ...rest] = problem.split(/\.\s+(?=[A-Z"])/)
    return {
      severity: isRed ? 'problem' : 'warning',
      problem: `${component}: ${first.replace(/\.$/, '')}`,
      evidence: `raised at ${at(since)}, and not ended`,
      fix: [...rest, remedy].filter(Boolean).join(' ') || 'The log of the agent has the cause.',
    }
  })
  const told = new Set(snapshot.conditions.map(({ component }) => component))
  for (const [kind, one] of componentsOf(snapshot)) {
    const name = `${kind}.${one.name}`
    if (one.state === 'not running' && !told.has(name))
      findings.push({
        severity: 'problem',
        problem: `${name} does not run`,
        evidence: one.reason ?? 'its state is "not running"',
        fix: 'The log of the agent has the cause. millrace check prints the problems of its configuration.',
      })
    const meanings = ownCounterMeanings[kind as CounterKind]
    for (const [counter, fix] of Object.entries(losses)) {
      const count = one.ownCounters[counter] ?? 0
      if (count > 0)
        findings.push({
          severity: 'warning',
          problem: `${name}: ${meanings[counter] ?? counter}: ${count}`,
          evidence: `${counter} = ${count} since the start of the agent`,
          fix,
        })
    }
  }
  const { loopDelayMs, memoryWaiting, memoryUsed, memoryBudget } = snapshot.process ?? {}
  if (memoryWaiting !== undefined && memoryWaiting > 0)
    findings.push({
      severity: 'warning',
      problem: `${countOf(memoryWaiting, 'connection')} or partitions wait for room in the memory budget`,
      evidence: `${memoryUsed} of ${memoryBudget} bytes are used`,
      fix: 'Raise -Dmillrace.memoryBudget, or reduce the batches of the senders.',
    })
  if (loopDelayMs !== undefined && loopDelayMs > slowLoopMs)
    findings.push({
      severity: 'warning',
      problem: `The event loop was held up for ${Math.round(loopDelayMs)} ms in the last 30 s`,
      evidence: 'loopDelayMs of /snapshot',
      fix: 'Give the machine more CPU, and look for a slow pattern in an interceptor.',
    })
  return findings
}

function standstills(before: SeenSnapshot, now: SeenSnapshot): Finding[] {
  const findings: Finding[] = []
  for (const channel of now.channels) {
    const { name } = channel
    const count = (key: string, { channels } = now) =>
      Number(channels.find(one => one.name === name)?.counters?.[key] ?? 0)
    const size = channel.size ?? count('ChannelSize')
    const capacity = channel.capacity ?? count('ChannelCapacity')
    const taken = count('EventTakeSuccessCount') - count('EventTakeSuccessCount', before)
    const sinks = now.sinks.filter(one => one.channel === name || now.channels.length === 1)
    const names = sinks.map(one => one.name).join(', ') || 'no sink'
    const isFull = capacity > 0 && size >= fullShare * capacity
    if (isFull)
      findings.push({
        severity: 'problem',
        problem: `Channel ${name} is ${Math.floor((100 * size) / capacity)} % full`,
        evidence: `${size} of ${capacity} events; ${names} took ${taken} in ${betweenLooksMs / 1000} s`,
        fix: 'If its sink reports an error, correct that first. Otherwise add a sink to the channel, or raise its batch size; a larger capacity only bridges peaks.',
      })
    else if (size > 0 && taken === 0)
      findings.push({
        severity: 'warning',
        problem: `No event left channel ${name} for ${betweenLooksMs / 1000} s`,
        evidence: `${countOf(size, 'event')} inside; ${names}`,
        fix: 'Look for errors of the sink here or in the log. A sink that waits for a slow peer shows the same.',
      })
  }
  for (const { name, counters } of now.sinks) {
    const failed = Number(counters?.['ConnectionFailedCount'] ?? 0)
    const earlier = before.sinks.find(one => one.name === name)?.counters?.['ConnectionFailedCount'] ?? 0
    if (failed > Number(earlier))
      findings.push({
        severity: 'problem',
        problem: `Sink ${name} cannot connect`,
        evidence: `ConnectionFailedCount went from ${Number(earlier)} to ${failed} in ${betweenLooksMs / 1000} s`,
        fix: 'Start its peer, or correct host and port of the sink.',
      })
  }
  return findings
}
