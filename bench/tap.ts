// npm run bench -- tap: what a tap costs the flow that it looks at: a sequence source, a memory channel and a null sink in
// this process, tapped on both edges and not tapped in turn, by CPU time an event. MILLRACE_BENCH_ROUNDS is how often.
import { startAgent } from '../src/start-agent.ts'

const rounds = Number(process.env['MILLRACE_BENCH_ROUNDS'] ?? 40)
const roundMs = 500

const configuration = `
a.sources = r1
a.sources.r1.type = seq
a.sources.r1.batchSize = 100
a.sources.r1.channels = c1
a.channels = c1
a.channels.c1.type = memory
a.channels.c1.capacity = 10000
a.channels.c1.transactionCapacity = 1000
a.sinks = k1
a.sinks.k1.type = null
a.sinks.k1.batchSize = 100
a.sinks.k1.channel = c1
`

export async function runTapBench(): Promise<void> {
  const agent = await startAgent({ name: 'a', configuration })
  const delivered = () => Number(agent.snapshot().channels[0]!.counters!['EventTakeSuccessCount'])
  const microsecondsAnEvent = async (): Promise<number> => {
    const [events, cpu] = [delivered(), process.cpuUsage()]
    await new Promise(resolve => setTimeout(resolve, roundMs))
    const { user, system } = process.cpuUsage(cpu)
    return (user + system) / (delivered() - events)
  }
  await microsecondsAnEvent()
  const costs: Record<'without' | 'with', number[]> = { without: [], with: [] }
  let shown = 0
  for (let round = 0; round < rounds; round++) {
    costs.without.push(await microsecondsAnEvent())
    const stops = agent.edges.map(([from, to]) =>
      agent.tap(from, to, ({ events }) => (shown += events.length))!,
    )
    costs.with.push(await microsecondsAnEvent())
    for (const stop of stops) stop()
  }
  await agent.stop()
  const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!
  const [without, tapped] = [median(costs.without), median(costs.with)]
  process.stdout.write(
    `untapped ${without.toFixed(3)} us an event, tapped ${tapped.toFixed(3)}: ${((100 * tapped) / without - 100).toFixed(1)} %; ${Math.round(shown / rounds / (roundMs / 1000))} events a second were shown\n`,
  )
}
