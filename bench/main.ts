// npm run bench -- NAME: one file a question.
import { runBrokerBench } from './broker.ts'
import { runChannelBench } from './channel.ts'
import { runDoorBench } from './door.ts'
import { runDrainBench } from './drain.ts'
import { runTaildirBench } from './taildir.ts'
import { runTapBench } from './tap.ts'
import { runGroupsBench } from './groups.ts'
import { runQuickstartBench } from './quickstart.ts'
import { runSeedBench } from './seed.ts'
import { runWriteBackBench } from './writeback.ts'

const benches: Record<string, () => Promise<void>> = {
  broker: runBrokerBench,
  channel: runChannelBench,
  door: runDoorBench,
  drain: runDrainBench,
  tap: runTapBench,
  taildir: runTaildirBench,
  groups: runGroupsBench,
  quickstart: runQuickstartBench,
  seed: runSeedBench,
  writeback: runWriteBackBench,
}
const bench = benches[process.argv[2] ?? '']
if (bench === undefined) {
  console.error(`npm run bench -- NAME, with one of: ${Object.keys(benches).join(', ')}`)
  process.exitCode = 1
} else await bench()
