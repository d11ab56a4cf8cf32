// A Kafka 4.1 broker with a listener for every way to be secured, and the certificates and stores for it,
// made with openssl and keytool when the test starts.
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startBrokerProcess } from '../../broker/broker-process.ts'
import { freePort, startKafka010, startKafka41, type Kafka, type ZooKeeper } from './peers.ts'

const run = promisify(execFile)

/** Of every store, whatever its kind. */
export const storePassword = 'store-canary-7141'
/** Of the key in client-other-key.jks alone. */
export const keyPassword = 'key-canary-2236'

export interface Users {
  /** Password by name. */
  readonly plain: Readonly<Record<string, string>>
  readonly scram: Readonly<Record<string, string>>
}

export interface Certificates {
  /** The path of a file of the set. */
  readonly at: (name: string) => string
  readonly text: (name: string) => string
}

/**
 * An authority (authority.pem, and as trust.jks, trust.p12), a broker's certificate for localhost, one
 * that has expired and one for another host, and client certificates: client.pem/.p12/.jks, stranger.pem
 * (signed by nobody the broker knows), expired.pem.
 */
export async function makeCertificates(directory: string): Promise<Certificates> {
  mkdirSync(directory, { recursive: true })
  const at = (name: string) => join(directory, name)
  const openssl = (...words: string[]) => run('openssl', words, { cwd: directory })
  const keytool = (...words: string[]) =>
    run('keytool', [...words, '-storepass', storePassword, '-noprompt'], { cwd: directory })
  const authority = async (name: string) => {
    await openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${name}.sec1`)
    await openssl(
      'req',
      '-x509',
      '-new',
      '-key',
      `${name}.sec1`,
      '-subj',
      `/CN=${name}`,
      '-days',
      '30',
      '-out',
      `${name}.pem`,
    )
  }
  const sign = async (
    name: string,
    names: string,
    signer = 'authority',
    times: [string, string] = ['', ''],
  ) => {
    await openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${name}.sec1`)
    await openssl('pkcs8', '-topk8', '-nocrypt', '-in', `${name}.sec1`, '-out', `${name}.key`)
    await openssl('req', '-new', '-key', `${name}.key`, '-subj', `/CN=${name}`, '-out', `${name}.csr`)
    writeFileSync(at(`${name}.ext`), `subjectAltName=${names}\n`)
    // "ca", since only it can sign for a time that is over.
    writeFileSync(at(`${name}.index`), '')
    writeFileSync(at(`${name}.serial`), `${Math.floor(Math.random() * 1e9)}`.padStart(10, '1'))
    writeFileSync(
      at(`${name}.cnf`),
      `[ca]\ndefault_ca=d\n[d]\ndatabase=${name}.index\nserial=${name}.serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n`,
    )
    const [start, end] = times
    await openssl(
      'ca',
      '-batch',
      '-config',
      `${name}.cnf`,
      '-cert',
      `${signer}.pem`,
      '-keyfile',
      `${signer}.sec1`,
      '-in',
      `${name}.csr`,
      '-out',
      `${name}.crt`,
      '-notext',
      '-extfile',
      `${name}.ext`,
      ...(end === '' ? ['-days', '30'] : ['-startdate', start, '-enddate', end]),
    )
    writeFileSync(
      at(`${name}.pem`),
      readFileSync(at(`${name}.key`), 'utf8') +
        readFileSync(at(`${name}.crt`), 'utf8') +
        readFileSync(at(`${signer}.pem`), 'utf8'),
    )
  }
  await Promise.all([authority('authority'), authority('strangers')])
  const local = 'DNS:localhost,IP:127.0.0.1'
  const past: [string, string] = ['20200101000000Z', '20200201000000Z']
  await Promise.all([
    sign('broker', local),
    sign('outdated', local, 'authority', past),
    sign('elsewhere', 'DNS:elsewhere.example'),
    sign('client', 'DNS:client'),
    sign('expired', 'DNS:client', 'authority', past),
    sign('stranger', 'DNS:client', 'strangers'),
  ])
  const trust = (store: string, type: string) =>
    keytool(
      '-importcert',
      '-alias',
      'authority',
      '-file',
      'authority.pem',
      '-keystore',
      store,
      '-storetype',
      type,
    )
  await openssl(
    'pkcs12',
    '-export',
    '-in',
    'client.pem',
    '-name',
    'client',
    '-out',
    'client.p12',
    '-passout',
    `pass:${storePassword}`,
  )
  await openssl(
    'pkcs8',
    '-topk8',
    '-in',
    'client.key',
    '-out',
    'client-locked.key',
    '-passout',
    `pass:${keyPassword}`,
    '-v2',
    'aes256',
  )
  await Promise.all([
    trust('trust.jks', 'JKS'),
    trust('trust.p12', 'PKCS12'),
    keytool(
      '-importkeystore',
      '-srckeystore',
      'client.p12',
      '-srcstorepass',
      storePassword,
      '-destkeystore',
      'client.jks',
      '-deststoretype',
      'JKS',
      '-destkeypass',
      keyPassword,
      '-srcalias',
      'client',
    ),
  ])
  return { at, text: name => readFileSync(at(name), 'utf8') }
}

