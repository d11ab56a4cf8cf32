// The faults of a simulated world: which kinds there are, and one of them at a time, by the seed's choice.
import type { SeededRandom } from './seeded-random.ts'
import type { Schedule } from './schedule.ts'
import type { Cut, SimulatedNetwork } from './simulated-network.ts'
import type { Supervised } from './supervised.ts'

export const faultKinds = ['kill', 'power', 'network', 'disk', 'clock', 'pause', 'stop'] as const
export type FaultKind = (typeof faultKinds)[number]

export interface FaultsParts {
  readonly schedule: Schedule
  readonly random: SeededRandom
  readonly network: SimulatedNetwork
  /** What may be killed, stopped and cut off. */
  readonly services: readonly Supervised[]
  /** Those of them whose disk may fail; of others it may be full, or slow. */
  readonly disks: readonly Supervised[]
  /** Those whose programs may end without a stop. */
  readonly mortal: readonly Supervised[]
  readonly note: (line: string) => void
}

const cuts: readonly Cut[] = ['reset', 'reset', 'end', 'silence']

export class Faults {
  readonly #parts: FaultsParts
  /** How often each kind has happened. */
  readonly happened: Partial<Record<FaultKind, number>> = {}

  constructor(parts: FaultsParts) {
    this.#parts = parts
  }

  get count(): number {
    return Object.values(this.happened).reduce((sum, times) => sum + times, 0)
  }

  inject(kind: FaultKind): void {
    if (this.#inject(kind)) this.happened[kind] = (this.happened[kind] ?? 0) + 1
  }

  /** Disks, ways and clocks are well. */
  heal(): void {
    for (const { machine } of this.#parts.services) {
      machine.diskMs = 0.5
      machine.clockErrorMs = 0
      machine.disk.heal()
    }
    this.#parts.network.joinAll()
  }

  #inject(kind: FaultKind): boolean {
    const { random, schedule, network, services, disks, mortal, note } = this.#parts
    const awayMs = (): number => [1, 50, 500, 3000][random.below(4)]! * (0.5 + random.next())
    const one = <T>(of: readonly T[]): T | undefined => of[random.below(of.length)]
    switch (kind) {
      case 'kill': {
        const found = one(mortal)
        if (found?.isRunning !== true) return false
        found.kill(awayMs())
        return true
      }
      case 'power': {
        const found = one(mortal)
        if (found === undefined || !found.machine.isOn) return false
        found.cutPower(awayMs())
        return true
      }
      case 'stop': {
        const found = one(services)
        if (found === undefined || found.running === null) return false
        void found.stop(awayMs())
        return true
      }
      case 'pause': {
        const found = one(services)
        if (found?.isRunning !== true) return false
        const forMs = awayMs()
        note(`${found.machine.name} is paused for ${forMs.toFixed(1)} ms`)
        found.program!.pause(forMs)
        return true
      }
      case 'clock': {
        const machine = one(services)!.machine
        machine.clockErrorMs += (random.next() - 0.5) * [2_000, 7_200_000][random.below(2)]!
        note(`the clock of ${machine.name} jumps to ${(machine.clockErrorMs / 1000).toFixed(1)} s off`)
        return true
      }
      case 'disk': {
        const found = one(services)!
        const { machine } = found
        const { disk } = machine
        const what = disks.includes(found) ? random.below(4) : 2 + random.below(2)
        if (what === 0) disk.syncFailures = [0.05, 0.5][random.below(2)]!
        else if (what === 1) disk.writeFailures = [0.05, 0.5][random.below(2)]!
        else if (what === 2) disk.capacityBytes = disk.usedBytes + random.below(4000)
        else machine.diskMs = 200
        note(`the disk of ${machine.name} ${['fails to sync', 'fails to write', 'is full', 'is slow'][what]}`)
        schedule.after(awayMs(), () => {
          machine.diskMs = 0.5
          disk.heal()
        })
        return true
      }
      case 'network': {
        if (random.chance(0.3)) {
          const [from, to] = [one(services)!.machine, one(services)!.machine]
          if (from === to) return false
          note(`${from.name} and ${to.name} are apart`)
          network.part(from, to)
          schedule.after(awayMs(), () => network.join(from, to))
          return true
        }
        const link = one(network.links)
        if (link === undefined) return false
        const by = one(cuts)!
        note(`a connection of ${link.machines.map(({ name }) => name).join(' and ')} ends by ${by}`)
        link.cutAfter(random.below(random.chance(0.5) ? 100 : 5000), by)
        return true
      }
    }
  }
}
