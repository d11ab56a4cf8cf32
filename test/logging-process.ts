// Processes of tests that log into a file of their directory, and an agent's configuration for them.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { waitFor } from './interop/peers/waiting.ts'
import { root } from './source-text.ts'

export const flumeNg = join(root, 'bin/flume-ng')
export const millrace = join(root, 'bin/millrace')
export const logging = (directory: string) => [
  '-Dflume.root.logger=INFO,console,LOGFILE',
  `-Dflume.log.dir=${directory}/logs`,
  '-Dflume.log.file=a.log',
]
export const logOf = (directory: string, name = 'a.log') => {
  const path = join(directory, 'logs', name)
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}
export const logged = (directory: string, pattern: RegExp) =>
  waitFor(() => pattern.test(logOf(directory)), `${pattern} in the log`)

/** Counts to `events` and goes on to run; its sink is a file or the log. */
export function configuration(directory: string, { events = 1, sink = 'logger', more = '' } = {}): string {
  const path = join(directory, 'flume.conf')
  mkdirSync(directory, { recursive: true })
  writeFileSync(
    path,
    `a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = seq
a1.sources.r1.totalEvents = ${events}
a1.sources.r1.channels = c1
a1.channels.c1.type = memory
a1.channels.c1.capacity = 1000
a1.sinks.k1.type = ${sink}
a1.sinks.k1.channel = c1
${more}`,
  )
  return path
}