const listeners = [
  'PLAIN',
  'TLS',
  'MUTUAL',
  'OUTDATED',
  'ELSEWHERE',
  'LOGIN',
  'BOTH',
  'SCRAMONLY',
  'SHORT',
] as const
export type ListenerName = (typeof listeners)[number]

export interface SecuredKafka extends Kafka {
  readonly address: (listener: ListenerName) => string
}

const module = (name: string) => `org.apache.kafka.common.security.${name} required`

const kinds: Record<ListenerName, string> = {
  PLAIN: 'PLAINTEXT',
  TLS: 'SSL',
  MUTUAL: 'SSL',
  OUTDATED: 'SSL',
  ELSEWHERE: 'SSL',
  LOGIN: 'SASL_PLAINTEXT',
  BOTH: 'SASL_SSL',
  SCRAMONLY: 'SASL_PLAINTEXT',
  SHORT: 'SASL_SSL',
}

/** A server.properties for all the listeners. Logins last 2 s on the listener SHORT. */
async function securedProperties(
  certificates: Certificates,
  users: Users,
  given: { mechanisms: readonly string[]; others: readonly (readonly [name: string, address: string])[] },
): Promise<{ ports: ReadonlyMap<string, number>; properties: Record<string, string | number> }> {
  const ports = new Map<string, number>()
  for (const name of listeners) ports.set(name, await freePort())
  const addresses = listeners.map(name => `${name}://localhost:${ports.get(name)}`)
  const plainUsers = Object.entries(users.plain).map(([name, password]) => `user_${name}="${password}"`)
  const properties: Record<string, string | number> = {
    listeners: [...addresses, ...given.others.map(([name, address]) => `${name}://${address}`)].join(','),
    'advertised.listeners': addresses.join(','),
    'listener.security.protocol.map': [
      ...listeners.map(name => `${name}:${kinds[name]}`),
      ...given.others.map(([name]) => `${name}:PLAINTEXT`),
    ].join(','),
    'inter.broker.listener.name': 'PLAIN',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': certificates.at('broker.pem'),
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': certificates.at('authority.pem'),
    'listener.name.mutual.ssl.client.auth': 'required',
    'listener.name.outdated.ssl.keystore.location': certificates.at('outdated.pem'),
    'listener.name.elsewhere.ssl.keystore.location': certificates.at('elsewhere.pem'),
    'sasl.enabled.mechanisms': given.mechanisms.join(','),
    'listener.name.scramonly.sasl.enabled.mechanisms': 'SCRAM-SHA-256,SCRAM-SHA-512',
  }
  for (const listener of ['login', 'both', 'short', 'scramonly']) {
    const at = `listener.name.${listener}`
    properties[`${at}.plain.sasl.jaas.config`] =
      `${module('plain.PlainLoginModule')} ${plainUsers.join(' ')};`
    for (const size of ['256', '512'])
      properties[`${at}.scram-sha-${size}.sasl.jaas.config`] = `${module('scram.ScramLoginModule')};`
    if (given.mechanisms.includes('OAUTHBEARER'))
      properties[`${at}.oauthbearer.sasl.jaas.config`] =
        `${module('oauthbearer.OAuthBearerLoginModule')} unsecuredLoginStringClaim_sub="broker";`
  }
  for (const mechanism of given.mechanisms)
    properties[`listener.name.short.${mechanism.toLowerCase()}.connections.max.reauth.ms`] = 2000
  return { ports, properties }
}

