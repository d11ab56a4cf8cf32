// Routes of the session itself.
import * as api from '../api.ts'
import { look, type Route, type RouteParts } from '../route.ts'

export const sessionRoutes = ({ isReadOnly }: RouteParts): readonly Route[] => [
  look({
    method: 'GET',
    path: '/api/session',
    summary: 'Who asks, and what they may do.',
    role: 'viewer',
    answer: api.Session,
    handle: ({ session: { user, grants, token } }) => ({ user, grants: [...grants], token, isReadOnly }),
  }),
]
