// A broker in a process of its own, for the tests that attack it: `broker-child.ts <directory> <key=value> …`.
import { Broker } from '../../src/broker/broker.ts'
import { readBrokerSettings } from '../../src/broker/broker-settings.ts'
import { realSystem } from '../../src/system/system.ts'
import { recordingLog } from '../broker/running-broker.ts'

const [directory, ...pairs] = process.argv.slice(2)
const given = Object.fromEntries(
  pairs.map(pair => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
)
const { settings } = readBrokerSettings('', 'test', { 'log.dirs': directory!, port: '0', ...given })
const lines: string[] = []
const log = recordingLog(lines)
lines.push = (...more) => {
  for (const line of more) process.stderr.write(`${line.slice(0, 2000)}\n`)
  return 0
}
const broker = new Broker({ system: realSystem, log, settings })
await broker.start()
process.send?.({ port: broker.port })
process.on('message', message => {
  if (message === 'stop') void broker.stop().then(() => process.exit(0))
})
