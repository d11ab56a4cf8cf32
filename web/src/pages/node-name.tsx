// The name of a component, which opens it beside the flow, and whether rates or totals are shown.
import type { FlowNode } from '../../../src/console/api.ts'
import { parameter } from '../router.ts'

export const shown = (): 'rate' | 'total' => (parameter('show') === 'total' ? 'total' : 'rate')

export function NodeName({ node }: { node: FlowNode }) {
  if (node.agent === null) return <span class="nm">{node.name}</span>
  const query = new URLSearchParams({ node: node.id })
  if (shown() === 'total') query.set('show', 'total')
  return (
    <a class="nm" href={`/?${query}`} data-node={node.id} title={node.name}>
      {node.name}
    </a>
  )
}
