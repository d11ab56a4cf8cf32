// Preloaded into a process under attack: says how much memory it took at most, and how long one turn of its event loop
// was. A turn is measured in time of the processor on the main thread, which other programs on the machine do not
// lengthen, and by the clock.
import { readFileSync } from 'node:fs'

const intervalMs = 2
let longestMs = 0
let longestWallMs = 0
let cpu = process.threadCpuUsage()
let wall = performance.now()

setInterval(() => {
  const nowCpu = process.threadCpuUsage()
  const nowWall = performance.now()
  longestMs = Math.max(longestMs, (nowCpu.user - cpu.user + nowCpu.system - cpu.system) / 1000)
  longestWallMs = Math.max(longestWallMs, nowWall - wall - intervalMs)
  cpu = nowCpu
  wall = nowWall
}, intervalMs).unref()

process.on('message', message => {
  if (message === 'reset') {
    longestMs = longestWallMs = 0
    return
  }
  if (message !== 'measure') return
  const peak = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  process.send?.({ peakBytes: Number(peak) * 1024, longestMs, longestWallMs })
})
process.channel?.unref()
