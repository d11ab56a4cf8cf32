// The API's description of itself, made of the table of routes (OpenAPI 3.1).
import * as api from './api.ts'
import { isChange, isStream, namesIn, type Route } from './route.ts'

function operationOf(route: Route) {
  const { path, summary, query = {}, role } = route
  const content = isStream(route) ? { [route.type]: {} } : { 'application/json': { schema: route.answer } }
  return {
    summary,
    description: `Takes the role ${role}.`,
    parameters: [
      ...namesIn(path).map(name => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
      ...Object.entries(query).map(([name, description]) => ({
        name,
        in: 'query',
        description,
        schema: { type: 'string' },
      })),
    ],
    ...(isChange(route)
      ? { requestBody: { required: true, content: { 'application/json': { schema: route.body } } } }
      : {}),
    responses: {
      200: { description: summary, content },
      default: { description: 'why not', content: { 'application/json': { schema: api.Refusal } } },
    },
  }
}

export function openApiOf(routes: readonly Route[]) {
  const paths: Record<string, Record<string, ReturnType<typeof operationOf>>> = {}
  for (const route of routes) {
    const path = (paths[route.path.replaceAll(/:(\w+)/g, '{$1}')] ??= {})
    path[route.method.toLowerCase()] = operationOf(route)
  }
  return { openapi: '3.1.0', info: { title: 'Millrace console', version: '1' }, paths }
}
