// Brokers of a cluster.
import type { Brokers } from '../../../src/console/api.ts'
import { bytes, counted, whole } from '../format.ts'
import { Head, Number, Scroll, Waiting } from '../parts.tsx'
import { useLook } from '../store.ts'
import { apiOf } from './shared.tsx'

export function BrokersPage() {
  const { data, refusal } = useLook<Brokers>(apiOf('brokers'), 5000)
  if (data === undefined)
    return (
      <main class="main" id="main">
        <Head title="Brokers" sub="" />
        <Waiting refusal={refusal} what="the brokers" />
      </main>
    )
  return (
    <main class="main" id="main">
      <Head
        title="Brokers"
        sub={`${counted(data.brokers.length, 'broker')}${data.clusterId === null ? '' : `, cluster ${data.clusterId}`}`}
      />
      {refusal === undefined ? null : <Waiting refusal={refusal} what="what is new" />}
      <Scroll>
        <table class="t">
          <caption class="vh">Brokers</caption>
          <thead>
            <tr>
              <th scope="col" class="r">
                Id
              </th>
              <th scope="col">Address</th>
              <th scope="col" class="p2">
                Rack
              </th>
              <th scope="col" class="r">
                Leads
              </th>
              <th scope="col" class="r">
                Replicas
              </th>
              <th scope="col" class="r">
                Size
              </th>
              <th scope="col">Role</th>
            </tr>
          </thead>
          <tbody>
            {data.brokers.map(broker => (
              <tr key={broker.id}>
                <th scope="row" class="r">
                  {broker.id}
                </th>
                <td>
                  {broker.host}:{broker.port}
                </td>
                <td class="p2">{broker.rack ?? <span class="faint">–</span>}</td>
                <td class="r">{whole(broker.leaders)}</td>
                <td class="r">{whole(broker.replicas)}</td>
                <td class="r">
                  <Number value={bytes(broker.bytes)} />
                </td>
                <td>{broker.isController ? 'controller' : <span class="faint">–</span>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </main>
  )
}
