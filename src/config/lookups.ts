// Fills in `${…}` in values, as Flume 1.10.1 and later do, and deterministically.
//
//   ${env:NAME}  ${sys:property}  ${java:version}  ${date:yyyy-MM}   looked up; the prefix in any case
//   ${key}                 the value of another key of the files
//   ${name:-default}       the default where nothing is found
//   ${a${b}}               the inner one first
//   $${x}                  the text ${x}
//
// What cannot be resolved is left as typed, with a warning. With the EnvVarResolverProperties switch of
// Flume 1.8, ${NAME} is an environment variable.
import { suggest } from '../did-you-mean.ts'
import type { Setting } from './agent-config.ts'
import type { Problem } from './problem.ts'
import { mayBeSecret } from './properties.ts'

export interface LookupSources {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly systemProperties: ReadonlyMap<string, string>
  /** Milliseconds since 1970, for ${date:…}. */
  readonly now: number
  /** -DpropertiesImplementation=org.apache.flume.node.EnvVarResolverProperties */
  readonly environmentByName: boolean
}

const maxDepth = 20
const prefixes = ['env', 'sys', 'java', 'date']
/** The switch of Flume 1.8 by which ${NAME} is an environment variable. */
export const environmentMode = 'org.apache.flume.node.EnvVarResolverProperties'

