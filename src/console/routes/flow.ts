// Routes of the flow through agents.
import * as api from '../api.ts'
import { eventOf, look, stream, there, type Route, type RouteParts } from '../route.ts'

export const flowRoutes = ({ agents }: RouteParts): readonly Route[] => [
  look({
    method: 'GET',
    path: '/api/flow',
    summary: 'The flow across all agents, as it is now.',
    role: 'viewer',
    answer: api.Flow,
    handle: () => agents.flow,
  }),
  look({
    method: 'GET',
    path: '/api/flow/nodes/:node',
    summary: 'One component: options, counters, and the last hour.',
    role: 'viewer',
    answer: api.NodeDetail,
    handle: ({ params: { node } }) => there(agents.detail(node), `component ${node}`),
  }),
  stream({
    method: 'GET',
    path: '/api/flow/stream',
    summary: 'The flow, whenever it was looked at.',
    role: 'viewer',
    type: 'text/event-stream',
    async run({ gone }, outlet) {
      const send = (flow: api.Flow): void => {
        // A browser that sleeps gets the next one it can take: each is whole.
        if (outlet.isReady) outlet.send(eventOf('flow', flow))
      }
      send(agents.flow)
      const forget = agents.watch(send)
      await new Promise<void>(resolve => gone.addEventListener('abort', () => resolve(), { once: true }))
      forget()
    },
  }),
]
