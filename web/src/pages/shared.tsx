// What the pages of Kafka have in common: the cluster that is looked at, CMAK's percentages with its colours.
import type { TopicRow } from '../../../src/console/api.ts'
import { Mark } from '../parts.tsx'
import { parameter, pathOf } from '../router.ts'
import { clusters } from '../store.ts'

export const clusterName = (): string => parameter('cluster') ?? clusters.value[0]?.name ?? ''

export const apiOf = (...parts: readonly string[]): string =>
  pathOf('api', 'clusters', clusterName(), ...parts)

/** The same cluster on another page. */
export function withCluster(href: string): string {
  const cluster = parameter('cluster')
  return cluster === null
    ? href
    : `${href}${href.includes('?') ? '&' : '?'}cluster=${encodeURIComponent(cluster)}`
}

/** The page that does it. */
export const taskHref = (task: string, ...parts: readonly string[]): string =>
  withCluster(`${pathOf(...parts)}?do=${task}`)

type Key = keyof TopicRow['percentages']

/** CMAK's limits: spread is bad up to 50 and worth a look up to 75; of the others from 34 and from 1 on. */
function levelOf(key: Key, value: number): 'good' | 'warn' | 'bad' {
  if (key === 'spread') return value <= 50 ? 'bad' : value <= 75 ? 'warn' : 'good'
  const missing = key === 'preferred' ? 100 - value : value
  return missing >= 34 ? 'bad' : missing >= 1 ? 'warn' : 'good'
}

export function Percent({ of, row }: { of: Key; row: TopicRow }) {
  const value = row.percentages[of]
  const level = levelOf(of, value)
  const cmak = row.cmak[of] === value ? undefined : `CMAK shows ${row.cmak[of]} %: it counts replicas in sync`
  const text = (
    <span>
      {value}
      <span class="u"> %</span>
    </span>
  )
  if (level === 'good') return <span class={value === 0 ? 'zero' : ''}>{text}</span>
  return (
    <span class={`flag ${level}-t`} title={cmak}>
      <Mark level={level} />
      {text}
    </span>
  )
}

export const CmakNote = () => (
  <span>
    Percentages are CMAK’s, by assigned replicas; where counting replicas in sync differs, the mark’s tooltip
    has it.
  </span>
)
