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
import { suggest } from '../did-you-mean.ts'
import { type Edit, type Place, type Problem } from './problem.ts'
import { isKind, kinds, namesIn, strangers, type Kind, type SettingsByAgent } from './settings-by-agent.ts'

/** For Java's Kafka client an empty value has a meaning here, which Flume's files cannot write. */
const noHostCheck = /\.ssl\.endpoint\.identification\.algorithm$/

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

/** Where a file is nonsense, words are compared so often and no more. */
const mostSuggestions = 200

/** Orders the settings of the agent `name`; `file` names the files in a message. */
export function readAgent(settings: SettingsByAgent, name: string, file: string): GrammarResult {
  const problems: Problem[] = []
  const push =
    (severity: Problem['severity']): Complain =>
    (place, problem, fix, edit) =>
      problems.push({ severity, place, problem, fix, edit })
  const [error, warn] = [push('error'), push('warning')]
  const near = (word: string, known: readonly string[]) =>
    problems.length < mostSuggestions ? suggest(word, known) : undefined
  const say: Sayings = { error, warn, near }

  const block = collect(settings.owners.get(name) ?? [], name, say)
  if (block === undefined) {
    const names = settings.agents
    const meant = near(name, names)
    error(
      undefined,
      `no agent named ${name} in ${file}`,
      names.length === 0
        ? `write lines such as ${name}.sources = r1; the file describes no agent`
        : `${meant === undefined ? 'use' : `did you mean ${meant}? Use`} --name with one of: ${namesIn(names)}`,
    )
    return { problems: [...problems, ...strangers(settings, name)] }
  }

  const listed = (kind: Kind): Listed[] => {
    const list = block.lists.get(kind)
    const parts = block.parts.get(kind) ?? new Map<string, Map<string, Setting>>()
    const names = list === undefined ? [] : namesOf(list, word => parts.has(word), say)
    const known = new Set(names)
    // What an unlisted one may have been meant for: a listed one without settings of its own, or one that differs
    // from it in case alone.
    const bare = names.filter(one => !parts.has(one))
    const sameLetters = new Map(names.map(one => [one.toLowerCase(), one]))
    for (const [component, own] of parts) {
      if (known.has(component)) continue
      const { key, place } = own.values().next().value!
      const meant = sameLetters.get(component.toLowerCase()) ?? near(component, bare)
      warn(
        place,
        `${key}: ${singular[kind]} ${component} is not in the list ${name}.${kind}, so its settings count for nothing`,
        meant === undefined
          ? list === undefined
            ? // All of them: of several lists that are added one counts.
              `add ${name}.${kind} = ${[...parts.keys()].join(' ')}`
            : `add ${component} to the list in line ${list.place.line}, or remove its lines`
          : `did you mean ${meant}, or is ${component} to be in the list in line ${list!.place.line}`,
        list === undefined || meant !== undefined
          ? undefined
          : { key: list.key, value: `${list.value} ${component}` },
      )
    }
    return names.map(component => ({
      component,
      place: list!.place,
      settings: parts.get(component) ?? new Map<string, Setting>(),
    }))
  }
  const [listedSources, listedChannels, listedSinks, listedGroups] = (
    ['sources', 'channels', 'sinks', 'sinkgroups'] as const
  ).map(listed) as [Listed[], Listed[], Listed[], Listed[]]

  /** A key that must be there is not; where one like it is, that is the place. */
  const missing = (kind: Kind, { component, place, settings: own }: Listed, key: string, example: string) => {
    const like = own.get(near(key, [...own.keys()]) ?? '')
    const newKey = `${name}.${kind}.${component}.${key}`
    if (like === undefined)
      error(place, `${singular[kind]} ${component} has no ${key}`, `add ${newKey} = ${example}`)
    else
      error(
        like.place,
        `${singular[kind]} ${component} has no ${key}, but ${like.key}`,
        `did you mean ${key}`,
        { key: like.key, newKey },
      )
  }

  const typed = (kind: Kind, one: Listed): ComponentConfig | undefined => {
    const type = one.settings.get('type')
    if (type === undefined) missing(kind, one, 'type', '…')
    return type && { name: one.component, place: one.place, type, settings: one.settings }
  }

  const channels = listedChannels.flatMap(one => typed('channels', one) ?? [])
  const channelNames = new Set(listedChannels.map(one => one.component))
  const unlistedChannels = new Set(block.parts.get('channels')?.keys())
  const firstChannel = [...channelNames, ...unlistedChannels][0] ?? 'c1'
  if (channelNames.size === 0)
    error(
      block.lists.get('channels')?.place ?? block.place,
      `agent ${name} has no channels`,
      unlistedChannels.size > 0
        ? `add ${name}.channels = ${[...unlistedChannels].join(' ')}`
        : `add ${name}.channels = c1 and ${name}.channels.c1.type = file`,
    )

  const checkKnown = (setting: Setting, word: string, others: readonly string[] = []): void => {
    // Without any channel there is one error already, and nothing to choose from.
    if (channelNames.has(word) || channelNames.size === 0) return
    const problem = `${setting.key} names channel ${shown(setting, word)}, which is not in the list ${name}.channels`
    const free = [...channelNames].filter(one => !others.includes(one))
    const list = block.lists.get('channels')!
    const meant = near(word, free)
    if (unlistedChannels.has(word))
      error(setting.place, problem, `add ${word} to the list in line ${list.place.line}`, {
        key: list.key,
        value: `${list.value} ${word}`,
      })
    else if (meant === undefined)
      error(
        setting.place,
        problem,
        free.length === 0 ? 'take it away' : `use one of: ${namesIn(free)}, or add it to that list`,
      )
    else
      error(setting.place, problem, `did you mean ${meant}`, {
        key: setting.key,
        value: replaceWord(setting.value, word, meant),
      })
  }

  const sources: SourceConfig[] = []
  for (const one of listedSources) {
    const typedSource = typed('sources', one)
    const { component, place, settings: own } = one
    const to = own.get('channels')
    if (to === undefined) missing('sources', one, 'channels', firstChannel)
    const names = to === undefined ? [] : namesOf(to, word => channelNames.has(word), say)
    for (const word of names) checkKnown(to!, word, names)
    const interceptors = interceptorsOf(name, component, own, say)
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
  for (const one of listedSinks) {
    const typedSink = typed('sinks', one)
    const from = one.settings.get('channel')
    if (from === undefined) missing('sinks', one, 'channel', firstChannel)
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

  const failed = problems.some(one => one.severity === 'error')
  const filled = new Set(sources.flatMap(source => source.channels))
  const emptied = new Set(sinks.map(sink => sink.channel))
  if (!failed) for (const channel of channels) checkEnds(channel, filled, emptied, warn)

  const sinkGroups = groupsOf(name, listedGroups, new Set(listedSinks.map(one => one.component)), say)
  const kept = failed ? channels : channels.filter(one => filled.has(one.name) || emptied.has(one.name))
  const config = { name, sources, channels: kept, sinks, sinkGroups }
  return { config, problems: [...problems, ...strangers(settings, name)] }
}

/** A channel of which one end is open holds events that nobody takes, or none at all. */
function checkEnds(
  { name, type: { place } }: ComponentConfig,
  filled: ReadonlySet<string>,
  emptied: ReadonlySet<string>,
  warn: Complain,
): void {
  if (!filled.has(name) && !emptied.has(name))
    warn(
      place,
      `channel ${name} is connected to nothing and is left out`,
      'connect a source or a sink to it, or remove it',
    )
  else if (!emptied.has(name))
    warn(
      place,
      `no sink takes events from channel ${name}: when it is full, its sources stop`,
      `give a sink channel = ${name}, or take ${name} out of the channels of its sources`,
    )
  else if (!filled.has(name))
    warn(
      place,
      `no source puts events into channel ${name}: its sinks deliver what it holds already, and nothing else`,
      `add ${name} to the channels of a source`,
    )
}

/** What was looked up may be a secret, also where a name was expected. */
const shown = (setting: Setting, word: string) => (setting.looked === true ? '(looked up, not shown)' : word)

/** A word from which on a list is a comment, as its writer meant it. */
const commentWord = /^(#|\/\/)/

/**
 * The names of a list, each once, without those that can be no names. Flume leaves out names of what is not
 * there; of a comment behind the list those are left out here as well, and everywhere else they are errors.
 */
function namesOf(list: Setting, isThere: (word: string) => boolean, { error }: Sayings): string[] {
  const { key, value, place } = list
  const words = value.trim().split(/\s+/).filter(Boolean)
  const from = words.findIndex(word => commentWord.test(word))
  const names = new Set(from < 0 ? words : words.filter((word, at) => at < from || isThere(word)))
  const isOdd = (word: string) => /[,;.=]/.test(word) && !isThere(word)
  const odd = [...names].find(isOdd)
  if (odd === undefined) return [...names]
  const blanks = value.trim().replaceAll(/\s*[,;]\s*/g, ' ')
  const works = !/[.=]/.test(blanks) && list.looked !== true
  error(
    place,
    `${key} holds ${shown(list, odd)}, which can be no name, because a list separates names by blanks`,
    works
      ? `did you mean ${key} = ${blanks}`
      : 'write names of letters, digits, - and _, separated by blanks',
    works ? { key, value: blanks } : undefined,
  )
  // What else is wrong is found as if it were written so.
  return works ? [...new Set(blanks.split(/\s+/))] : [...names].filter(word => !isOdd(word))
}

const replaceWord = (value: string, word: string, other: string): string =>
  value.trim() === word ? other : value.replaceAll(/\S+/g, one => (one === word ? other : one))

/** The settings below the agent's name; undefined when there are none. */
function collect(settings: readonly Setting[], agent: string, { warn, near }: Sayings): Block | undefined {
  const lists = new Map<Kind, Setting>()
  const parts = new Map<Kind, Map<string, Map<string, Setting>>>()
  const place = settings[0]?.place
  for (const setting of settings) {
    const below = setting.key.slice(agent.length + 1)
    const [kind, component] = below.split('.', 2) as [string, string?]
    if (!isKind(kind)) {
      const meant = near(kind, kinds)
      const newKey = meant && `${agent}.${meant}${below.slice(kind.length)}`
      if (setting.referred === true) continue
      warn(
        setting.place,
        `${setting.key}: an agent has no "${kind}"`,
        newKey === undefined ? `use ${kinds.join(', ')}` : `did you mean ${newKey}`,
        newKey === undefined ? undefined : { key: setting.key, newKey },
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
    const key = below.slice(kind.length + component.length + 2)
    if (key === '') {
      warn(
        setting.place,
        `${setting.key} is not a setting: the key after the name is missing`,
        `write ${setting.key}.type = … or the like`,
      )
      continue
    }
    const ofKind = parts.get(kind) ?? new Map<string, Map<string, Setting>>()
    if (ofKind.size === 0) parts.set(kind, ofKind)
    const own = ofKind.get(component)
    if (own === undefined) ofKind.set(component, new Map([[key, setting]]))
    else own.set(key, setting)
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

type Complain = (place: Place | undefined, problem: string, fix: string, edit?: Edit) => void

interface Sayings {
  readonly error: Complain
  readonly warn: Complain
  /** What a word is near to. */
  readonly near: (word: string, known: readonly string[]) => string | undefined
}

/** One name of a list, with what is written below it. */
interface Listed {
  readonly component: string
  /** Of the list. */
  readonly place: Place
  readonly settings: Map<string, Setting>
}

function interceptorsOf(
  agent: string,
  source: string,
  own: Map<string, Setting>,
  say: Sayings,
): InterceptorConfig[] {
  const { error, warn, near } = say
  const list = own.get('interceptors')
  const names = list === undefined ? [] : namesOf(list, word => own.has(`interceptors.${word}.type`), say)
  const seen = new Set(names)
  const bare = names.filter(name => !own.has(`interceptors.${name}.type`))
  for (const [key, setting] of own) {
    const [written] = interceptorsIn([[key, setting]])
    if (written === undefined || seen.has(written)) continue
    seen.add(written)
    const listKey = `${agent}.sources.${source}.interceptors`
    const meant = near(written, bare)
    const newKey = meant && setting.key.replace(`.interceptors.${written}.`, `.interceptors.${meant}.`)
    warn(
      setting.place,
      `${setting.key}: interceptor ${written} is not in the list ${listKey}, so its settings count for nothing`,
      newKey !== undefined
        ? `did you mean ${newKey}`
        : list === undefined
          ? `add ${listKey} = ${[...new Set(interceptorsIn(own))].join(' ')}, or remove its lines`
          : `add ${written} to the list in line ${list.place.line}, or remove its lines`,
      newKey === undefined ? undefined : { key: setting.key, newKey },
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

/** The names of interceptors in these settings of a source, as often as they stand there. */
const interceptorsIn = (settings: Iterable<readonly [key: string, setting: Setting]>): string[] =>
  [...settings].flatMap(([key]) => /^interceptors\.([^.]+)\./.exec(key)?.[1] ?? [])

function groupsOf(
  agent: string,
  listed: readonly Listed[],
  sinkNames: ReadonlySet<string>,
  say: Sayings,
): SinkGroupConfig[] {
  const { error, near } = say
  const owners = new Map<string, string>()
  return listed.flatMap(({ component, place, settings: own }) => {
    const key = `${agent}.sinkgroups.${component}`
    const list = own.get('sinks')
    if (list === undefined) {
      error(place, `sink group ${component} has no sinks`, `add ${key}.sinks = …`)
      return []
    }
    const names = namesOf(list, word => sinkNames.has(word), say)
    for (const name of names) {
      const owner = owners.get(name)
      if (!sinkNames.has(name)) {
        const free = [...sinkNames].filter(one => !names.includes(one) && !owners.has(one))
        const meant = near(name, free)
        error(
          list.place,
          `${list.key} names sink ${shown(list, name)}, which is not in the list ${agent}.sinks`,
          meant !== undefined
            ? `did you mean ${meant}`
            : free.length === 0
              ? `take it away, or add it to ${agent}.sinks`
              : `use one of: ${namesIn(free)}`,
          meant === undefined ? undefined : { key: list.key, value: replaceWord(list.value, name, meant) },
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
