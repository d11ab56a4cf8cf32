// Where the parts of the flow stand: columns from left to right by the longest way from a beginning, rows so that a
// straight flow is a straight line.
import type { Flow, FlowNode } from '../../src/console/api.ts'

export interface Placed {
  readonly node: FlowNode
  readonly column: number
  readonly row: number
}

export interface Layout {
  readonly placed: readonly Placed[]
  readonly columns: number
  readonly rows: number
}

/** Line by line, from left to right. */
export const byLines = (one: Placed, other: Placed): number =>
  one.row - other.row || one.column - other.column

export function layoutOf({ nodes, edges }: Pick<Flow, 'nodes' | 'edges'>): Layout {
  const before = new Map(
    nodes.map(({ id }) => [id, edges.filter(({ to }) => to === id).map(({ from }) => from)]),
  )
  const after = new Map(
    nodes.map(({ id }) => [id, edges.filter(({ from }) => from === id).map(({ to }) => to)]),
  )
  const columns = new Map<string, number>()
  const columnOf = (id: string, path: ReadonlySet<string>): number => {
    const known = columns.get(id)
    if (known !== undefined) return known
    // Events that go round in a circle begin where the walk came in.
    const befores = (before.get(id) ?? []).filter(one => !path.has(one) && before.has(one))
    const column = Math.max(-1, ...befores.map(one => columnOf(one, new Set([...path, id])))) + 1
    columns.set(id, column)
    return column
  }
  for (const { id } of nodes) columnOf(id, new Set([id]))
  // What only leads on stands right before what it leads to.
  for (const { id } of nodes) {
    if ((before.get(id) ?? []).length > 0) continue
    const next = (after.get(id) ?? []).map(one => columns.get(one)!)
    if (next.length > 0) columns.set(id, Math.max(0, Math.min(...next) - 1))
  }
  const rows = new Map<string, number>()
  const taken = new Set<string>()
  const ordered = nodes.toSorted((one, other) => columns.get(one.id)! - columns.get(other.id)!)
  for (const { id } of ordered) {
    const wanted = (before.get(id) ?? []).flatMap(one => rows.get(one) ?? [])
    let row = wanted.length > 0 ? Math.min(...wanted) : 0
    while (taken.has(`${columns.get(id)} ${row}`)) row++
    taken.add(`${columns.get(id)} ${row}`)
    rows.set(id, row)
  }
  const placed = nodes.map(node => ({ node, column: columns.get(node.id)!, row: rows.get(node.id)! }))
  return {
    placed,
    columns: Math.max(0, ...placed.map(({ column }) => column)) + 1,
    rows: Math.max(0, ...placed.map(({ row }) => row)) + 1,
  }
}
