// What two agents must agree on where one sends to the other: that somebody listens, TLS, compression, and the size of a
// batch; and what Kafka acknowledges against what the channel in front keeps.
import { whereOf } from '../address.ts'
import type { AgentJoin, Receive, Send } from './agent-join.ts'
import {
  keyOf,
  nameOf,
  partOf,
  partsOf,
  placeOf,
  type Finding,
  type SetAgent,
  type SetPart,
} from './set-agent.ts'

interface Link {
  readonly sink: SetPart
  readonly send: Send
  readonly takers: readonly {
    readonly source: SetPart
    readonly receive: Receive
    readonly isSure: boolean
  }[]
}

export function findLinkProblems(agents: readonly SetAgent[], join: AgentJoin): Finding[] {
  const links = linksOf(agents, join)
  return [
    ...findStrayEnds(agents, join, links),
    ...links.flatMap(findMismatches),
    ...links.flatMap(findLargeBatches),
    ...agents.flatMap(findWeakAcks),
  ]
}

function linksOf(agents: readonly SetAgent[], join: AgentJoin): Link[] {
  const ownerOf = (flow: unknown) => agents.find(one => one.flow === flow)!
  return agents.flatMap(owner =>
    owner.flow.sinks.flatMap(({ name, flows }) =>
      flows
        .filter(flow => flow.does === 'send')
        .map(send => ({
          sink: partOf(owner, 'sink', name),
          send,
          takers: join.receiversOf(send).map(({ agent, source, flow, isSure }) => ({
            source: partOf(ownerOf(agent), 'source', source.name),
            receive: flow,
            isSure,
          })),
        })),
    ),
  )
}

/** Of one agent alone nobody knows the others, so that nothing can be said. */
function findStrayEnds(agents: readonly SetAgent[], join: AgentJoin, links: readonly Link[]): Finding[] {
  if (agents.length < 2) return []
  const taken = new Set(links.flatMap(({ takers }) => takers.map(({ source }) => nameOf(source))))
  const idle = join.receivers
    .map(({ agent, source, flow }) => {
      const owner = agents.find(one => one.flow === agent)!
      return { part: partOf(owner, 'source', source.name), flow }
    })
    .filter(({ part }) => !taken.has(nameOf(part)))
  const stray = links.filter(({ takers }) => takers.length === 0)
  const forwards = new Set(links.filter(one => one.takers.length > 0).map(({ sink }) => sink.owner))
  return [
    ...stray.map(({ sink, send }): Finding => {
      const samePort = join.receivers.find(({ flow }) => flow.port === send.port)
      const near = samePort === undefined ? idle.find(({ part }) => part.owner !== sink.owner) : undefined
      const only =
        samePort === undefined
          ? ''
          : ` (${samePort.agent.label ?? samePort.agent.name} listens on ${whereOf(samePort.flow)} alone)`
      return {
        rule: 'nobody-listens',
        severity: 'warning',
        place: placeOf(sink, 'port', 'hostname'),
        problem: `${nameOf(sink)} sends to ${whereOf(send)}, where no agent of these files listens${only}`,
        fix:
          near !== undefined
            ? `write ${keyOf(sink, 'port')} = ${near.flow.port}, where ${nameOf(near.part)} listens, or add the file of the agent that is meant`
            : samePort !== undefined
              ? `write 0.0.0.0 as bind of that source, or its address as ${keyOf(sink, 'hostname')}`
              : 'correct host and port, or add the file of the agent that is meant',
      }
    }),
    // What an agent passes on to others may come from programs that are no agents.
    ...idle
      .filter(({ part }) => stray.length > 0 || (links.length > 0 && !forwards.has(part.owner)))
      .map(({ part, flow }): Finding => ({
        rule: 'nobody-sends',
        severity: 'warning',
        place: placeOf(part, 'port', 'bind'),
        problem: `no agent of these files sends to ${nameOf(part)}, which listens on ${whereOf(flow)}`,
        fix: 'let a sink send there, or remove the source; if other programs send to it, leave it as it is',
      })),
  ]
}

