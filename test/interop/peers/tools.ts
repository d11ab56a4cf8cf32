// The command line tools of a Kafka release, all in one JVM: starting one takes seconds, running a tool
// in it a fraction of one.
//
//   await using tools = await startTools('kafka-4.1.0', directory)
//   const printed = await tools.run('org.apache.kafka.tools.TopicCommand', ['--list', ...])
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { java } from './peers.ts'

export interface Tools extends AsyncDisposable {
  /** Gives what the tool prints; rejects with it where the tool exits with another code than `code`, 0 where absent. */
  run(main: string, words: readonly string[], options?: { input?: string; code?: number }): Promise<string>
}

export async function startTools(peer: 'kafka-4.1.0' | 'kafka-0.10.2.1', directory: string): Promise<Tools> {
  const file = (name: string, text: string) => {
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, name), text)
    return join(directory, name)
  }
  // What the clients log is not what the tool prints.
  const log4j2 = file('tools-log4j2.properties', 'rootLogger.level=off\n')
  const log4j = file('tools-log4j.properties', 'log4j.rootLogger=OFF\n')
  const policy = file('tools.policy', 'grant { permission java.security.AllPermission; };\n')
  const running = await java(peer, directory, `tools-${peer}`, {
    // Tools end by System.exit, which nothing but a security manager keeps from ending all of them.
    options: [
      '-Djava.security.manager=allow',
      '-Dfile.encoding=UTF-8',
      `-Djava.security.policy=${policy}`,
      `-Dlog4j2.configurationFile=${log4j2}`,
      `-Dlog4j.configuration=file:${log4j}`,
    ],
    main: [new URL('tool-server.java', import.meta.url).pathname],
    ready: /^tools on \d+/m,
  })
  const port = Number(/^tools on (\d+)/m.exec(running.output)![1])
  return {
    run: (main, words, { input = '', code = 0 } = {}) =>
      new Promise((resolve, reject) => {
        const lines = [main, Buffer.from(input).toString('base64'), ...words]
        const socket = connect(port, '127.0.0.1', () => socket.end(`${lines.join('\n')}\n`))
        const answer: Buffer[] = []
        socket.on('data', chunk => answer.push(chunk))
        socket.on('error', reject)
        socket.on('end', () => {
          const text = Buffer.concat(answer).toString()
          const at = text.indexOf('\n')
          const printed = text.slice(at + 1)
          if (text.slice(0, at) === String(code)) resolve(printed)
          else reject(new Error(`${main} ${words.join(' ')} exits with ${text}`))
        })
      }),
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  }
}
