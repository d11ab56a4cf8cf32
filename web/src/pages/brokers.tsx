// Brokers of a cluster.
import type { Brokers } from '../../../src/console/api.ts'
import { bytes, counted, whole } from '../format.ts'
import { Number, Page } from '../parts.tsx'
import { useLook } from '../store.ts'
import { Rows, type Cell } from '../table.tsx'
import { apiOf } from './shared.tsx'

const none = <span class="faint">–</span>

const columns: readonly Cell<Brokers['brokers'][number]>[] = [
  { title: 'Id', isNumber: true, cell: ({ id }) => id },
  { title: 'Address', cell: ({ host, port }) => `${host}:${port}` },
  { title: 'Rack', drop: 'p2', cell: ({ rack }) => rack ?? none },
  { title: 'Leads', isNumber: true, cell: ({ leaders }) => whole(leaders) },
  { title: 'Replicas', isNumber: true, cell: ({ replicas }) => whole(replicas) },
  { title: 'Size', isNumber: true, cell: broker => <Number value={bytes(broker.bytes)} /> },
  { title: 'Role', cell: ({ isController }) => (isController ? 'controller' : none) },
]

export const BrokersPage = () => (
  <Page
    title="Brokers"
    what="the brokers"
    asked={useLook<Brokers>(apiOf('brokers'), 5000)}
    sub={({ brokers, clusterId }) =>
      `${counted(brokers.length, 'broker')}${clusterId === null ? '' : `, cluster ${clusterId}`}`
    }
  >
    {({ brokers }) => <Rows label="Brokers" rows={brokers} columns={columns} nameOf={({ id }) => id} />}
  </Page>
)
