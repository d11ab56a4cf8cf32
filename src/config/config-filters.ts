// Config filters: `${filter['key']}` in values, answered by the environment or by a program. What they
// answer may be a secret and is never printed.
import { suggest } from '../did-you-mean.ts'
import { messageOf } from '../errors.ts'
import type { Setting } from './agent-config.ts'
import type { Problem } from './problem.ts'

/** Runs `command` and gives its first line; rejects with a reason. */
export type RunCommand = (command: readonly string[]) => Promise<string>

export interface FilterSources {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly run: RunCommand
}

const flume = 'org.apache.flume.configfilter.'

type Filter = (key: string) => Promise<string | undefined>

const reference = /\$\{([^[\]{}$]{1,200})\[(?:'([^']{0,999})'|"([^"]{0,999})"|([^\]'"]{0,999}))\]\}/g

/** Answers the references of the agent's settings. */
export async function applyConfigFilters(
  settings: readonly Setting[],
  agent: string,
  sources: FilterSources,
): Promise<{ settings: readonly Setting[]; problems: readonly Problem[] }> {
  const problems: Problem[] = []
  const filters = filtersOf(settings, agent, sources, problems)
  const out: Setting[] = []
  for (const setting of settings) {
    if (!setting.value.includes('[')) {
      out.push(setting)
      continue
    }
    const matches = [...setting.value.matchAll(reference)]
    let { value } = setting
    let looked = setting.looked === true
    for (const match of matches) {
      const [whole, name] = match as unknown as [string, string]
      const key = match[2] ?? match[3] ?? match[4] ?? ''
      const filter = filters.get(name)
      const warn = (problem: string, fix: string) =>
        problems.push({
          severity: 'warning',
          place: setting.place,
          problem: `${setting.key}: ${problem}`,
          fix,
        })
      if (!setting.key.startsWith(`${agent}.`)) continue
      if (filter === undefined) {
        const near = suggest(name, [...filters.keys()])
        warn(
          `there is no config filter named ${name}; ${whole} stays as typed`,
          near === undefined
            ? `add ${name} to ${agent}.configfilters, with ${agent}.configfilters.${name}.type = env or external`
            : `did you mean ${whole.replace(name, near)}`,
        )
        continue
      }
      try {
        const answer = await filter(key)
        if (answer === undefined) {
          warn(
            `config filter ${name} has nothing for ${key}; it stays as typed`,
            'set it where the filter looks',
          )
          continue
        }
        value = value.replace(whole, () => answer)
        looked = true
      } catch (error) {
        warn(`config filter ${name} failed for ${key}: ${messageOf(error)}`, 'see the command of the filter')
      }
    }
    out.push(looked ? { ...setting, value, looked } : setting)
  }
  return { settings: out, problems }
}

function filtersOf(
  settings: readonly Setting[],
  agent: string,
  { environment, run }: FilterSources,
  problems: Problem[],
): Map<string, Filter> {
  const filters = new Map<string, Filter>()
  const list = settings.find(({ key }) => key === `${agent}.configfilters`)
  if (list === undefined) return filters
  const byKey = new Map(settings.map(setting => [setting.key, setting]))
  for (const name of list.value.trim().split(/\s+/).filter(Boolean) ?? []) {
    const prefix = `${agent}.configfilters.${name}`
    const type = byKey.get(`${prefix}.type`)
    const error = (place: Setting['place'], problem: string, fix: string) =>
      problems.push({ severity: 'error', place, problem, fix })
    switch (type?.value.trim().toLowerCase()) {
      case 'env':
      case `${flume}environmentvariableconfigfilter`:
        filters.set(name, async key => (Object.hasOwn(environment, key) ? environment[key] : undefined))
        break
      case 'external':
      case `${flume}externalprocessconfigfilter`: {
        const command = byKey.get(`${prefix}.command`)
        if (command === undefined)
          error(
            type!.place,
            `config filter ${name} has no command`,
            `add ${prefix}.command = /path/to/program`,
          )
        else filters.set(name, key => run([...command.value.trim().split(/\s+/), key]))
        break
      }
      case undefined:
        error(list.place, `config filter ${name} has no type`, `add ${prefix}.type = env or external`)
        break
      case 'hadoop':
      case `${flume}hadoopcredentialstoreconfigfilter`:
        error(
          type!.place,
          `config filter ${name}: Millrace cannot read Hadoop credential stores`,
          'use type env or external',
        )
        break
      default:
        error(
          type!.place,
          `config filter ${name}: there is no type ${type!.value}, and Java classes cannot be loaded`,
          'use env or external',
        )
    }
  }
  return filters
}
