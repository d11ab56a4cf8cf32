// Routes of the session itself.
import { Type } from 'typebox'
import { cookieFor } from '../access/login.ts'
import * as api from '../api.ts'
import { change, look, Refused, type Route, type RouteParts } from '../route.ts'

export const sessionRoutes = ({ isReadOnly, login, audit }: RouteParts): readonly Route[] => [
  look({
    method: 'GET',
    path: '/api/session',
    summary: 'Who asks, and what they may do.',
    role: 'viewer',
    answer: api.Session,
    handle: ({ session: { user, grants, token } }) => ({
      user,
      grants: [...grants],
      token,
      isReadOnly,
      hasLogin: login !== null,
    }),
  }),
  look({
    method: 'GET',
    path: '/api/audit',
    summary: 'What was changed, and what was refused, the newest first.',
    role: 'admin',
    answer: api.AuditLog,
    handle({ session }) {
      if (!session.may('admin', null))
        throw new Refused(
          403,
          `the audit log takes the role admin for all topics, which ${session.user} has not`,
        )
      return { entries: [...audit.entries] }
    },
  }),
  ...(login === null
    ? []
    : [
        change({
          method: 'POST',
          path: '/api/login',
          summary: 'Begins a session, with a cookie; X-Millrace-Token may have any value.',
          role: 'viewer',
          isOfSession: true,
          action: 'log in',
          audited: ['user'],
          body: api.Login,
          answer: api.Done,
          touches: () => [],
          async handle({ body: { user, password }, asking, answerWith }) {
            const id = await login.begin(user, password, asking.ip)
            // Whoever was logged in before is so no more: an id is never taken over.
            login.end(asking)
            answerWith('set-cookie', cookieFor(id, asking.via))
            return {}
          },
        }),
        change({
          method: 'POST',
          path: '/api/logout',
          summary: 'Ends the session.',
          role: 'viewer',
          isOfSession: true,
          action: 'log out',
          audited: [],
          body: Type.Object({}),
          answer: api.Done,
          touches: () => [],
          handle({ asking, answerWith }) {
            login.end(asking)
            answerWith('set-cookie', cookieFor(null, asking.via))
            return {}
          },
        }),
      ]),
]
