// HDFS of Hadoop 3.3.6: a NameNode and DataNodes in one JVM, on ports of their own.
import { randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { join } from 'node:path'
import { java, type Running } from './peers.ts'

export interface Hdfs extends Running {
  /** `hdfs://127.0.0.1:port`, of Hadoop's own protocol. */
  readonly uri: string
  /** `http://127.0.0.1:port`, of WebHDFS. */
  readonly http: string
  /** Answers with the lines that the command printed; rejects where it failed. See mini-hdfs.java. */
  command(line: string): Promise<string[]>
  /** Paths of all files. */
  files(): Promise<string[]>
}

export async function startHdfs(directory: string, dataNodes = 1): Promise<Hdfs> {
  const home = join(directory, `hdfs-${randomUUID().slice(0, 8)}`)
  const running = await java('hadoop-3.3.6', home, 'hdfs', {
    main: [new URL('mini-hdfs.java', import.meta.url).pathname, join(home, 'data'), String(dataNodes)],
    ready: /^HDFS started/m,
  })
  const [, rpc, http, commands] = /HDFS started rpc=(\d+) http=(\d+) commands=(\d+)/.exec(running.output)!
  const command = (line: string) =>
    new Promise<string[]>((resolve, reject) => {
      const socket = connect(Number(commands), '127.0.0.1', () => socket.write(`${line}\n`))
      const chunks: Buffer[] = []
      socket.on('data', chunk => chunks.push(chunk))
      socket.on('error', reject)
      socket.on('end', () => {
        const lines = Buffer.concat(chunks).toString().split('\n').slice(0, -1)
        const last = lines.pop()
        if (last === 'done') resolve(lines)
        else reject(new Error(`${line}: ${String(last)}`))
      })
    })
  return Object.assign(running, {
    uri: `hdfs://127.0.0.1:${rpc}`,
    http: `http://127.0.0.1:${http}`,
    command,
    files: async () => (await command('list')).map(line => line.slice(0, line.lastIndexOf(' '))).sort(),
  })
}
