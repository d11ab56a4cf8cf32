// One of our forms of Kafka's tools as a process, through its launcher in bin/.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { root } from '../source-text.ts'

export type ToolName =
  | 'kafka-topics.sh'
  | 'kafka-console-producer.sh'
  | 'kafka-console-consumer.sh'
  | 'kafka-consumer-groups.sh'
  | 'kafka-get-offsets.sh'
  | 'millrace'
  | 'flume-ng'

export interface Ran {
  readonly code: number | null
  /** Standard output, and standard error. */
  readonly out: string
  readonly err: string
  /** Both outputs, as bytes of standard output first. */
  readonly bytes: Buffer
  readonly tookMs: number
}

export interface ToolOptions {
  readonly input?: string | Buffer
  readonly environment?: Readonly<Record<string, string>>
  readonly limitMs?: number
}

/** A tool under way. */
export class ToolProcess {
  readonly ended: Promise<Ran>
  out = ''
  err = ''
  readonly #child
  #look: () => void = () => {}

  constructor(
    name: ToolName | 'sh',
    words: readonly string[],
    { input, environment, limitMs = 30_000 }: ToolOptions = {},
  ) {
    const begun = performance.now()
    const child = spawn(name === 'sh' ? name : join(root, 'bin', name), words, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
      timeout: limitMs,
      killSignal: 'SIGKILL',
    })
    this.#child = child
    const bytes: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => {
      bytes.push(chunk)
      this.out += chunk.toString()
      this.#look()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      this.err += chunk.toString()
      this.#look()
    })
    child.stdin.on('error', () => {})
    if (input !== undefined) child.stdin.end(input)
    this.ended = new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', code => {
        const tookMs = performance.now() - begun
        resolve({ code, out: this.out, err: this.err, bytes: Buffer.concat(bytes), tookMs })
        this.#look()
      })
    })
  }

  /** Resolves when either output matches; rejects when the process ends without. */
  says(pattern: RegExp): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#look = () => {
        if (pattern.test(this.out) || pattern.test(this.err)) resolve()
        else if (this.#child.exitCode !== null || this.#child.signalCode !== null)
          reject(new Error(`ended without ${pattern}: ${this.out}${this.err}`))
      }
      this.#look()
    })
  }

  type(text: string): void {
    this.#child.stdin.write(text)
  }

  closeInput(): void {
    this.#child.stdin.end()
  }

  /** As `| head` does when it has enough. */
  stopReading(): void {
    this.#child.stdout.destroy()
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }
}

/** The words of a command line: blanks between them, 'single quotes' around what holds some. */
export const wordsOf = (text: string): string[] =>
  [...text.matchAll(/'([^']*)'|(\S+)/g)].map(found => found[1] ?? found[2]!)

/** Runs it to its end. */
export const runShell = (command: string, options: ToolOptions = {}): Promise<Ran> =>
  new ToolProcess('sh', ['-c', command], { input: '', ...options }).ended

/** Runs it to its end. */
export const runTool = (
  name: ToolName,
  words: string | readonly string[],
  options: ToolOptions = {},
): Promise<Ran> =>
  new ToolProcess(name, typeof words === 'string' ? wordsOf(words) : words, { input: '', ...options }).ended
