// Settings -> AgentConfig: Flume's key grammar, `agent.kind.component.key`. Everything that is wrong is
// collected, with its place; nothing is judged yet by what the components accept.
import type {
  AgentConfig,
  ComponentConfig,
  InterceptorConfig,
  Setting,
  SinkConfig,
  SinkGroupConfig,
  SourceConfig,
} from './agent-config.ts'
import { suggest } from './did-you-mean.ts'
import { inOrder, type Place, type Problem } from './problem.ts'

/** For Java's Kafka client an empty value has a meaning here, which Flume's files cannot write. */
const noHostCheck = /\.ssl\.endpoint\.identification\.algorithm$/

const kinds = ['configfilters', 'sources', 'channels', 'sinks', 'sinkgroups'] as const
type Kind = (typeof kinds)[number]
const singular: Record<Kind, string> = {
  configfilters: 'config filter',
  sources: 'source',
  channels: 'channel',
  sinks: 'sink',
  sinkgroups: 'sink group',
}

/** What stands below one agent's name, by kind. */
interface Block {
  readonly lists: Map<Kind, Setting>
  readonly parts: Map<Kind, Map<string, Map<string, Setting>>>
  readonly place: Place
}

export interface GrammarResult {
  /**
   * Absent when the agent is not in the files. Where there are errors it holds what could be read, so
   * that the components' own problems can be told at the same time; it must not run then.
   */
  readonly config?: AgentConfig
  readonly problems: readonly Problem[]
}

/** Names of the agents the settings speak of, in the order written. */
export function agentNames(settings: readonly Setting[]): string[] {
  const names = settings.flatMap(
    ({ key }) => /^([^.]+)\.(sources|channels|sinks|sinkgroups|configfilters)(\.|$)/.exec(key)?.[1] ?? [],
  )
  return [...new Set(names)]
}

