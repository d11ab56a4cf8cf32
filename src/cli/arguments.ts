// Puts a flume-ng command line into the form a GNU-style parser reads: takes -D properties and JVM
// options out, and rewrites the long names that Flume also accepts behind a single dash (-name a1).
import { UsageError } from './usage-error.ts'

export interface JavaOptions {
  /** Java's system properties: of one that is given several times the last counts. */
  readonly properties: ReadonlyMap<string, string>
  /** Other options, which mean nothing here. */
  readonly jvm: readonly string[]
}

export interface Arguments extends JavaOptions {
  readonly command: string | undefined
  readonly rest: readonly string[]
}

const longNames = new Set([
  'name',
  'conf',
  'conf-file',
  'conf-uri',
  'conf-provider',
  'auth-provider',
  'conf-user',
  'conf-password',
  'poll-interval',
  'backup-directory',
  'no-reload-conf',
  'zkConnString',
  'zkBasePath',
  'help',
  'classpath',
  'dryrun',
  'plugins-path',
  'host',
  'port',
  'rpcProps',
  'filename',
  'dirname',
  'headerFile',
])
/** Short options of several letters. */
const shortNames = new Map([
  ['-prov', '--conf-provider'],
  ['-user', '--conf-user'],
  ['-pwd', '--conf-password'],
])

/** Takes -Dkey=value out of words as a JVM gets them; what else is one of its options goes to `jvm`. */
export function takeJavaOptions(
  words: readonly string[],
  into: { readonly properties: Map<string, string>; readonly jvm: string[] },
): void {
  for (const word of words) {
    if (!word.startsWith('-D')) into.jvm.push(word)
    else {
      const at = word.indexOf('=')
      into.properties.set(at < 0 ? word.slice(2) : word.slice(2, at), at < 0 ? '' : word.slice(at + 1))
    }
  }
}

/** Dashes that web pages and text programs make of `-` and `--`. */
const oddDash = /^[\u2010-\u2015\u2212]-?([A-Za-z][\w.-]*)/

/** Rejects with UsageError where an option begins with such a dash; a value may. */
export function refuseOddDashes(argv: readonly string[]): void {
  argv.forEach((word, index) => {
    const [, name = ''] = oddDash.exec(word) ?? []
    const isValue = argv[index - 1]?.startsWith('-') === true && !longNames.has(name)
    if (name === '' || isValue) return
    const code = word.charCodeAt(0).toString(16).toUpperCase()
    const dash = name.length === 1 || name.startsWith('D') ? '-' : '--'
    throw new UsageError(
      `${word} begins with the character U+${code}, a dash of a web page or a text program, and not with "-": write ${dash}${name}`,
    )
  })
}

export function readArguments(argv: readonly string[]): Arguments {
  const [command, ...given] = argv
  const properties = new Map<string, string>()
  const jvm: string[] = []
  const rest: string[] = []
  for (let index = 0; index < given.length; index++) {
    const word = given[index]!
    if (word === '-D') takeJavaOptions([`-D${given[++index] ?? ''}`], { properties, jvm })
    else if (/^-(D|X|agentlib|agentpath|javaagent)/.test(word)) takeJavaOptions([word], { properties, jvm })
    else {
      const [name, ...value] = word.split('=') as [string, ...string[]]
      const long =
        shortNames.get(name) ?? (/^-[^-]{2}/.test(name) && longNames.has(name.slice(1)) ? `-${name}` : name)
      rest.push([long, ...value].join('='))
    }
  }
  return { command, rest, properties, jvm }
}
