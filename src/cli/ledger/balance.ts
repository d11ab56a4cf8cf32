// The ledgers of several agents as one balance: for each origin partition where its events are, and whether offsets are
// missing or came twice. Offsets are missing where no agent has them, in flight, set aside, dropped or written, although
// agents have later ones. What lay in a channel before its agent was started is not known by its origin: as long as
// such events are there, nothing is called missing.
import type { SeenSnapshot } from '../../console/flow.ts'
import type { LedgerStep } from '../../observe/snapshot.ts'
import { union, without, type OffsetRange } from '../../origin/offset-set.ts'

export interface Row extends LedgerStep {
  readonly agent: string
}

export interface OriginBalance {
  /** Null: the events that have no origin. */
  readonly origin: string | null
  readonly rows: readonly Row[]
  readonly inFlight: readonly { readonly agent: string; readonly channel: string; readonly events: number }[]
  /** Written by the last sinks, or set aside by any. */
  readonly written: number
  readonly missing: readonly OffsetRange[]
  readonly doubled: { readonly events: number; readonly ranges: readonly OffsetRange[] }
  /** Delivered again by sinks that write each event once. */
  readonly letGo: number
}

export interface Balance {
  readonly origins: readonly OriginBalance[]
  /** Events that lay in channels before their agents were started: while there are some, nothing is called missing. */
  readonly unknown: number
  /** Channels that hold fewer events than have come in and not gone out. */
  readonly short: readonly { readonly agent: string; readonly channel: string; readonly events: number }[]
}

interface ChannelView {
  readonly agent: string
  readonly component: string
  readonly startedAt: number
  /** Its sinks hand on to other agents that are looked at. */
  readonly isOnward: boolean
  readonly writesOnce: boolean
  /** Of before the start; null where that cannot be told: others share the channel. */
  readonly opening: number | null
  readonly size: number
}

const offsetsIn = (ranges: readonly OffsetRange[]): number =>
  ranges.reduce((sum, [from, to]) => sum + to - from + 1, 0)

export function balanceOf(snapshots: readonly SeenSnapshot[]): Balance {
  const rows = snapshots.flatMap(({ agent, ledger = [] }) => ledger.map((step): Row => ({ ...step, agent })))
  const channels = snapshots.flatMap(one => channelsOf(one, snapshots))
  const sums = (view: ChannelView, step: Row['step']) =>
    rows
      .filter(row => row.agent === view.agent && row.component === view.component && row.step === step)
      .reduce((sum, { events }) => sum + events, 0)
  const views = channels.map(view => {
    const [put, delivered] = [sums(view, 'put'), sums(view, 'delivered')]
    return { ...view, put, opening: view.opening === null ? null : view.size + delivered - put }
  })
  const unknown = views.reduce(
    (sum, { opening, size, put }) => sum + (opening === null ? 0 : Math.max(0, size - put)),
    0,
  )
  const names = [...new Set(rows.map(({ origin }) => origin))]
  return {
    origins: names
      .map(origin => balanceOfOrigin(origin, rows, views, unknown > 0, snapshots))
      .filter(({ rows: own, origin }) => origin === null || own.some(({ step }) => step !== 'read'))
      .sort((one, other) => ((one.origin ?? '~') < (other.origin ?? '~') ? -1 : 1)),
    unknown,
    short: views
      .filter(({ opening }) => (opening ?? 0) < 0)
      .map(({ agent, component, opening }) => ({ agent, channel: component, events: -opening! })),
  }
}

function channelsOf({ agent, channels, sinks }: SeenSnapshot, all: readonly SeenSnapshot[]): ChannelView[] {
  const receives = all.some(
    one =>
      one.agent !== agent && one.sources.some(({ flows }) => flows.some(({ does }) => does === 'receive')),
  )
  return channels.map(({ name, type, size, startedAt }) => {
    const own = sinks.filter(({ channel }) => channel === name)
    return {
      agent,
      component: `CHANNEL.${name}`,
      startedAt: startedAt ?? 0,
      isOnward:
        receives && own.length > 0 && own.every(({ flows }) => flows.some(({ does }) => does === 'send')),
      writesOnce:
        own.length > 0 && own.every(({ options }) => options['deliveryGuarantee']?.value === 'exactly-once'),
      // Other agents may take what this one has put.
      opening: size === null || /kafka/i.test(type) ? null : 0,
      size: size ?? 0,
    }
  })
}

