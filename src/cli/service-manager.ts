// The notices that systemd expects of a service of Type=notify: that it has started, and, where the unit has a
// watchdog, that its event loop still turns. Node has no datagrams to Unix sockets, so systemd's own program sends them.
import { messageOf } from '../errors.ts'
import type { Logger } from '../observe/log.ts'
import { firstLineOf } from '../system/programs.ts'

const program = 'systemd-notify'
const limitMs = 10_000

/** Reports the start, and from then on each half of WATCHDOG_USEC. Does nothing for a process that systemd did not start. */
export async function reportStart(log: Logger): Promise<void> {
  const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID } = process.env
  if (NOTIFY_SOCKET === undefined) return
  const send = async (...words: string[]): Promise<void> => {
    try {
      await firstLineOf([program, ...words], limitMs)
    } catch (error) {
      log.error(
        `${program} ${words.join(' ')} failed: ${messageOf(error)}. systemd ends a service of Type=notify that it does not hear of. Install ${program}, or write Type=exec and no WatchdogSec in the unit.`,
      )
    }
  }
  await send('--ready')
  const eachMs = Number(WATCHDOG_USEC) / 2000
  const isMeant = WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === process.pid
  if (eachMs > 0 && isMeant) setInterval(() => void send('WATCHDOG=1'), eachMs).unref()
}
