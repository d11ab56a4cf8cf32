// The one table of the API: what is served, validated, described and tested is made of it.
import type { Route, RouteParts } from './route.ts'
import { brokerRoutes } from './routes/brokers.ts'
import { clusterRoutes } from './routes/clusters.ts'
import { flowRoutes } from './routes/flow.ts'
import { groupChangeRoutes } from './routes/group-changes.ts'
import { groupRoutes } from './routes/groups.ts'
import { messageRoutes } from './routes/messages.ts'
import { placementRoutes } from './routes/placement.ts'
import { sessionRoutes } from './routes/session.ts'
import { settingRoutes } from './routes/settings.ts'
import { topicChangeRoutes } from './routes/topic-changes.ts'
import { topicRoutes } from './routes/topics.ts'

export const routesOf = (parts: RouteParts): readonly Route[] =>
  [
    sessionRoutes,
    flowRoutes,
    clusterRoutes,
    brokerRoutes,
    topicRoutes,
    topicChangeRoutes,
    settingRoutes,
    placementRoutes,
    messageRoutes,
    groupRoutes,
    groupChangeRoutes,
  ].flatMap(of => of(parts))