/** The partition without the channel that a source of several names. */
const partitionOf = (origin: string): string => origin.split('/', 4).join('/')

function balanceOfOrigin(
  origin: string | null,
  all: readonly Row[],
  channels: readonly (ChannelView & { readonly put: number })[],
  hasUnknown: boolean,
  snapshots: readonly SeenSnapshot[],
): OriginBalance {
  const isWhole = origin === null || partitionOf(origin) === origin
  const rows = all.filter(
    row =>
      row.origin === origin ||
      (!isWhole && (row.step === 'read' || row.step === 'dropped') && row.origin === partitionOf(origin)),
  )
  const of = (step: Row['step'], view?: ChannelView) =>
    rows.filter(
      row =>
        row.step === step &&
        (view === undefined || (row.agent === view.agent && row.component === view.component)),
    )
  const rangesOf = (some: readonly Row[]) => union(...some.map(({ ranges }) => ranges ?? []))
  const flying: OffsetRange[] = []
  const inFlight = channels.flatMap(view => {
    const [put, delivered] = [of('put', view), of('delivered', view)]
    const left = without(rangesOf(put), rangesOf(delivered))
    flying.push(...left)
    const sum = (some: readonly Row[]) => some.reduce((total, { events }) => total + events, 0)
    const apart = Math.max(0, sum(put) - sum(delivered))
    // Where events of before the start come out as well, the counts do not tell; the offsets do.
    const events = origin === null || view.opening === 0 ? apart : Math.min(sum(put), offsetsIn(left))
    return events === 0 ? [] : [{ agent: view.agent, channel: view.component, events }]
  })
  const last = channels.filter(({ isOnward }) => !isOnward)
  const outs = last.flatMap(view => of('delivered', view))
  const counted = outs.reduce((sum, { events, repeated }) => sum + events - repeated, 0)
  const repeatedBy = (once: boolean) =>
    last.filter(view => view.writesOnce === once).flatMap(view => of('delivered', view))
  const doubled = repeatedBy(false).filter(({ repeated }) => repeated > 0)
  return {
    origin,
    rows,
    inFlight,
    written: counted,
    missing: origin === null || hasUnknown ? [] : missingOf(),
    doubled: {
      events: doubled.reduce((sum, { repeated }) => sum + repeated, 0),
      ranges: union(...doubled.map(({ repeats }) => repeats ?? [])),
    },
    letGo: repeatedBy(true).reduce((sum, { repeated }) => sum + repeated, 0),
  }

  function missingOf(): OffsetRange[] {
    const seen = rangesOf([...of('put'), ...of('delivered')])
    const arrived = rangesOf(outs)
    const known = last.flatMap(view => [...of('put', view), ...of('delivered', view)])
    const [first] = rangesOf(known)
    const end = seen.at(-1)?.[1]
    if (end === undefined) return []
    // Agents that were started later do not know what they had passed on before.
    const begun = snapshots
      .flatMap(({ sources }) => sources)
      .filter(({ flows }) => flows.some(({ does }) => does === 'read-topics'))
      .map(({ startedAt }) => startedAt ?? 0)
    const knowsAll = last.every(({ startedAt }) => startedAt <= Math.min(...begun))
    const forgotten = Math.max(0, ...rows.map(({ forgottenBelow }) => forgottenBelow))
    const low = knowsAll ? seen[0]![0] : first?.[0]
    if (low === undefined) return []
    const begin = Math.max(forgotten, low)
    return begin > end ? [] : without([[begin, end]], [...arrived, ...rangesOf(of('dropped')), ...flying])
  }
}

/** What both have found missing: in between, an event may have been on its way from one agent to the next. */
export function inBoth(one: Balance, other: Balance): Balance {
  return {
    ...other,
    origins: other.origins.map(balance => {
      const before = one.origins.find(({ origin }) => origin === balance.origin)?.missing ?? []
      return { ...balance, missing: without(balance.missing, without(balance.missing, before)) }
    }),
    short: other.short.filter(({ agent, channel }) =>
      one.short.some(before => before.agent === agent && before.channel === channel),
    ),
  }
}

export const isBalanced = ({ origins, short }: Balance): boolean =>
  short.length === 0 && origins.every(({ missing, doubled }) => missing.length === 0 && doubled.events === 0)
