// One of our agents in the chains of tests that break things: its process is killed and started again, and looked at
// from outside, by /proc, /metrics, /health and what it prints.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { Snapshot } from '../../src/observe/snapshot.ts'
import { freePort, startMillrace, type Running } from '../interop/peers/peers.ts'

export type Name = 'A' | 'B'
export type Metrics = Readonly<Record<string, Readonly<Record<string, string>>>>

export const count = (metrics: Metrics | null, component: string, attribute: string): number =>
  Number(metrics?.[component]?.[attribute] ?? 0)

export class ChainAgent implements AsyncDisposable {
  readonly name: Name
  readonly conf: string
  readonly #directory: string
  readonly #port: number
  #running: Running | null = null
  /** What its processes before the present one printed. */
  readonly #earlier: string[] = []
  #linesRead = 0
  /** Most resident memory seen, in MiB, and most events in the channel, since they were last set to 0. */
  mostMib = 0
  mostHeld = 0

  /** `port`: where its state can be read. */
  constructor(name: Name, directory: string, conf: string, port: number) {
    this.name = name
    this.#directory = directory
    this.conf = conf
    this.#port = port
  }

  static async of(name: Name, directory: string, conf: string): Promise<ChainAgent> {
    return new ChainAgent(name, directory, conf, await freePort())
  }

  /** Of its monitoring page. */
  get address(): string {
    return `127.0.0.1:${this.#port}`
  }

  /** The present process, or the last one. */
  get running(): Running {
    assert.ok(this.#running !== null, `agent ${this.name} was never started`)
    return this.#running
  }

  async start(ready?: RegExp): Promise<void> {
    if (this.#running !== null) this.#earlier.push(this.#running.output)
    this.#running = null
    this.#running = await startMillrace(this.#directory, {
      agent: this.name,
      conf: this.conf,
      properties: {
        'flume.monitoring.type': 'http',
        'flume.monitoring.port': this.#port,
        'flume.monitoring.host': '127.0.0.1',
      },
      ...(ready === undefined ? {} : { ready }),
    })
  }

  /** Kills the process and waits until it is gone. */
  async kill(): Promise<void> {
    this.running.kill('SIGKILL')
    await this.running.ended
  }

  /** Tells the process to stop, which it must do well. */
  async stop(): Promise<void> {
    assert.equal(await this.running.stop(), 0, `${this.name}: ${this.running.output.slice(-2000)}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running?.stop()
  }

  /** Null while nobody answers. */
  async metrics(): Promise<Metrics | null> {
    try {
      const answer = await fetch(`http://127.0.0.1:${this.#port}/metrics`, { keepalive: false })
      return (await answer.json()) as Metrics
    } catch {
      return null
    }
  }

  /** Null while nobody answers. */
  async snapshot(): Promise<Snapshot | null> {
    try {
      const answer = await fetch(`http://127.0.0.1:${this.#port}/snapshot`, { keepalive: false })
      return (await answer.json()) as Snapshot
    } catch {
      return null
    }
  }

  async count(component: string, attribute: string): Promise<number> {
    const metrics = await this.metrics()
    assert.ok(metrics !== null, `agent ${this.name} does not answer`)
    return count(metrics, component, attribute)
  }

  /** Null while all is well, else what is wrong. */
  async problem(): Promise<string | null> {
    const answer = await fetch(`http://127.0.0.1:${this.#port}/health`)
    const text = await answer.text()
    return answer.status === 200 ? null : text
  }

  /** Resident memory, in MiB. */
  get rssMib(): number {
    const status = readFileSync(`/proc/${this.running.pid}/status`, 'utf8')
    return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024
  }

  async sample(): Promise<void> {
    this.mostMib = Math.max(this.mostMib, this.rssMib)
    this.mostHeld = Math.max(this.mostHeld, await this.count('CHANNEL.c', 'ChannelSize'))
  }

  /** Events in its channel when it was opened. */
  get reopened(): number {
    return Number(/channel c opened with (\d+) events?/.exec(this.running.output)?.[1] ?? 0)
  }

  /** Whether events have passed through the present process. */
  async isAtWork(): Promise<boolean> {
    const metrics = await this.metrics()
    return (
      count(metrics, 'SOURCE.s', 'EventAcceptedCount') > 0 &&
      count(metrics, 'SINK.k', 'EventDrainSuccessCount') > 0
    )
  }

  /** What each of its processes printed. */
  get logs(): readonly string[] {
    return [...this.#earlier, this.#running?.output ?? '']
  }

  /** All lines of all its lives. */
  get lines(): string[] {
    return this.logs.flatMap(log => log.split('\n').filter(line => line !== ''))
  }

  /** The end of what each process printed. */
  get lastLines(): string {
    return this.logs.map(log => `${this.name}:\n${log.split('\n').slice(-20).join('\n')}`).join('\n----\n')
  }

  /** Lines since the last call. */
  newLines(): string[] {
    const all = this.lines
    const fresh = all.slice(this.#linesRead)
    this.#linesRead = all.length
    return fresh
  }
}