/** Orders the settings of the agent `name`. */
export function readAgent(settings: readonly Setting[], name: string, file: string): GrammarResult {
  const problems: Problem[] = []
  const error = (place: Place | undefined, problem: string, fix: string) =>
    problems.push({ severity: 'error', ...(place === undefined ? {} : { place }), problem, fix })
  const warn = (place: Place, problem: string, fix: string) =>
    problems.push({ severity: 'warning', place, problem, fix })

  const block = collect(settings, name, warn)
  if (block === undefined) {
    const names = agentNames(settings)
    const near = suggest(name, names)
    error(
      undefined,
      `no agent named ${name} in ${file}`,
      names.length === 0
        ? `write lines such as ${name}.sources = r1; the file describes no agent`
        : `${near === undefined ? 'use' : `did you mean ${near}? Use`} --name with one of: ${names.join(', ')}`,
    )
    return { problems }
  }

  const listed = (kind: Kind): { component: string; place: Place; settings: Map<string, Setting> }[] => {
    const list = block.lists.get(kind)
    const parts = block.parts.get(kind) ?? new Map<string, Map<string, Setting>>()
    const names = list === undefined ? [] : [...new Set(words(list.value))]
    for (const [component, own] of parts)
      if (!names.includes(component)) {
        const first = own.values().next().value!
        warn(
          first.place,
          `${first.key}: ${singular[kind]} ${component} is not in the list ${name}.${kind}, so its settings count for nothing`,
          list === undefined
            ? `add ${name}.${kind} = ${component}`
            : `add ${component} to the list in line ${list.place.line}${orWrite(suggest(component, names))}`,
        )
      }
    return names.map(component => ({
      component,
      place: list!.place,
      settings: parts.get(component) ?? new Map<string, Setting>(),
    }))
  }

  /** A key that must be there is not; where one like it is, that is the place. */
  const missing = (
    kind: Kind,
    component: string,
    key: string,
    own: Map<string, Setting>,
    place: Place,
    example: string,
  ): void => {
    const near = own.get(suggest(key, [...own.keys()]) ?? '')
    error(
      near?.place ?? place,
      `${singular[kind]} ${component} has no ${key}${near === undefined ? '' : `, but ${near.key}`}`,
      near === undefined ? `add ${name}.${kind}.${component}.${key} = ${example}` : `did you mean ${key}`,
    )
  }

  const typed = (
    kind: Kind,
    component: string,
    place: Place,
    own: Map<string, Setting>,
  ): ComponentConfig | undefined => {
    const type = own.get('type')
    if (type === undefined) {
      missing(kind, component, 'type', own, place, '…')
      return undefined
    }
    return { name: component, place, type, settings: own }
  }

  const channels = listed('channels').flatMap(
    ({ component, place, settings: own }) => typed('channels', component, place, own) ?? [],
  )
  const channelNames = new Set(listed('channels').map(one => one.component))
  const firstChannel = [...channelNames][0] ?? 'c1'
  if (channelNames.size === 0)
    error(
      block.lists.get('channels')?.place ?? block.place,
      `agent ${name} has no channels`,
      `add ${name}.channels = c1 and ${name}.channels.c1.type = file`,
    )

  const checkKnown = (setting: Setting, word: string): void => {
    if (channelNames.has(word)) return
    const near = suggest(word, [...channelNames])
    error(
      setting.place,
      `${setting.key} names channel ${shown(setting, word)}, which is not in the list ${name}.channels`,
      near === undefined ? `use one of: ${[...channelNames].join(', ')}` : `did you mean ${near}`,
    )
  }

  const sources: SourceConfig[] = []
  for (const { component, place, settings: own } of listed('sources')) {
    const typedSource = typed('sources', component, place, own)
    const to = own.get('channels')
    if (to === undefined) missing('sources', component, 'channels', own, place, firstChannel)
    const names = to === undefined ? [] : [...new Set(words(to.value))]
    for (const word of names) checkKnown(to!, word)
    const interceptors = interceptorsOf(name, component, own, error, warn)
    if (typedSource === undefined) continue
    sources.push({
      ...typedSource,
      channels: names,
      interceptors,
      selector: sub(
        // Without channels every name in the selector would be wrong.
        to === undefined ? new Map() : own,
        'selector.',
        `${component}.selector`,
        place,
        `${name}.sources.${component}.selector.type`,
        'replicating',
      ),
    })
  }

  const sinks: SinkConfig[] = []
  for (const { component, place, settings: own } of listed('sinks')) {
    const typedSink = typed('sinks', component, place, own)
    const from = own.get('channel')
    if (from === undefined) missing('sinks', component, 'channel', own, place, firstChannel)
    const channel = from?.value.trim() ?? ''
    if (from !== undefined) checkKnown(from, channel)
    if (typedSink !== undefined) sinks.push({ ...typedSink, channel })
  }
  if (block.lists.get('sources') === undefined && block.lists.get('sinks') === undefined)
    error(
      block.place,
      `agent ${name} has neither sources nor sinks`,
      `add ${name}.sources = … and ${name}.sinks = …`,
    )

  const used = new Set([...sources.flatMap(source => source.channels), ...sinks.map(sink => sink.channel)])
  const failed = problems.some(one => one.severity === 'error')
  for (const channel of channels)
    if (!used.has(channel.name) && !failed)
      warn(
        channel.type.place,
        `channel ${channel.name} is connected to nothing and is left out`,
        'connect a source or a sink to it, or remove it',
      )

  const sinkGroups = groupsOf(
    name,
    listed('sinkgroups'),
    new Set(listed('sinks').map(one => one.component)),
    error,
  )
  const kept = failed ? channels : channels.filter(one => used.has(one.name))
  const config = { name, sources, channels: kept, sinks, sinkGroups }
  return { config, problems: inOrder(problems) }
}

/** What was looked up may be a secret, also where a name was expected. */
const shown = (setting: Setting, word: string) => (setting.looked === true ? '(looked up, not shown)' : word)

const orWrite = (near: string | undefined) => (near === undefined ? '' : `, or write ${near}`)

function words(value: string): string[] {
  return value.trim().split(/\s+/).filter(Boolean)
}

