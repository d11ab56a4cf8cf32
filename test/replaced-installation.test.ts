// An installation that is replaced under a running agent, or lacks a file: the agent says so, and what to do.
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { inDirectory } from './demo/demo-process.ts'
import { startProcess } from './interop/peers/process.ts'
import { root } from './source-text.ts'

const configuration = (sink: string) => `a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = seq
a1.sources.r1.totalEvents = 1
a1.sources.r1.channels = c1
a1.channels.c1.type = memory
a1.sinks.k1.type = ${sink}
a1.sinks.k1.channel = c1
`

test('a changed configuration is refused, and /health says why', () =>
  inDirectory(async directory => {
    const copy = join(directory, 'copy')
    mkdirSync(copy)
    for (const name of ['bin', 'src', 'package.json'])
      cpSync(join(root, name), join(copy, name), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
    // What is loaded last of all: as in an installation that was replaced before.
    rmSync(join(copy, 'src/observe/metrics-prometheus.ts'))
    const file = join(directory, 'flume.conf')
    writeFileSync(file, configuration('logger'))
    const monitoring = ['type=http', 'host=127.0.0.1', 'port=0'].map(one => `-Dflume.monitoring.${one}`)
    await using agent = await startProcess({
      name: 'agent',
      directory,
      command: [join(copy, 'bin/flume-ng'), 'agent', '-n', 'a1', '-f', file, ...monitoring],
      ready: /Agent a1 started/,
    })
    const [, url] = /Monitoring on (\S+)\/metrics,/.exec(agent.output)!
    const page = await fetch(`${url}/metrics/prometheus`)
    assert.equal(page.status, 500)
    assert.match(
      await page.text(),
      /^this page cannot be made: a file of the program is missing; .* restart it\n$/,
    )

    rmSync(join(copy, 'src/sinks/null.ts'))
    writeFileSync(file, configuration('null'))
    agent.kill('SIGHUP')
    await agent.line(
      /the change is refused .*the installation in \S+\/copy was replaced while this agent runs/,
    )
    const health = (await (await fetch(`${url}/health`)).json()) as { ok: boolean; warnings: unknown[] }
    assert.equal(health.ok, true)
    assert.equal(health.warnings.length, 2, JSON.stringify(health))
    agent.kill('SIGTERM')
    assert.equal(await agent.ended, 0, agent.output)
  }))
