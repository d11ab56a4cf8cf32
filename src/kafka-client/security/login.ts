// The options of a login module -> who the client says it is. The class named in the text decides
// nothing: it is only compared with the mechanism, since the two together tell a slip.
import { refusalOfUrl } from '../../system/https-request.ts'
import type { JaasEntry } from '../../security/jaas.ts'
import type { Extensions } from './sasl-oauthbearer.ts'
import { Secret } from '../../security/secret.ts'
import type { Login, MechanismName } from './security-settings.ts'
import { readStores } from '../../security/store-properties.ts'

/** What is wrong, and with which property where it is not the login text itself. */
export class LoginError extends Error {
  override name = 'LoginError'
  readonly key: string
  readonly fix: string

  constructor(problem: string, fix: string, key = 'sasl.jaas.config') {
    super(problem)
    this.key = key
    this.fix = fix
  }
}

const prefix = 'org.apache.kafka.common.security'
export const moduleOf: Readonly<Record<MechanismName, string>> = {
  PLAIN: `${prefix}.plain.PlainLoginModule`,
  'SCRAM-SHA-256': `${prefix}.scram.ScramLoginModule`,
  'SCRAM-SHA-512': `${prefix}.scram.ScramLoginModule`,
  OAUTHBEARER: `${prefix}.oauthbearer.OAuthBearerLoginModule`,
}

/** `properties` are those of the client, for what OAUTHBEARER takes from there. Throws LoginError. */
export function readLogin(
  mechanism: MechanismName,
  { module, options }: JaasEntry,
  properties: Readonly<Record<string, string>>,
): Login {
  const expected = moduleOf[mechanism]
  // Packages may be renamed where jars are bundled; the class keeps its name.
  if (simple(module) !== simple(expected))
    throw new LoginError(
      `the login module is not the one of sasl.mechanism ${mechanism}`,
      `write ${expected} required …; or correct sasl.mechanism`,
    )
  if (mechanism === 'OAUTHBEARER') return readOAuth(options, properties)
  const username = require(options, 'username', mechanism)
  const password = new Secret(require(options, 'password', mechanism))
  if (mechanism === 'PLAIN') {
    if (`${username}${password.reveal()}`.includes('\0'))
      throw new LoginError('username and password cannot hold a zero character', 'correct them')
    return { mechanism, username, password }
  }
  return { mechanism, username, password, isToken: options.get('tokenauth') === 'true' }
}

const simple = (className: string) => className.slice(className.lastIndexOf('.') + 1)

function require(options: ReadonlyMap<string, string>, key: string, mechanism: MechanismName): string {
  const value = options.get(key)
  if (value !== undefined && value !== '') return value
  throw new LoginError(
    `the login text has no ${key}`,
    `write ${moduleOf[mechanism]} required username="…" password="…";`,
  )
}

const endpointKey = 'sasl.oauthbearer.token.endpoint.url'

function readOAuth(
  options: ReadonlyMap<string, string>,
  properties: Readonly<Record<string, string>>,
): Login {
  const stores = readStores(Object.fromEntries(options))
  const url = properties[endpointKey] ?? ''
  if (url === '') return { mechanism: 'OAUTHBEARER', source: readUnsecured(options), stores }
  const refusal = refusalOfUrl(url)
  if (refusal !== null)
    throw new LoginError(
      `the endpoint gives no token: ${refusal}`,
      'write https://host/path (http only to this machine)',
      endpointKey,
    )
  const clientId = properties['sasl.oauthbearer.client.credentials.client.id'] ?? options.get('clientId')
  const clientSecret =
    properties['sasl.oauthbearer.client.credentials.client.secret'] ?? options.get('clientSecret')
  if (clientId === undefined || clientSecret === undefined)
    throw new LoginError(
      `the login text has no ${clientId === undefined ? 'clientId' : 'clientSecret'}, which the token endpoint asks for`,
      `write ${moduleOf.OAUTHBEARER} required clientId="…" clientSecret="…";`,
    )
  const millis = (key: string, fallback: number) => {
    const value = Number(properties[key] ?? NaN)
    return Number.isSafeInteger(value) && value > 0 ? value : fallback
  }
  return {
    mechanism: 'OAUTHBEARER',
    stores,
    source: {
      kind: 'endpoint',
      url,
      clientId,
      clientSecret: new Secret(clientSecret),
      scope: properties['sasl.oauthbearer.scope'] ?? options.get('scope') ?? null,
      encodesHeader: /^true$/i.test(properties['sasl.oauthbearer.header.urlencode'] ?? ''),
      timeoutMs:
        millis('sasl.login.connect.timeout.ms', 10_000) + millis('sasl.login.read.timeout.ms', 10_000),
      extensions: readExtensions(options, 'extension_'),
    },
  }
}

function readUnsecured(options: ReadonlyMap<string, string>) {
  const claims: Record<string, string | number | readonly string[]> = {}
  for (const [key, value] of options) {
    const [, kind, name] = /^unsecuredLogin(String|Number|List)Claim_(.+)$/.exec(key) ?? []
    if (kind === 'String') claims[name!] = value
    else if (kind === 'Number') claims[name!] = readNumber(value)
    // The first character is the separator of the others.
    else if (kind === 'List') claims[name!] = value === '' ? [] : value.slice(1).split(value[0]!)
  }
  const principal = options.get('unsecuredLoginPrincipalClaimName') ?? 'sub'
  if (claims[principal] === undefined)
    throw new LoginError(
      `neither a token endpoint nor the claim ${principal === 'sub' ? 'sub' : 'of the principal'} of an unsecured token is given`,
      `write ${endpointKey} = https://…; for trials ${moduleOf.OAUTHBEARER} required unsecuredLoginStringClaim_sub="…";`,
    )
  const lifetimeSeconds = readNumber(options.get('unsecuredLoginLifetimeSeconds') ?? '3600')
  const extensions = readExtensions(options, 'unsecuredLoginExtension_')
  return { kind: 'unsecured' as const, claims, lifetimeMs: lifetimeSeconds * 1000, extensions }
}

function readNumber(value: string): number {
  const number = value.trim() === '' ? NaN : Number(value)
  if (Number.isFinite(number)) return number
  throw new LoginError('a number of the login text is none', 'write the number in quotes')
}

function readExtensions(options: ReadonlyMap<string, string>, start: string): Extensions {
  const found: Record<string, string> = {}
  for (const [key, value] of options) {
    if (!key.startsWith(start)) continue
    const name = key.slice(start.length)
    // As RFC 7628 has it; "auth" is the token itself.
    if (!/^[A-Za-z]+$/.test(name) || name === 'auth' || !/^[\x21-\x7e\s]+$/.test(value))
      throw new LoginError(
        'an extension of the login text is not possible',
        'extension names have letters only and are not "auth"; values are printable',
      )
    found[name] = value
  }
  return found
}