/** The settings with their lookups done; those that others refer to are marked. */
export function resolveLookups(
  settings: readonly Setting[],
  sources: LookupSources,
): { settings: readonly Setting[]; problems: readonly Problem[] } {
  const problems: Problem[] = []
  if (!settings.some(({ value }) => value.includes('$'))) return { settings, problems }
  const referred = new Set<string>()
  const byKey = new Map(settings.map(setting => [setting.key, setting]))

  function find(name: string, trail: readonly string[]): { value: string; secret: boolean } | undefined {
    const [, prefix, argument] = /^([A-Za-z]+):(.*)$/s.exec(name) ?? []
    switch (prefix?.toLowerCase()) {
      case 'env': {
        const value = variable(argument!)
        return value === undefined ? undefined : { value, secret: true }
      }
      case 'sys': {
        const value = sources.systemProperties.get(argument!)
        return value === undefined ? undefined : { value, secret: true }
      }
      case 'java':
        return argument === 'version' ? { value: 'Millrace', secret: false } : undefined
      case 'date':
        return { value: formatDate(argument!, sources.now), secret: false }
      default:
    }
    const other = byKey.get(name)
    if (other !== undefined) referred.add(name)
    if (other !== undefined && !trail.includes(name)) {
      const { text, secret } = resolve(other.value, [...trail, name], other)
      return { value: text, secret: secret || mayBeSecret(name) }
    }
    const value = sources.environmentByName ? variable(name) : undefined
    return value === undefined ? undefined : { value, secret: true }
  }

  function variable(name: string): string | undefined {
    return Object.hasOwn(sources.environment, name) ? sources.environment[name] : undefined
  }

  /** Replaces every `${…}` of `text`; `trail` are the keys whose values are being resolved. */
  function resolve(
    text: string,
    trail: readonly string[],
    setting: Setting,
    depth = 0,
  ): { text: string; secret: boolean } {
    let out = ''
    let secret = false
    let at = 0
    while (at < text.length) {
      if (text.startsWith('$${', at)) {
        const end = closing(text, at + 3)
        out += end < 0 ? text.slice(at) : text.slice(at + 1, end + 1)
        at = end < 0 ? text.length : end + 1
      } else if (text.startsWith('${', at)) {
        const end = closing(text, at + 2)
        if (end < 0) {
          out += text.slice(at)
          break
        }
        const inner =
          trail.length + depth > maxDepth
            ? { text: text.slice(at + 2, end), secret: false }
            : resolve(text.slice(at + 2, end), trail, setting, depth + 1)
        const split = inner.text.indexOf(':-')
        const name = split < 0 ? inner.text : inner.text.slice(0, split)
        const found = isFilterReference(name) ? undefined : find(name, trail)
        if (found !== undefined) {
          out += found.value
          secret ||= found.secret || inner.secret
        } else if (split >= 0) out += inner.text.slice(split + 2)
        else {
          out += `\${${inner.text}}`
          if (!isFilterReference(name)) complain(setting, name, trail)
        }
        at = end + 1
      } else out += text[at++]!
    }
    return { text: out, secret }
  }

  function complain({ key, place }: Setting, name: string, trail: readonly string[]): void {
    const circle = trail.includes(name)
    const warn = (problem: string, fix: string) =>
      problems.push({ severity: 'warning', place, problem: `${key}: ${problem}`, fix })
    if (circle) warn(`\${${name}} refers back to itself`, 'break the circle')
    else warn(`\${${name}} is not known and stays as typed`, remedyOf(name))
  }

  function remedyOf(name: string): string {
    if (variable(name) !== undefined)
      return `write \${env:${name}} for the environment variable, or start with -DpropertiesImplementation=${environmentMode}`
    const [, prefix, argument] = /^([A-Za-z0-9]+):(.*)$/s.exec(name) ?? []
    const word = prefix?.toLowerCase()
    if (word !== undefined && !prefixes.includes(word)) {
      const near = suggest(word, prefixes)
      return near === undefined
        ? `write one of ${prefixes.map(one => `\${${one}:…}`).join(', ')}; no other prefix is looked up`
        : `did you mean \${${near}:${argument}}?`
    }
    if (word === 'env') {
      const same = Object.keys(sources.environment).find(one => one.toLowerCase() === argument!.toLowerCase())
      if (same !== undefined) return `did you mean \${env:${same}}?`
    }
    const what =
      word === 'env'
        ? `set the environment variable ${argument} where the agent starts`
        : word === 'sys'
          ? `start with -D${argument}=…`
          : `write a line ${name} = … or \${env:…} for an environment variable`
    return `${what}, give a default with \${${name}:-…}, or write $\${${name}} for the text itself`
  }

  /** $NAME as in a shell, which Flume leaves as it is. */
  function complainOfShell({ key, place, value }: Setting): void {
    if (mayBeSecret(key)) return
    for (const [whole, name] of value.matchAll(/\$([A-Za-z_]\w*)/g))
      if (variable(name!) !== undefined)
        problems.push({
          severity: 'warning',
          place,
          problem: `${key}: ${whole} stays as typed: without braces nothing is looked up`,
          fix: `write \${env:${name}} for the environment variable`,
        })
  }

  const resolved = settings.map(setting => {
    if (!setting.value.includes('$')) return setting
    complainOfShell(setting)
    const { text, secret } = resolve(setting.value, [setting.key], setting)
    return { ...setting, value: text, ...(secret ? { looked: true } : {}) }
  })
  const marked = resolved.map(one => (referred.has(one.key) ? { ...one, referred: true } : one))
  return { settings: marked, problems }
}

/** `name['key']` belongs to a config filter, which comes later. */
function isFilterReference(name: string): boolean {
  return /^[^[\]]+\[.*\]$/.test(name)
}

/** The index of the brace that closes the one opened before `from`; -1 where there is none. */
function closing(text: string, from: number): number {
  let depth = 1
  for (let at = from; at < text.length; at++) {
    if (text.startsWith('${', at)) {
      depth++
      at++
    } else if (text[at] === '}' && --depth === 0) return at
  }
  return -1
}

/** The letters of Java's SimpleDateFormat that files use: y M d H m s S, others as they stand; local time. */
function formatDate(pattern: string, now: number): string {
  const date = new Date(now)
  const parts: Record<string, number> = {
    y: date.getFullYear(),
    M: date.getMonth() + 1,
    d: date.getDate(),
    H: date.getHours(),
    m: date.getMinutes(),
    s: date.getSeconds(),
    S: date.getMilliseconds(),
  }
  return pattern.replace(/([yMdHmsS])\1*/g, (run, letter: string) => {
    const value = String(parts[letter])
    return letter === 'y' && run.length === 2 ? value.slice(-2) : value.padStart(run.length, '0')
  })
}
