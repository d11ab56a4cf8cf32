// Roles and the topics that they are given for.
import type { Grant, Role } from '../api/session.ts'

const ranks: Readonly<Record<Role, number>> = { viewer: 0, operator: 1, admin: 2 }

/** Whether a pattern in which * stands for any text fits the whole name; in time that grows with both lengths alone. */
export function fits(pattern: string, name: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  if (!name.startsWith(first)) return false
  const last = rest.pop()
  if (last === undefined) return name === first
  let at = first.length
  for (const part of rest) {
    const found = name.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return name.length - last.length >= at && name.endsWith(last)
}

/**
 * Whether the grants hold the role, or one above it, for the topic; for any topic at all where none is named; for
 * everything where it is null.
 */
export const mayDo = (grants: readonly Grant[], role: Role, topic?: string | null): boolean =>
  grants.some(
    one =>
      ranks[one.role] >= ranks[role] &&
      (topic === undefined || one.topics === null || (topic !== null && fits(one.topics, topic))),
  )
