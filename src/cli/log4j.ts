// log4j.properties and log4j2.xml in the configuration directory, which Flume logs by: they have no effect here, and
// what comes nearest to them is said.
import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Problem } from '../config/problem.ts'
import { parseProperties } from '../config/properties.ts'
import { isLoggingFile } from './java-options.ts'

/** In the order in which log4j 1 and 2 look for them. */
const names = [
  'log4j.properties',
  'log4j.xml',
  'log4j2.properties',
  'log4j2.yaml',
  'log4j2.json',
  'log4j2.xml',
]

export function log4jProblems(
  confDirectory: string | undefined,
  properties: ReadonlyMap<string, string>,
): Problem[] {
  const named = [...properties].find(([key]) => isLoggingFile(key))?.[1]
  const paths = [
    ...(named === undefined ? [] : [named.replace(/^file:(\/\/)?/, '')]),
    ...(confDirectory === undefined ? [] : names.map(name => join(confDirectory, name))),
  ]
  return paths.filter(existsSync).map(path => ({
    severity: 'warning',
    problem: `${path} has no effect: there is no log4j`,
    fix: properties.has('flume.root.logger')
      ? '-Dflume.root.logger is given and counts'
      : `for the same write ${equivalentOf(path)}; log files are rotated by logrotate and SIGHUP`,
  }))
}

/** The options that do what the file asks of the root logger. */
function equivalentOf(path: string): string {
  const { level, file } = rootLoggerOf(readFileSync(path, 'utf8'), path)
  const options = [`-Dflume.root.logger=${level},${file === null ? 'console' : 'LOGFILE'}`]
  if (file !== null) options.push(`-Dflume.log.dir=${dirname(file)}`, `-Dflume.log.file=${basename(file)}`)
  return options.join(' ')
}

/** What the text of a file, of the kind that its name says, asks of the root logger. */
export const rootLoggerOf = (text: string, path: string): Asked =>
  path.endsWith('.properties') ? ofProperties(text, path) : ofText(text)

interface Asked {
  readonly level: string
  /** null: the console. */
  readonly file: string | null
}

const levelOf = (text: string | undefined) => /^\s*([A-Za-z]+)/.exec(text ?? '')?.[1]?.toUpperCase() ?? 'INFO'

/** `${name}` by what the file itself says of it. */
const fill = (text: string, find: (name: string) => string | undefined): string =>
  text.replaceAll(/\$\{(?:sys:)?([^{}:]+)(?::[^{}]*)?\}/g, (whole, name: string) => find(name) ?? whole)

function ofProperties(text: string, path: string): Asked {
  const settings = new Map(parseProperties(text, path).settings.map(({ key, value }) => [key, value]))
  const find = (name: string) => settings.get(name)
  const at = (...keys: string[]) => {
    const value = keys.map(find).find(one => one !== undefined)
    return value === undefined ? undefined : fill(value, find)
  }
  const root = at('log4j.rootLogger', 'log4j.rootCategory', 'rootLogger', 'rootLogger.level')
  const [level, ...appenders] = (root ?? '').split(',').map(word => word.trim())
  const files = [
    ...appenders.map(name => at(`log4j.appender.${name}.File`, `log4j.appender.${name}.file`)),
    ...[...settings].flatMap(([key]) => (/^appender\.[^.]+\.fileName$/.test(key) ? [at(key)] : [])),
  ]
  return { level: levelOf(level), file: files.find(one => one !== undefined) ?? null }
}

/** XML, YAML and JSON alike, as far as a pattern sees. */
function ofText(text: string): Asked {
  const properties = new Map(
    [...text.matchAll(/<Property\s+name="([^"<]*)"\s*>([^<]*)</gi)].map(
      ([, name, value]) => [name!, value!.trim()] as const,
    ),
  )
  const find = (name: string) => properties.get(name)
  const level =
    /<Root\s[^>]{0,1000}level\s*=\s*"(\w+)"|<root>[^]{0,1000}?<level\s+value\s*=\s*"(\w+)"|\bRoot"?\s*:[^]{0,1000}?\blevel"?\s*:\s*"?(\w+)/i.exec(
      text,
    )
  const file = /\bfileName"?\s*[=:]\s*"?([^"\s,]+)|name="file"\s+value="([^"]+)"/i.exec(text)
  return {
    level: levelOf(level?.slice(1).find(Boolean)),
    file: file === null ? null : fill(file[1] ?? file[2]!, find),
  }
}
