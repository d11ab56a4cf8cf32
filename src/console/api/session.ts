// Who asks, and what they may do: what the browser program shows its controls by. The server refuses by itself.
import { Type, type Static } from 'typebox'
import { nullable, number, text } from './schemas.ts'

/** Each may do what those before it may. */
export const Role = Type.Union([Type.Literal('viewer'), Type.Literal('operator'), Type.Literal('admin')])
export type Role = Static<typeof Role>

/** A role, for topics that fit the pattern (* stands for any text), or for everything where it is null. */
export const Grant = Type.Object({ role: Role, topics: nullable(text) })
export type Grant = Static<typeof Grant>

export const Session = Type.Object({
  user: text,
  grants: Type.Array(Grant),
  /** Nothing can be changed, whoever asks. */
  isReadOnly: Type.Boolean(),
  /** Requests that change something carry it in the header X-Millrace-Token; null: anything will do. */
  token: nullable(text),
  /** Whether one can log out. */
  hasLogin: Type.Boolean(),
})
export type Session = Static<typeof Session>

const limited = (maxLength: number) => Type.String({ maxLength })

export const Login = Type.Object({ user: limited(256), password: limited(1024) })

export const Done = Type.Object({})

/** One thing that was changed, or refused. */
export const AuditEntry = Type.Object({
  at: number,
  user: text,
  /** Address that the request came from. */
  from: text,
  action: text,
  /** What the address of the request names. */
  target: Type.Record(text, text),
  /** Of the body, without secrets and without what messages hold. */
  details: Type.Record(text, Type.Unknown()),
  result: Type.Union([Type.Literal('done'), Type.Literal('refused'), Type.Literal('failed')]),
  why: text,
})
export type AuditEntry = Static<typeof AuditEntry>

export const AuditLog = Type.Object({ entries: Type.Array(AuditEntry) })
export type AuditLog = Static<typeof AuditLog>
