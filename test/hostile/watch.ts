// Preloaded into a process under attack: says how much memory it took at most, and how long one turn of its event loop
// was. A turn is measured in time of the processor on the main thread, which other programs on the machine do not
// lengthen, and without the collection of garbage, whose pauses follow from the size of the heap; and by the clock.
import { readFileSync } from 'node:fs'
import { PerformanceObserver } from 'node:perf_hooks'

interface Span {
  readonly from: number
  readonly to: number
  readonly cpuMs: number
}

const intervalMs = 2
/** Shorter ones are not kept. */
const notableMs = 2
/** So many of the longest are looked at more closely. */
const lookedAt = 100
let turns: Span[] = []
let pauses: Omit<Span, 'cpuMs'>[] = []
let longestWallMs = 0
let cpu = process.threadCpuUsage()
let wall = performance.now()

new PerformanceObserver(list => {
  for (const { startTime, duration } of list.getEntries())
    pauses.push({ from: startTime, to: startTime + duration })
}).observe({ entryTypes: ['gc'] })

setInterval(() => {
  const nowCpu = process.threadCpuUsage()
  const nowWall = performance.now()
  const cpuMs = (nowCpu.user - cpu.user + nowCpu.system - cpu.system) / 1000
  if (cpuMs > notableMs) turns.push({ from: wall, to: nowWall, cpuMs })
  longestWallMs = Math.max(longestWallMs, nowWall - wall - intervalMs)
  cpu = nowCpu
  wall = nowWall
}, intervalMs).unref()

/** Without what was spent on garbage meanwhile. */
const workOf = ({ from, to, cpuMs }: Span): number =>
  cpuMs -
  pauses.reduce((sum, pause) => sum + Math.max(0, Math.min(to, pause.to) - Math.max(from, pause.from)), 0)

process.on('message', message => {
  if (message === 'reset') {
    turns = []
    pauses = []
    longestWallMs = 0
    return
  }
  if (message !== 'measure') return
  // Pauses are told of a turn later.
  setTimeout(() => {
    const peak = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
    const longest = turns.toSorted((one, other) => other.cpuMs - one.cpuMs).slice(0, lookedAt)
    const longestMs = Math.max(0, ...longest.map(workOf))
    process.send?.({ peakBytes: Number(peak) * 1024, longestMs, longestWallMs })
  }, 20)
})
process.channel?.unref()
