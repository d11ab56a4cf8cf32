// A component by itself, for its test: made from settings as a configuration would have them, with the real doors and
// without an agent around it.
import type {
  ChannelProcessor,
  InterceptorDefinition,
  SinkDefinition,
  SourceDefinition,
} from './component.ts'
import type { Event } from './event.ts'
import type { Setting } from './config/agent-config.ts'
import { formatProblem } from './config/problem.ts'
import { readOptions } from './config/read-options.ts'
import { looseConditions } from './observe/conditions.ts'
import { Counters } from './observe/counters.ts'
import { silentLogger } from './observe/log.ts'
import { homeDirectory } from './system/environment.ts'
import { realSystem } from './system/system.ts'

type Testable = InterceptorDefinition | SinkDefinition | SourceDefinition

/**
 * The component with these settings. `put` gets each batch of a source, and resolves when it has it; none is kept where it
 * is absent. Throws an Error that names every problem of the settings; warnings are errors here.
 */
export function makeComponent<D extends Testable>(
  definition: D,
  settings: Readonly<Record<string, string>> = {},
  put: (events: readonly Event[]) => Promise<void> = async () => {},
): ReturnType<D['create']> {
  const place = { file: 'settings', line: 1 }
  const { kind, type } = definition
  const setting = (key: string, value: string): Setting => ({ key, value, place })
  const { options, problems } = readOptions(
    definition,
    {
      name: type,
      place,
      type: setting('type', type),
      settings: new Map(Object.entries(settings).map(([key, value]) => [key, setting(key, value)])),
    },
    { home: homeDirectory() },
  )
  if (options === undefined || problems.length > 0) throw new Error(problems.map(formatProblem).join('\n'))
  const processor: ChannelProcessor = { process: put, processUntilAccepted: put }
  const context = {
    name: type,
    agent: 'test',
    system: realSystem,
    log: silentLogger,
    condition: looseConditions(realSystem.clock, silentLogger),
    home: homeDirectory(),
    logRawData: false,
    systemProperties: new Map<string, string>(),
    counters: new Counters(
      kind === 'sink' ? 'SINK' : 'SOURCE',
      type,
      ('counters' in definition && definition.counters) || [],
    ),
    processor,
  }
  return definition.create(options as never, context) as ReturnType<D['create']>
}
