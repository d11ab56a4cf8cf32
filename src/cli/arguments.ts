// Puts a flume-ng command line into the form a GNU-style parser reads: takes -D properties and JVM
// options out, and rewrites the long names that Flume also accepts behind a single dash (-name a1).

export interface Arguments {
  readonly command: string | undefined
  readonly rest: readonly string[]
  /** -Dkey=value, in order; later ones win. */
  readonly properties: ReadonlyMap<string, string>
  /** JVM options, which mean nothing here. */
  readonly jvm: readonly string[]
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

export function readArguments(argv: readonly string[]): Arguments {
  const [command, ...given] = argv
  const properties = new Map<string, string>()
  const jvm: string[] = []
  const rest: string[] = []
  for (let index = 0; index < given.length; index++) {
    const word = given[index]!
    if (word.startsWith('-D')) {
      const pair = word === '-D' ? (given[++index] ?? '') : word.slice(2)
      const at = pair.indexOf('=')
      properties.set(at < 0 ? pair : pair.slice(0, at), at < 0 ? '' : pair.slice(at + 1))
    } else if (/^-(X|agentlib|agentpath|javaagent)/.test(word)) jvm.push(word)
    else {
      const [name, ...value] = word.split('=') as [string, ...string[]]
      const long =
        shortNames.get(name) ?? (/^-[^-]{2}/.test(name) && longNames.has(name.slice(1)) ? `-${name}` : name)
      rest.push([long, ...value].join('='))
    }
  }
  return { command, rest, properties, jvm }
}