/** The settings below the agent's name; undefined when there are none. */
function collect(
  settings: readonly Setting[],
  agent: string,
  warn: (place: Place, problem: string, fix: string) => void,
): Block | undefined {
  const lists = new Map<Kind, Setting>()
  const parts = new Map<Kind, Map<string, Map<string, Setting>>>()
  let place: Place | undefined
  for (const setting of settings) {
    const [owner, kindWord, component, ...rest] = setting.key.split('.')
    if (owner !== agent || kindWord === undefined) {
      if (kindWord === undefined && !/^[A-Za-z0-9_]+$/.test(setting.key))
        warn(
          setting.place,
          `${setting.key} is not a key of Flume's: there is no dot in it`,
          'write agent.kind.name.key = value',
        )
      continue
    }
    place ??= setting.place
    const kind = kinds.find(one => one === kindWord)
    if (kind === undefined) {
      const near = suggest(kindWord, kinds)
      warn(
        setting.place,
        `${setting.key}: an agent has no "${kindWord}"`,
        near === undefined ? `use ${kinds.join(', ')}` : `did you mean ${agent}.${near}`,
      )
      continue
    }
    if (setting.value.trim() === '') {
      const fix = noHostCheck.test(setting.key)
        ? `write ${setting.key.replace(noHostCheck, '.ssl.disableTLSHostnameVerification')} = true to end the check of host names`
        : 'write a value or remove the line'
      warn(setting.place, `${setting.key} has no value and is ignored`, fix)
      continue
    }
    if (component === undefined) {
      lists.set(kind, setting)
      continue
    }
    const key = rest.join('.')
    if (key === '') {
      warn(
        setting.place,
        `${setting.key} is not a setting: the key after the name is missing`,
        `write ${setting.key}.type = … or the like`,
      )
      continue
    }
    const ofKind = parts.get(kind) ?? new Map<string, Map<string, Setting>>()
    parts.set(kind, ofKind)
    const own = ofKind.get(component) ?? new Map<string, Setting>()
    ofKind.set(component, own)
    own.set(key, setting)
  }
  return place === undefined ? undefined : { lists, parts, place }
}

/** The settings that start with `prefix`, as a component of their own; its type defaults to `fallback`. */
function sub(
  own: Map<string, Setting>,
  prefix: string,
  name: string,
  place: Place,
  typeKey: string,
  fallback: string,
): ComponentConfig {
  const settings = new Map<string, Setting>()
  for (const [key, setting] of own)
    if (key.startsWith(prefix)) settings.set(key.slice(prefix.length), setting)
  const type = settings.get('type') ?? { key: typeKey, value: fallback, place }
  settings.set('type', type)
  return { name, place: type.place, type, settings }
}

type Complain = (place: Place, problem: string, fix: string) => void

function interceptorsOf(
  agent: string,
  source: string,
  own: Map<string, Setting>,
  error: Complain,
  warn: Complain,
): InterceptorConfig[] {
  const list = own.get('interceptors')
  const names = list === undefined ? [] : [...new Set(words(list.value))]
  for (const [key, setting] of own) {
    const written = /^interceptors\.([^.]+)\./.exec(key)?.[1]
    if (written !== undefined && !names.includes(written))
      warn(
        setting.place,
        `${setting.key}: interceptor ${written} is not in the list ${agent}.sources.${source}.interceptors`,
        `add ${written} to that list or remove the line`,
      )
  }
  return names.flatMap(name => {
    const prefix = `interceptors.${name}.`
    if (own.get(`${prefix}type`) === undefined) {
      error(
        list!.place,
        `interceptor ${name} of source ${source} has no type`,
        `add ${agent}.sources.${source}.interceptors.${name}.type = …`,
      )
      return []
    }
    return sub(own, prefix, name, list!.place, '', '')
  })
}

function groupsOf(
  agent: string,
  listed: readonly { component: string; place: Place; settings: Map<string, Setting> }[],
  sinkNames: ReadonlySet<string>,
  error: Complain,
): SinkGroupConfig[] {
  const owners = new Map<string, string>()
  return listed.flatMap(({ component, place, settings: own }) => {
    const key = `${agent}.sinkgroups.${component}`
    const list = own.get('sinks')
    if (list === undefined) {
      error(place, `sink group ${component} has no sinks`, `add ${key}.sinks = …`)
      return []
    }
    const names = [...new Set(words(list.value))]
    for (const name of names) {
      const owner = owners.get(name)
      if (!sinkNames.has(name)) {
        const near = suggest(
          name,
          [...sinkNames].filter(one => !names.includes(one)),
        )
        error(
          list.place,
          `${list.key} names sink ${shown(list, name)}, which is not in the list ${agent}.sinks`,
          near === undefined ? `use one of: ${[...sinkNames].join(', ')}` : `did you mean ${near}`,
        )
      } else if (owner !== undefined)
        error(
          list.place,
          `sink ${name} is in the groups ${owner} and ${component}`,
          'take it out of one of them',
        )
      owners.set(name, component)
    }
    if (own.get('processor.type') === undefined) {
      error(
        list.place,
        `sink group ${component} has no processor.type (Flume would drop its sinks)`,
        `add ${key}.processor.type = default, failover or load_balance`,
      )
      return []
    }
    return [
      {
        name: component,
        place,
        sinks: names,
        processor: sub(own, 'processor.', `${component}.processor`, place, '', ''),
      },
    ]
  })
}
