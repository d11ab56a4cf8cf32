// Runs docs/guides/the-two-agent-system.md as a reader would: the commands of its blocks, in their order, from an
// empty directory. `sh` blocks run to their end; `sh terminal` blocks run on, each in a terminal of its own, until
// they print what the page says to wait for. The first block begins every terminal.
//
// As a program: runs the page in the directory given, as it stands, and prints what was seen as one line of JSON.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startProcess, type Running } from '../interop/peers/process.ts'
import { read, root } from '../source-text.ts'

export interface PageRun {
  /** What each block printed, both outputs; those of terminals until they were stopped. */
  readonly printed: readonly { readonly commands: string; readonly text: string }[]
  /** From the first command to the end of the one that prints the message. */
  readonly messageMs: number
  /** How the terminals ended. */
  readonly ended: readonly (number | NodeJS.Signals)[]
}

interface Block {
  readonly commands: string
  readonly isTerminal: boolean
  /** What follows it up to the next block. */
  readonly after: string
}

/** The blocks of the page that are commands. */
export function blocksOf(page: string): Block[] {
  const [, ...parts] = page.split(/^```/m)
  const blocks: Block[] = []
  for (let index = 0; index + 1 < parts.length; index += 2) {
    const [, info = '', commands = ''] = /^(.*)\n([^]*)$/.exec(parts[index]!) ?? []
    if (/^sh\b/.test(info))
      blocks.push({ commands, isTerminal: info === 'sh terminal', after: parts[index + 1]! })
  }
  return blocks
}

/** `change` is what is not as the page has it, such as ports. */
export async function runPage(
  directory: string,
  environment: Readonly<Record<string, string>>,
  change: (commands: string) => string = commands => commands,
): Promise<PageRun> {
  const blocks = blocksOf(change(read('docs/guides/the-two-agent-system.md')))
  const [beginning, ...steps] = blocks
  const env = { ...process.env, MILLRACE: root, ...environment }
  const printed: { commands: string; text: string }[] = []
  const terminals: { commands: string; running: Running }[] = []
  const begun = performance.now()
  let messageMs = Infinity
  const stop = async () => {
    const ended: (number | NodeJS.Signals)[] = []
    // Agent A first, which was started last.
    for (const { commands, running } of terminals.splice(0).toReversed()) {
      ended.push(await running.stop())
      printed.push({ commands, text: running.output })
    }
    return ended
  }
  let ended: (number | NodeJS.Signals)[] = []
  try {
    for (const { commands, isTerminal, after } of steps) {
      const script = `${beginning!.commands}\n${commands}`
      if (isTerminal) {
        const [, text] = /Wait for the log line (?:that contains )?`([^`]+)`/.exec(after)!
        const ready = new RegExp(text!.replaceAll(/[.$]/g, '\\$&'))
        const name = `terminal-${terminals.length}`
        const command = ['sh', '-ec', script.replace(/^(?=flume-ng)/m, 'exec ')]
        const running = await startProcess({
          name,
          directory,
          command,
          ready,
          environment: env,
        })
        terminals.push({ commands, running })
        continue
      }
      if (/kafka-server-stop/.test(commands)) ended = await stop()
      const ran = await promisify(execFile)('sh', ['-ec', script], { cwd: directory, env, timeout: 120_000 })
      printed.push({ commands, text: ran.stdout + ran.stderr })
      if (/kafka-console-consumer/.test(commands)) messageMs = performance.now() - begun
    }
  } catch (error) {
    await stop()
    // The broker, where the page did not come to its end.
    await promisify(execFile)('sh', ['-c', `${beginning!.commands}\nkafka-server-stop.sh`], {
      cwd: directory,
      env,
    }).catch(() => {})
    throw error
  }
  return { printed, messageMs, ended }
}

if (import.meta.main) console.log(JSON.stringify(await runPage(join(process.argv[2]!), {})))
