// The name of a component, which opens it beside the flow, and since when it stands so.
import type { FlowNode } from '../../../src/console/api.ts'
import { duration } from '../format.ts'
import { parameter } from '../router.ts'

export function NodeName({ node }: { node: FlowNode }) {
  if (node.agent === null) return <span class="nm">{node.name}</span>
  return (
    <a class="nm" href={nodeHref(node.id)} data-node={node.id} title={node.name}>
      {node.name}
    </a>
  )
}

/** Opens the component beside the flow. */
export function nodeHref(id: string): string {
  const query = new URLSearchParams({ node: id })
  for (const name of ['show', 'since']) {
    const value = parameter(name)
    if (value !== null) query.set(name, value)
  }
  return `/?${query}`
}

/** How long something has lasted; seconds are whole, so that they do not flicker. */
export const lasting = (since: number, now: number): string =>
  duration(Math.max(0, Math.floor((now - since) / 1000)), 0)
