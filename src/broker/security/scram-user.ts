// A user of SCRAM as it is given with the start, in the form of Kafka's kafka-storage.sh --add-scram:
//   SCRAM-SHA-512=[name=alice,password=secret]   also with iterations=8192 inside
import { Secret } from '../../security/secret.ts'
import { leastIterations, scramMechanisms, type ScramMechanism } from '../../wire/kafka/scram-keys.ts'

export interface ScramUser {
  readonly user: string
  readonly mechanism: ScramMechanism
  readonly password: Secret
  readonly iterations: number
}

const usualIterations = 4096
const mostIterations = 16_384

/** Null where the text is not of that form, which holds a password and is therefore not repeated. */
export function readScramUser(text: string): ScramUser | null {
  const match = /^(SCRAM-SHA-(?:256|512))=\[(.+)\]$/s.exec(text)
  const mechanism = scramMechanisms.find(({ name }) => name === match?.[1])?.name
  if (match === null || mechanism === undefined) return null
  const parts = new Map(
    match[2]!.split(',').map(part => {
      const at = part.indexOf('=')
      return [part.slice(0, at).trim(), part.slice(at + 1)] as const
    }),
  )
  const user = unquoted(parts.get('name') ?? '')
  const password = unquoted(parts.get('password') ?? '')
  const iterations = Number(parts.get('iterations') ?? usualIterations)
  const isSound =
    Number.isInteger(iterations) && iterations >= leastIterations && iterations <= mostIterations
  if (user === '' || password === '' || !isSound) return null
  return { user, mechanism, password: new Secret(password), iterations }
}

const unquoted = (text: string): string => /^"(.*)"$/s.exec(text)?.[1] ?? text