const scramUsers = (users: Users) =>
  Object.entries(users.scram).flatMap(([name, password]) =>
    ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap(mechanism => [
      '--add-scram',
      `${mechanism}=[name=${name},password=${password}]`,
    ]),
  )

export async function startSecuredKafka41(
  directory: string,
  certificates: Certificates,
  users: Users,
): Promise<SecuredKafka> {
  const controllerPort = await freePort()
  const { ports, properties } = await securedProperties(certificates, users, {
    mechanisms: ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'],
    others: [['CONTROLLER', `127.0.0.1:${controllerPort}`]],
  })
  properties['controller.quorum.voters'] = `1@127.0.0.1:${controllerPort}`
  const kafka = await startKafka41(directory, {
    host: 'localhost',
    port: ports.get('PLAIN')!,
    properties,
    format: scramUsers(users),
  })
  return Object.assign(kafka, { address: (listener: ListenerName) => `localhost:${ports.get(listener)}` })
}

export interface SecuredBroker extends AsyncDisposable {
  readonly address: (listener: ListenerName) => string
  /** What it has logged. */
  readonly lines: readonly string[]
}

/** The embedded broker with the same listeners, but for OAUTHBEARER. */
export async function startSecuredEmbedded(
  directory: string,
  certificates: Certificates,
  users: Users,
): Promise<SecuredBroker> {
  const { ports, properties } = await securedProperties(certificates, users, {
    mechanisms: ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'],
    others: [],
  })
  mkdirSync(directory, { recursive: true })
  const file = join(directory, 'server.properties')
  properties['log.dirs'] = join(directory, 'logs')
  writeFileSync(
    file,
    Object.entries(properties)
      .map(([key, value]) => `${key}=${value}`)
      .join('\n'),
  )
  const broker = await startBrokerProcess(file, {}, { free: false, more: scramUsers(users) })
  return {
    address: listener => `localhost:${ports.get(listener)}`,
    lines: broker.lines,
    async [Symbol.asyncDispose]() {
      await broker.end('SIGTERM')
    },
  }
}

/** Kafka 0.10.2.1 with one listener that asks for a login by PLAIN, the brokers' own included. */
export async function startSecuredKafka010(
  directory: string,
  zookeeper: ZooKeeper,
  users: Users,
): Promise<Kafka> {
  const port = await freePort()
  mkdirSync(directory, { recursive: true })
  const jaas = join(directory, 'broker-jaas.conf')
  const plainUsers = Object.entries(users.plain).map(([name, password]) => `user_${name}="${password}"`)
  writeFileSync(
    jaas,
    `KafkaServer {\n ${module('plain.PlainLoginModule')} username="inside" password="inside" user_inside="inside" ${plainUsers.join(' ')};\n};\n`,
  )
  return startKafka010(directory, zookeeper, {
    port,
    javaOptions: [`-Djava.security.auth.login.config=${jaas}`, '-Dzookeeper.sasl.client=false'],
    properties: {
      listeners: `SASL_PLAINTEXT://127.0.0.1:${port}`,
      'security.inter.broker.protocol': 'SASL_PLAINTEXT',
      'sasl.mechanism.inter.broker.protocol': 'PLAIN',
      'sasl.enabled.mechanisms': 'PLAIN',
    },
  })
}