function findMismatches({ sink, send, takers }: Link): Finding[] {
  const differ = (
    rule: 'tls-mismatch' | 'compression-mismatch',
    key: string,
    value: string,
    what: string,
    isOn: (flow: Send | Receive) => boolean,
  ): Finding[] =>
    takers
      .filter(({ receive, isSure }) => isSure && isOn(receive) !== isOn(send))
      .map(({ source }) => {
        const [on, off] = isOn(send) ? [sink, source] : [source, sink]
        return {
          rule,
          severity: 'error',
          place: placeOf(on, key),
          problem: `${nameOf(on)} ${what}, and ${nameOf(off)} at the other end of ${whereOf(send)} does not`,
          fix: `write ${keyOf(off, key)} = ${value}, or remove ${keyOf(on, key)}`,
        }
      })
  const protocolOf = ({ protocol = 'Avro' }: Send | Receive): string => protocol
  const others = takers
    .filter(({ receive, isSure }) => isSure && protocolOf(receive) !== protocolOf(send))
    .map(({ source, receive }): Finding => ({
      rule: 'protocol-mismatch',
      severity: 'error',
      place: placeOf(sink, 'protocol', 'type'),
      problem: `${nameOf(sink)} speaks ${protocolOf(send)}, and ${nameOf(source)} at the other end of ${whereOf(send)} speaks ${protocolOf(receive)}`,
      fix: 'write the same type, and the same protocol, on both sides',
    }))
  return [
    ...others,
    ...differ(
      'compression-mismatch',
      'compression-type',
      'deflate',
      'compresses',
      one => one.deflate === true,
    ),
    ...differ('tls-mismatch', 'ssl', 'true', 'uses TLS', one => one.tls === true),
  ]
}

function findLargeBatches({ sink, takers }: Link): Finding[] {
  const { definition, options } = sink
  const size = definition.kind === 'sink' ? definition.batchSize?.(options) : undefined
  if (size === undefined) return []
  return takers
    .filter(({ isSure }) => isSure)
    .flatMap(({ source }) => {
      const { owner } = source
      const { channels } = owner.topology.sources.find(({ name }) => name === source.name)!
      return channels.flatMap((name): Finding[] => {
        const channel = partOf(owner, 'channel', name)
        const capacity =
          channel.definition.kind === 'channel'
            ? channel.definition.transactionCapacity?.(channel.options)
            : undefined
        if (capacity === undefined || size <= capacity) return []
        return [
          {
            rule: 'batch-too-large',
            severity: 'error',
            place: placeOf(sink, 'batch-size'),
            problem: `${nameOf(sink)} sends up to ${size} events at once, but a transaction of ${nameOf(channel)} holds ${capacity}`,
            fix: `raise ${keyOf(channel, 'transactionCapacity')} to at least ${size}, or lower ${keyOf(sink, 'batch-size')} to ${capacity}`,
          },
        ]
      })
    })
}

function findWeakAcks(owner: SetAgent): Finding[] {
  return partsOf(owner)
    .filter(({ kind }) => kind === 'sink')
    .flatMap((sink): Finding[] => {
      const { flows, channel: channelName } = owner.flow.sinks.find(({ name }) => name === sink.name)!
      const write = flows.find(one => one.does === 'write-topic')
      const channel = partOf(owner, 'channel', channelName)
      const { definition } = channel
      // What has directories to open keeps its events on a disk.
      const isDurable =
        definition.kind === 'channel' &&
        definition.rehearse !== undefined &&
        definition.keepsInMemory?.(channel.options) !== true
      if (!isDurable || write?.acks === undefined || write.acks === -1) return []
      const lost =
        write.acks === 0
          ? 'events leave the channel when they are sent, and any failure loses them'
          : 'a broker that fails can lose events that it alone has acknowledged'
      return [
        {
          rule: 'weak-acks',
          severity: write.acks === 0 ? 'warning' : 'note',
          place: placeOf(sink, 'kafka.producer.acks', 'requiredAcks'),
          problem: `${nameOf(sink)} writes with acks = ${write.acks}, weaker than ${nameOf(channel)}, which keeps its events on disk: ${lost}`,
          fix: `write ${keyOf(sink, 'kafka.producer.acks')} = all`,
        },
      ]
    })
}
