// A console in a process of its own, for the tests that attack it: `console-child.ts <bootstrap server>`.
import { startConsole } from '../../src/console/console.ts'
import { readAdminProperties } from '../../src/kafka-client/kafka-client.ts'
import { realSystem } from '../../src/system/system.ts'

const { settings } = readAdminProperties({ 'bootstrap.servers': process.argv[2]! }, {})
const { url } = await startConsole({
  agents: { given: [], announced: false },
  clusters: [{ name: 'kafka', settings: settings! }],
  settings: { port: 0 },
  system: { ...realSystem, systemProperties: new Map() },
})
process.send?.({ url })
process.on('disconnect', () => process.exit(0))
