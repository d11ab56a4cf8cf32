// An agent under attack, and what it must keep to whatever comes in.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Snapshot } from '../../src/observe/snapshot.ts'
import { hangMs } from '../interop/peers/waiting.ts'
import { HostileChild, type Limits, mostTurnMs } from './child.ts'

const megabyte = 1024 * 1024

export class AttackedAgent {
  readonly #child: HostileChild
  readonly directory: string

  private constructor(child: HostileChild, directory: string) {
    this.#child = child
    this.directory = directory
  }

  /** Starts agent a1 from the lines, in which DIRECTORY stands for one of its own; `properties`: `key=value` of -D. */
  static async start(
    t: TestContext,
    lines: readonly string[],
    limits: Limits = {},
    properties: readonly string[] = [],
  ): Promise<AttackedAgent> {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-attacked-'))
    t.after(() => rmSync(directory, { recursive: true, force: true }))
    const file = join(directory, 'a1.conf')
    writeFileSync(file, lines.join('\n').replaceAll('DIRECTORY', directory))
    const words = [file, ...properties]
    const { child } = await HostileChild.start<string>(t, 'test/hostile/agent-child.ts', words, limits)
    child.reset()
    return new AttackedAgent(child, directory)
  }

  get output(): string {
    return this.#child.output
  }

  /** The port that the source says it listens on. */
  port(pattern = /listens on \S*:(\d+)/): number {
    return Number(pattern.exec(this.output)?.[1])
  }

  snapshot(): Promise<Snapshot> {
    return this.#child.ask<Snapshot>('snapshot')
  }

  /** Asks until `isSo`, for `limitMs` at most. */
  async until(isSo: (snapshot: Snapshot) => boolean, limitMs = hangMs): Promise<Snapshot> {
    const end = performance.now() + limitMs
    for (;;) {
      const snapshot = await this.snapshot()
      if (isSo(snapshot)) return snapshot
      assert.ok(
        performance.now() < end,
        `not within ${limitMs} ms: ${JSON.stringify([snapshot.sources, snapshot.conditions])} ${this.output.slice(-1500)}`,
      )
    }
  }

  reset(): void {
    this.#child.reset()
  }

  /** Prints what it took, stops it, and fails where any of it is too much. */
  async assertBounded({ mostMb = 640 } = {}): Promise<void> {
    const { peakBytes, longestMs } = await this.#child.taken()
    const { stopMs } = await this.#child.ask<{ stopMs: number }>('stop')
    assert.ok(peakBytes < mostMb * megabyte, `${peakBytes} bytes`)
    assert.ok(longestMs < mostTurnMs, `a turn of ${longestMs} ms`)
    assert.ok(stopMs < 30_000, `stopped within ${stopMs} ms`)
  }
}

/** How many events the source has accepted. */
export const accepted = ({ sources }: Snapshot): number =>
  Number(sources[0]?.counters?.['EventAcceptedCount'] ?? 0)
