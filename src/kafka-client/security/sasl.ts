// SASL on a connection to a broker: the mechanism is named (SaslHandshake), then tokens go back and forth,
// in SaslAuthenticate requests, or bare with a size in front where the broker is older than 1.0.
import { Fault } from '../../errors.ts'
import type { ClientApi } from '../../wire/kafka/api.ts'
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import { saslAuthenticate } from '../../wire/kafka/messages/sasl-authenticate.ts'
import { saslHandshake } from '../../wire/kafka/messages/sasl-handshake.ts'
import { SaslError, type Conversation } from './sasl-conversation.ts'

/** What an authentication needs of a connection. */
export interface SaslChannel {
  readonly where: string
  versionOf(api: { key: number; minVersion: number; maxVersion: number }): number
  /** Sent at once, in front of all that is held back meanwhile. */
  exchange<Q, S>(api: ClientApi<Q, S>, body: Q): Promise<S>
  /** The bare form: int32 size and bytes, both ways. */
  exchangeBare(bytes: Buffer, what: string): Promise<Buffer>
}

export interface Identity {
  readonly mechanism: string
  /** For messages: `user "alice"`, or what else is known. */
  readonly who: string
  /** A new conversation for every authentication. */
  converse(): Promise<Conversation>
  /** Takes secrets out of what a broker says. */
  hide(text: string): string
  /** The broker did not accept it. */
  refused?(): void
}

/** No mechanism takes more. */
const mostRounds = 10

/**
 * Resolves with the milliseconds for which the broker takes requests from now on; 0: no limit. Rejects
 * with AUTHENTICATION, or as the connection does.
 */
export async function authenticate(channel: SaslChannel, identity: Identity): Promise<number> {
  const { where } = channel
  const conversation = await identity.converse()
  const version = channel.versionOf(saslHandshake)
  if (version === -1) throw new Fault('AUTHENTICATION', `${where} does not speak SASL`)
  const { errorCode, mechanisms } = await channel.exchange(saslHandshake, { mechanism: identity.mechanism })
  if (errorCode === errorCodes.UNSUPPORTED_SASL_MECHANISM)
    throw new Fault(
      'AUTHENTICATION',
      `${where} does not offer the SASL mechanism ${identity.mechanism}, but ${mechanisms.join(', ') || 'none'}: correct sasl.mechanism, or sasl.enabled.mechanisms of the broker`,
    )
  if (errorCode === errorCodes.ILLEGAL_SASL_STATE)
    throw new Fault(
      'AUTHENTICATION',
      `${where} asks for no login on this port: write security.protocol PLAINTEXT or SSL, or use the port of a SASL listener`,
    )
  if (errorCode !== 0)
    throw new Fault('AUTHENTICATION', `${where} refuses the SASL handshake with error ${errorCode}`)
  const send = version === 0 ? sendBare(channel, identity) : sendFramed(channel, identity, conversation)
  let lifetimeMs = 0
  try {
    let token: Buffer | null = conversation.first
    for (let round = 0; token !== null; round++) {
      if (round === mostRounds) throw new SaslError('it goes on for ever')
      const answer: Answer = await send(token)
      lifetimeMs = answer.lifetimeMs
      token = await conversation.answer(answer.token)
    }
  } catch (error) {
    if (!(error instanceof SaslError)) throw error
    throw new Fault('AUTHENTICATION', `SASL ${identity.mechanism} with ${where} failed: ${error.message}`, {
      cause: error,
    })
  }
  return lifetimeMs
}

/**
 * Listeners that want a login close the connection at the first request that is none. They can be told by
 * their answer to the name of a mechanism that does not exist. Rejects with AUTHENTICATION where it is one.
 */
export async function askWhetherLoginIsWanted(channel: SaslChannel, protocol: string): Promise<void> {
  if (channel.versionOf(saslHandshake) === -1) return
  const { errorCode, mechanisms } = await channel.exchange(saslHandshake, { mechanism: 'NONE' })
  if (errorCode !== errorCodes.UNSUPPORTED_SASL_MECHANISM) return
  const needed = protocol === 'SSL' ? 'SASL_SSL' : 'SASL_PLAINTEXT'
  throw new Fault(
    'AUTHENTICATION',
    `${channel.where} wants a login (it offers ${mechanisms.join(', ')}), and security.protocol is ${protocol}: write ${needed}, sasl.mechanism and sasl.jaas.config`,
  )
}

interface Answer {
  readonly token: Buffer
  readonly lifetimeMs: number
}

function sendFramed(channel: SaslChannel, identity: Identity, conversation: Conversation) {
  return async (authBytes: Buffer): Promise<Answer> => {
    const answer = await channel.exchange(saslAuthenticate, { authBytes })
    if (answer.errorCode === 0) return { token: answer.authBytes, lifetimeMs: answer.sessionLifetimeMs }
    identity.refused?.()
    const said = identity.hide(answer.errorMessage ?? '').slice(0, 300)
    const { reason = '' } = conversation
    const more = reason === '' || said.includes(reason) ? '' : ` (${identity.hide(reason)})`
    throw new Fault(
      'AUTHENTICATION',
      `${channel.where} refuses ${identity.who} with SASL ${identity.mechanism}${said === '' ? '' : `: ${said}`}${more} (see sasl.jaas.config)`,
    )
  }
}

function sendBare(channel: SaslChannel, identity: Identity) {
  return async (bytes: Buffer): Promise<Answer> => {
    try {
      return { token: await channel.exchangeBare(bytes, `SASL ${identity.mechanism}`), lifetimeMs: 0 }
    } catch (error) {
      // Brokers before 1.0 say no by closing the connection.
      if (!(error instanceof Fault) || error.code !== 'PEER_CLOSED') throw error
      identity.refused?.()
      throw new Fault(
        'AUTHENTICATION',
        `${channel.where} refuses ${identity.who} with SASL ${identity.mechanism} by closing the connection (see sasl.jaas.config)`,
        { cause: error },
      )
    }
  }
}
