// The users file: who may log in, and what they may do. A properties file, one user a line:
//
//   anna = scrypt$32768$8$3$...$... admin
//   ops  = scrypt$32768$8$3$...$... viewer operator:orders-*,billing-*
//   bot  = - viewer                       no password: only by the header of a proxy that has logged it in
//
// A role alone is for everything; behind a colon stand the topics that it is for. Whatever is odd in it is an error.
import type { Problem } from '../../config/problem.ts'
import { decodeText, parseProperties } from '../../config/properties.ts'
import type { Setting } from '../../config/agent-config.ts'
import type { Grant } from '../api/session.ts'
import { hashPassword, parseHash, type PasswordHash } from './passwords.ts'

export interface User {
  readonly name: string
  /** Null: cannot log in with one. */
  readonly password: PasswordHash | null
  readonly grants: readonly Grant[]
}

export type Users = ReadonlyMap<string, User>

const hashFix = 'write what millrace console --hash-password prints, or - for a user without a password'

/** One administrator; of the password the hash alone is kept. */
export async function singleUser(name: string, password: string): Promise<Users> {
  const hash = parseHash(await hashPassword(password))
  return new Map([[name, { name, password: hash, grants: [{ role: 'admin', topics: null }] }]])
}

/** `problems` are all errors. No problem repeats what may be a part of a password. */
export function parseUsers(bytes: Uint8Array, file: string): { users: Users; problems: readonly Problem[] } {
  const problems: Problem[] = []
  const text = decodeText(bytes, file, problems)
  const parsed = parseProperties(text ?? '', file)
  problems.push(...parsed.problems)
  const users = new Map<string, User>()
  for (const setting of parsed.settings) {
    const user = userOf(setting, (problem, fix) =>
      problems.push({ severity: 'error', place: setting.place, problem, fix }),
    )
    if (user !== null) users.set(user.name, user)
  }
  if (problems.length === 0 && users.size === 0)
    problems.push({
      severity: 'error',
      place: { file, line: 1 },
      problem: 'there is no user in the file, so that nobody could log in',
      fix: 'write a line: NAME = HASH ROLE, the hash from millrace console --hash-password',
    })
  return { users, problems: problems.map(one => ({ ...one, severity: 'error' })) }
}

/** HTTP Basic ends a name at its colon. */
export const isUserName = (name: string): boolean =>
  name !== '' && name.length <= 256 && !/[\p{Cc}:,]/u.test(name)

function userOf(
  { key: name, value }: Setting,
  complain: (problem: string, fix: string) => void,
): User | null {
  const [hash = '', ...words] = value.split(/\s+/).filter(Boolean)
  const password = hash === '-' ? null : parseHash(hash)
  if (!isUserName(name)) {
    complain(
      'the name of the user is empty, too long, or holds a colon, a comma or a control character',
      'choose another name',
    )
    return null
  }
  if (hash === '' || (hash !== '-' && password === null)) {
    complain(`user ${name}: a hash of the password is not where it belongs, behind the name`, hashFix)
    return null
  }
  if (words.length === 0) {
    complain(`user ${name} has no role`, 'write viewer, operator or admin behind the hash')
    return null
  }
  const grants: Grant[] = []
  for (const word of words) {
    const [, role, topics] = /^(viewer|operator|admin)(?::(\S+))?$/.exec(word) ?? []
    if (role === undefined) {
      complain(
        `user ${name}: a word behind the hash is no role`,
        'write viewer, operator or admin, with topics as in operator:orders-*,billing',
      )
      return null
    }
    const patterns = topics?.split(',') ?? [null]
    if (patterns.some(one => one !== null && !/^[\w.*-]{1,249}$/.test(one))) {
      complain(
        `user ${name}: what stands behind ${role}: can be no topic`,
        'write names of topics, in which * stands for any text, separated by commas without blanks',
      )
      return null
    }
    for (const one of patterns) grants.push({ role: role as Grant['role'], topics: one })
  }
  return { name, password, grants }
}
