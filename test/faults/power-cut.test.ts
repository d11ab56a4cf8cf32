// Real power cuts on real file systems: the writer works on a loop-mounted ext4 or XFS whose file system is shut
// down under it (what was not synced is lost, as the kernel has it), then mounted again. Needs root, loop
// devices, and mkfs.ext4 or mkfs.xfs; where they are missing it says so loudly, and fails where
// MILLRACE_REQUIRE_FAULTS is set.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { checkInside, liveUntil, type Told, type WriterOptions } from './writer-life.ts'

const isDeep = process.env['MILLRACE_DEEP'] !== undefined

const quiet = (program: string, ...words: string[]): string =>
  execFileSync(program, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

/** _IOR('X', 125, __u32) of ext4 and XFS with "no log flush": the file system ends as a power cut ends it. */
const shutdown = (mounted: string): string =>
  quiet(
    'perl',
    '-e',
    'open(my $d, "<", $ARGV[0]) or die $!; my $how = pack("L", 2); ioctl($d, 0x8004587d, $how) or die $!',
    mounted,
  )

class Volume {
  readonly mounted: string
  readonly #directory: string
  #image: string
  readonly #options: string

  constructor(kind: 'ext4' | 'xfs', options: readonly string[] = []) {
    this.#directory = mkdtempSync(join(tmpdir(), 'millrace-power-'))
    this.#image = join(this.#directory, 'image')
    this.mounted = join(this.#directory, 'mounted')
    this.#options = ['loop', ...(kind === 'xfs' ? ['nouuid'] : []), ...options].join(',')
    mkdirSync(this.mounted)
    quiet('truncate', '-s', kind === 'ext4' ? '96M' : '320M', this.#image)
    if (kind === 'ext4') quiet('mkfs.ext4', '-q', '-F', this.#image)
    else quiet('mkfs.xfs', '-q', '-f', this.#image)
    this.mount()
  }

  mount(): void {
    quiet('mount', '-o', this.#options, this.#image, this.mounted)
  }

  unmount(): void {
    quiet('umount', this.mounted)
    // Whoever has begun a mount namespace meanwhile keeps the one that was cut: then a copy of the disk goes on.
    if (quiet('losetup', '-j', this.#image).trim() === '') return
    const copy = `${this.#image}+`
    quiet('cp', '--sparse=always', this.#image, copy)
    rmSync(this.#image)
    this.#image = copy
  }

  /** As the power does. */
  cut(): void {
    shutdown(this.mounted)
  }

  remove(): void {
    try {
      this.unmount()
    } catch {
      // It was not mounted.
    }
    rmSync(this.#directory, { recursive: true })
  }
}

/** Why such volumes cannot be had here; null where they can. */
function whyNot(kind: 'ext4' | 'xfs'): string | null {
  try {
    const volume = new Volume(kind)
    try {
      volume.cut()
    } finally {
      volume.remove()
    }
    return null
  } catch (error) {
    return String((error as { stderr?: string }).stderr || (error as Error).message).trim()
  }
}

/** Gives the events that went through. */
async function cutOften(
  volume: Volume,
  cuts: number,
  random: SeededRandom,
  options: WriterOptions = {},
): Promise<number> {
  const path = join(volume.mounted, 'channel')
  let told: Told = { acknowledged: 0, committed: 0 }
  for (let round = 0; round < cuts; round++) {
    const lines = 1 + random.below(round % 8 === 0 ? 1000 : 120)
    told = await liveUntil(
      path,
      told,
      lines,
      kill => {
        volume.cut()
        kill()
      },
      options,
    )
    volume.unmount()
    volume.mount()
    told = await checkInside(path, told)
  }
  return told.acknowledged
}

const cases = [
  { kind: 'ext4', options: ['commit=1'], cuts: isDeep ? 334 : 4 },
  { kind: 'ext4', options: ['commit=5'], cuts: isDeep ? 333 : 4 },
  { kind: 'ext4', options: ['commit=1000'], cuts: isDeep ? 333 : 4 },
  { kind: 'xfs', options: [], cuts: isDeep ? 300 : 8 },
] as const

const missing = new Map((['ext4', 'xfs'] as const).map(kind => [kind, whyNot(kind)]))
for (const [kind, why] of missing)
  if (why !== null) {
    process.stderr.write(`NO POWER CUTS ON ${kind}: ${why}\n`)
    if (process.env['MILLRACE_REQUIRE_FAULTS'] !== undefined)
      it(`power cuts on ${kind}`, () => assert.fail(`they cannot be had here: ${why}`))
  }

describe('power cuts', () => {
  for (const { kind, options, cuts } of cases)
    it(
      `${kind} ${options.join(',')}: everything acknowledged is there after ${cuts} of them`,
      {
        skip: missing.get(kind) ?? false,
      },
      async t => {
        const volume = new Volume(kind, options)
        t.after(() => volume.remove())
        const events = await cutOften(volume, cuts, new SeededRandom(cuts))
        assert.ok(events > cuts * 10)
        t.diagnostic(`${cuts} cuts, ${events} events`)
      },
    )

  it('finds a channel that does not sync', { skip: missing.get('ext4') ?? false }, async t => {
    const volume = new Volume('ext4', ['commit=1000'])
    t.after(() => volume.remove())
    await assert.rejects(
      cutOften(volume, 20, new SeededRandom(1), { isUnsynced: true }),
      /acknowledged|CORRUPT|missing|came back|cannot be read/,
    )
  })
})
