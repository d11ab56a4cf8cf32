// One seed of a client whose broker answers nonsense: below `fieldSeeds` one field of its answers has a value nobody has
// meant, from there on any bytes of any answer are wrong.
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { type Spoiler, SpoiltWorld } from './spoilt-answers.ts'
import { spoilBytes } from './spoilt-bytes.ts'
import { casesOf, nameOf, spoilt, type Case } from './spoilt-fields.ts'
import type { SeedDone } from './seeds-in-threads.ts'

/** Every API that a consumer or a producer asks. */
const apis =
  'ApiVersions Metadata FindCoordinator JoinGroup SyncGroup Heartbeat OffsetFetch OffsetCommit ListOffsets Fetch Produce InitProducerId'.split(
    ' ',
  )
export const fieldCases: readonly Case[] = casesOf(apis)
/**
 * How long records may take once answers are sound again. The longest is an answer of which the rest does not come: it is
 * given up between one and two times request.timeout.ms (30 s).
 */
export const mostMs = 75_000
const answersSpoilt = 3
const mostAnswers = 40

class Trial {
  readonly #world: SpoiltWorld
  worstMs = 0

  constructor(world: SpoiltWorld) {
    this.#world = world
  }

  /** Waits until so many answers have been spoilt, or for so long, and then for records to go through. */
  async spoil(
    clients: ReturnType<SpoiltWorld['clients']>,
    isDone: () => boolean,
    forMs: number,
  ): Promise<void> {
    const world = this.#world
    await world.until(isDone, forMs)
    world.spoiler = ({ frame }) => frame
    const { sent } = clients
    const tookMs = await world.until(() => clients.committed > sent && clients.acknowledged > sent, mostMs)
    this.worstMs = Math.max(this.worstMs, tookMs)
    if (tookMs === Infinity)
      throw new Error(
        `not within ${mostMs} ms: ${clients.acknowledged} acknowledged, ${clients.read} read, ${clients.committed} committed of ${clients.sent}\n${world.log.lines.slice(-40).join('\n')}`,
      )
  }
}

export async function runSeed(seed: number): Promise<SeedDone> {
  const world = new SpoiltWorld(seed)
  await world.start()
  const trial = new Trial(world)
  const one = fieldCases[seed]
  try {
    if (one === undefined) await spoilSomeBytes(world, trial, seed)
    else await spoilField(world, trial, one)
  } catch (error) {
    throw new Error(`${one === undefined ? 'bytes' : nameOf(one)}: ${(error as Error).message}`, {
      cause: error,
    })
  }
  await world.stop()
  return { trace: world.schedule.trace, counted: { worstMs: Math.round(trial.worstMs) } }
}

/** As the clients start, and then once more where everything is known already. */
async function spoilField(world: SpoiltWorld, trial: Trial, { api, path, value }: Case): Promise<void> {
  let left = answersSpoilt
  const spoiler: Spoiler = ({ api: name, body, frame, encode }) => {
    if (name !== api || left === 0) return frame
    if (path.length === 0) {
      left--
      return Buffer.alloc(0)
    }
    const changed = spoilt(body, path, value)
    if (changed === body) return frame
    try {
      const bytes = encode(changed)
      left--
      return bytes
    } catch {
      // The version has no such field, or it cannot hold this.
      return frame
    }
  }
  world.spoiler = spoiler
  const clients = world.clients()
  await trial.spoil(clients, () => left === 0, 5_000)
  left = answersSpoilt
  let isToJoin = true
  world.spoiler = passing => {
    if (passing.api !== 'Heartbeat' || !isToJoin) return spoiler(passing)
    isToJoin = false
    return passing.encode({ ...(passing.body as object), errorCode: 27 })
  }
  world.cut()
  await trial.spoil(clients, () => left === 0, 10_000)
  await world.wait(clients.close())
}

async function spoilSomeBytes(world: SpoiltWorld, trial: Trial, seed: number): Promise<void> {
  const random = new SeededRandom(seed)
  const clients = world.clients()
  if (random.chance(0.5)) await world.pass(random.below(10_000))
  let isDone = false
  world.spoiler = spoilBytes(random, 1 + random.below(mostAnswers), () => void (isDone = true))
  await trial.spoil(clients, () => isDone, 300_000)
  await world.wait(clients.close())
}
