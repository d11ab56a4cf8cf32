// What a process has used, from /proc.
import { readFileSync } from 'node:fs'

export interface Usage {
  readonly cpuSeconds: number
  readonly rssMiB: number
  /** The most it ever had. */
  readonly highestRssMiB: number
}

/** Ticks of /proc are hundredths of a second on Linux. */
export function usageOf(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const mib = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)![1]) / 1024
  return {
    cpuSeconds: (Number(stat[11]) + Number(stat[12])) / 100,
    rssMiB: mib('VmRSS'),
    highestRssMiB: mib('VmHWM'),
  }
}
