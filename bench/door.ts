// npm run bench -- door: what an HTTP door costs a start: node:http beside fastify, in turn in one run.
//
// Each start is a process of its own whose compile cache is warm, as an agent's is. Counted is the time, and the CPU, from
// the first import to the moment the port is open, with the five pages of an agent and a schema for each answer (fastify).
// fastify is no dependency: it is installed into a directory of its own, which is removed.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const version = '5.12.8'
const rounds = Number(process.env['MILLRACE_BENCH_ROUNDS'] ?? 20)

const programs = {
  'node:http': `
    const { createServer } = await import('node:http')
    const server = createServer((request, response) => response.end('{}'))
    await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))`,
  fastify: `
    const { default: fastify } = await import('fastify')
    const server = fastify()
    const schema = { response: { 200: { type: 'object', properties: { ok: { type: 'boolean' } }, additionalProperties: true } } }
    for (const path of ['/metrics', '/metrics/prometheus', '/health', '/snapshot', '/events'])
      server.get(path, { schema }, () => ({ ok: true }))
    await server.listen({ port: 0, host: '127.0.0.1' })`,
}

const programOf = (body: string): string => `
import { enableCompileCache } from 'node:module'
enableCompileCache(new URL('cache', import.meta.url).pathname)
const begun = performance.now()
const before = process.cpuUsage()
${body}
const { user, system } = process.cpuUsage(before)
console.log(performance.now() - begun, (user + system) / 1000)
server.close()
`

export async function runDoorBench(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-door-'))
  try {
    execFileSync('npm', ['install', '--prefix', directory, '--ignore-scripts', `fastify@${version}`], {
      stdio: 'ignore',
    })
    const figures = new Map<string, [wall: number, cpu: number][]>()
    for (let round = -2; round < rounds; round++)
      for (const [name, body] of Object.entries(programs)) {
        const file = join(directory, `${name.replace(':', '-')}.mjs`)
        writeFileSync(file, programOf(body))
        const [wall, cpu] = execFileSync(process.execPath, [file], { encoding: 'utf8' })
          .split(' ')
          .map(Number)
        if (round >= 0) figures.set(name, [...(figures.get(name) ?? []), [wall!, cpu!]])
      }
    for (const [name, each] of figures) {
      const of = (at: 0 | 1) => {
        const sorted = each.map(one => one[at]).sort((a, b) => a - b)
        return `least ${sorted[0]!.toFixed(1)} ms, median ${sorted[sorted.length >> 1]!.toFixed(1)} ms`
      }
      console.log(`${name.padEnd(10)} time ${of(0)}; CPU ${of(1)}`)
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
