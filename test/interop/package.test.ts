// The published package: built JavaScript and no Node binary, no install script, nothing of the checkout.
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { after, test } from 'node:test'
import { buildImage } from './image.ts'
import { cached, runProgram, skipWithout } from './peers/fetch.ts'
import { freePort } from './peers/peers.ts'
import { startProcess } from './peers/process.ts'

const root = new URL('../..', import.meta.url).pathname

/** The first line that matches. Rejects when the stream ends before. */
async function lineOf(stream: Readable, pattern: RegExp): Promise<RegExpExecArray> {
  const lines = createInterface({ input: stream })
  try {
    for await (const line of lines) {
      const found = pattern.exec(line)
      if (found !== null) return found
    }
  } finally {
    stream.resume()
  }
  throw new Error(`no line ${pattern}`)
}

const packed = mkdtempSync(join(tmpdir(), 'millrace-packed-'))
after(() => rmSync(packed, { recursive: true, force: true }))
// Packed from a copy: packing rewrites the manifest, and other tests read it meanwhile.
const copy = join(packed, 'copy')
const left = new Set(['node_modules', 'dist', '.git', '.peers', '.tmp'])
cpSync(root, copy, { recursive: true, filter: path => !left.has(relative(root, path)) })
symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
execFileSync('npm', ['pack', '--ignore-scripts=false', '--pack-destination', packed], {
  cwd: copy,
  stdio: 'pipe',
})
const tarball = join(
  packed,
  readdirSync(packed).find(name => name.endsWith('.tgz'))!,
)

test('the packed tarball runs on a Node of the user and carries none', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-pack-'))
  try {
    execFileSync('tar', ['-xzf', tarball, '-C', directory])
    const unpacked = join(directory, 'package')

    const manifest = JSON.parse(readFileSync(join(unpacked, 'package.json'), 'utf8')) as Record<
      string,
      unknown
    >
    for (const key of ['optionalDependencies', 'devDependencies', 'scripts'])
      assert.equal(manifest[key], undefined, `${key} stands in the published manifest`)
    assert.deepEqual(
      JSON.parse(readFileSync(join(copy, 'package.json'), 'utf8')),
      JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')),
      'packing must leave the manifest of the checkout as it was',
    )
    const files = readdirSync(unpacked, { recursive: true, encoding: 'utf8' })
    assert.ok(
      files.includes('dist/index.js') && files.includes('dist/index.d.ts'),
      'the public door is built',
    )
    // Templates of components have theirs.
    assert.deepEqual(
      files.filter(path => /(^|\/)node(\.exe)?$|^(?!examples\/).*\.test\.|^src\/|^test\/|\.map$/.test(path)),
      [],
    )
    // What is in it leads nowhere outside: neither maps to sources nor imports of a checkout.
    for (const path of files.filter(one => /\.(m?js|ts)$/.test(one))) {
      const text = readFileSync(join(unpacked, path), 'utf8')
      assert.doesNotMatch(text, /sourceMappingURL|from '[./]*\/src\//, path)
    }
    for (const path of files) {
      const { size } = statSync(join(unpacked, path))
      assert.ok(size < 1024 * 1024, `${path} is ${size} bytes: what is it?`)
    }

    // On a machine whose Node is too old the launcher says so in one sentence.
    const old = join(directory, 'old')
    mkdirSync(old)
    const disguise = join(old, 'disguise.cjs')
    writeFileSync(
      disguise,
      "Object.defineProperties(process, { version: { value: 'v20.20.2' }, versions: { value: { node: '20.20.2' } } })\n",
    )
    writeFileSync(join(old, 'node'), `#!/bin/sh\nexec "${process.execPath}" -r "${disguise}" "$@"\n`, {
      mode: 0o755,
    })
    const refused = spawnSync(join(unpacked, 'bin/flume-ng'), ['version'], {
      encoding: 'utf8',
      env: { PATH: `${old}:/usr/bin:/bin` },
    })
    assert.equal(refused.status, 1)
    assert.match(
      refused.stderr,
      /^flume-ng: Millrace needs Node 22\.22 or newer, and .*node is v20\.20\.2; .*\n$/,
    )

    // A program that imports it there hears the same, whichever way, before anything else is loaded.
    const importsOld = "import('millrace').catch(error => console.log(error.message))"
    const requiresOld = "try { require('millrace') } catch (error) { console.log(error.message) }"
    for (const program of [importsOld, requiresOld]) {
      const { stdout } = spawnSync(join(old, 'node'), ['-e', program], { encoding: 'utf8', cwd: unpacked })
      assert.match(
        stdout,
        /^Millrace needs Node 22\.22 or newer, and .* is v20\.20\.2; install one\n$/,
        program,
      )
    }
    const { '.': doors } = manifest['exports'] as { '.': Record<string, { default: string }> }
    for (const door of ['default', 'require'].map(one => doors[one]!.default))
      assert.deepEqual(
        [...readFileSync(join(unpacked, door), 'utf8').matchAll(/^(?:import|const) .*'(.*)'/gm)].map(
          one => one[1],
        ),
        ['../bin/node-version.cjs'],
        `${door} loads something before it asks`,
      )

    // As npm would install it: below node_modules, where Node takes no types off, its dependencies beside it,
    // and no Node among them.
    const modules = join(directory, 'project', 'node_modules')
    const installed = join(modules, 'millrace')
    mkdirSync(modules, { recursive: true })
    renameSync(unpacked, installed)
    for (const name of readdirSync(join(root, 'node_modules')))
      if (!name.startsWith('node-linux') && !name.startsWith('.'))
        symlinkSync(join(root, 'node_modules', name), join(modules, name))
    const environment = { PATH: `${dirname(process.execPath)}:/usr/bin:/bin`, HOME: directory }
    const run = (program: string, args: readonly string[]) =>
      spawnSync(program, args, { encoding: 'utf8', cwd: installed, env: environment, timeout: 60_000 })
    const ran = run('bin/flume-ng', ['version'])
    assert.deepEqual([ran.status, ran.stderr], [0, ''])
    assert.match(ran.stdout, /^Millrace 0\./)
    // Either way of importing it gives the same, and all that the types promise.
    const same =
      "import * as all from 'millrace'; import { createRequire } from 'node:module'; const one = createRequire(import.meta.url)('millrace'); console.log(one.Agent === all.Agent, Object.keys(all).join())"
    const names = Object.keys(await import('../../src/index.ts'))
    assert.equal(run('node', ['--input-type=module', '-e', same]).stdout, `true ${names.join()}\n`)
    // The whole system, from the link that npm makes for it.
    mkdirSync(join(modules, '.bin'))
    const link = join(modules, '.bin', 'millrace')
    symlinkSync('../millrace/bin/millrace', link)
    const demo = run(link, ['demo', '--events', '200', '--exit', '--port', '0', '--avro-port', '0'])
    assert.equal(demo.status, 0, `${demo.stdout}${demo.stderr}`)
    assert.match(demo.stdout, /^200 events sent, 200 arrived, all in order, none twice$/m)

    // The examples, with the commands of their READMEs.
    const inProgram = run('node', ['examples/03-in-a-program/run.mjs'])
    assert.deepEqual([inProgram.stdout, inProgram.stderr], ['0 1 2\n', ''])
    for (const [name, example] of [
      ['a1', 'examples/01-one-agent/one-agent.conf'],
      ['avro-memory-kafka', 'conf/avro-memory-kafka.conf'],
      ['kafka-memory-avro', 'conf/kafka-memory-avro.conf'],
      ['a1', 'examples/04-own-component/shout.conf'],
    ] as const) {
      const checked = run('bin/millrace', ['check', '--name', name, '-c', 'conf', '-f', example])
      assert.equal(checked.status, 0, `${example}: ${checked.stdout}${checked.stderr}`)
    }
    // Templates, with their tests, in a project that has the package.
    const project = join(directory, 'project')
    for (const kind of ['interceptor', 'sink', 'source']) {
      const made = run('bin/millrace', ['init', kind, `my-${kind}`, '-d', project])
      assert.equal(made.status, 0, made.stderr)
      const tested = run('node', ['--test', join(project, `my-${kind}.test.ts`)])
      assert.equal(tested.status, 0, tested.stdout)
    }
    // A component of somebody's own, in a directory that knows nothing of the package.
    cpSync(join(installed, 'examples/04-own-component'), join(directory, 'own'), { recursive: true })
    const agent = ['agent', '--name', 'a1', '-f', join(directory, 'own', 'shout.conf')]
    const shouting = spawn('bin/flume-ng', agent, {
      cwd: installed,
      env: { ...environment, NETCAT_PORT: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    try {
      const [, port] = await lineOf(shouting.stderr, /netcat source listens on 127\.0\.0\.1:(\d+)/)
      connect(Number(port), '127.0.0.1').end('hello\n')
      await lineOf(shouting.stdout, /^HELLO!!$/)
    } finally {
      shouting.kill()
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})

const judges = ['publint@0.3.25', '@arethetypeswrong/cli@0.18.5']
const compilers = { 'typescript-5.4': 'typescript@5.4.5', 'typescript-7.0': 'typescript@7.0.2' }
const getJudges = () =>
  cached('package-judges', making =>
    runProgram('npm', [
      'install',
      '--prefix',
      making,
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      ...judges,
      ...Object.entries(compilers).map(([name, version]) => `${name}@npm:${version}`),
    ]),
  )
const skipJudges = await skipWithout('publint and attw', getJudges)

test(
  'publint and attw find nothing, and TypeScript 5.4 and 7.0 take the types',
  { skip: skipJudges },
  async () => {
    const modules = join(await getJudges(), 'node_modules')
    const bin = (name: string, words: readonly string[], cwd: string) =>
      spawnSync(join(modules, '.bin', name), words, { cwd, encoding: 'utf8', timeout: 120_000 })
    const linted = bin('publint', ['run', tarball, '--strict'], packed)
    assert.equal(linted.status, 0, linted.stdout + linted.stderr)
    const judged = bin('attw', [tarball, '--format', 'ascii'], packed)
    assert.equal(judged.status, 0, judged.stdout + judged.stderr)

    const project = join(packed, 'project')
    const installed = join(project, 'node_modules', 'millrace')
    mkdirSync(installed, { recursive: true })
    execFileSync('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1'])
    // What a project has beside it: the types of Node, and the dependencies.
    for (const name of readdirSync(join(root, 'node_modules')))
      if (!name.startsWith('.'))
        symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name))
    writeFileSync(join(project, 'package.json'), '{"type":"module"}')
    writeFileSync(
      join(project, 'main.ts'),
      `import { Event, startAgent, startBroker, type Agent } from 'millrace'
const agent: Agent = await startAgent({ name: 'a1', configuration: '' })
await agent.stop()
await using broker = await startBroker({})
export const seen = [broker, Event.of({}, 'x')]
`,
    )
    writeFileSync(
      join(project, 'other.cts'),
      "import millrace = require('millrace')\nexport const { startAgent } = millrace\n",
    )
    // Strict, and the declarations of the package and of its dependencies are checked as well.
    const options = { strict: true, module: 'nodenext', target: 'es2022', lib: ['esnext'], noEmit: true }
    writeFileSync(
      join(project, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: { ...options, types: ['node'], skipLibCheck: false },
        files: ['main.ts', 'other.cts'],
      }),
    )
    for (const name of Object.keys(compilers)) {
      const compiled = spawnSync(process.execPath, [join(modules, name, 'bin/tsc'), '-p', '.'], {
        cwd: project,
        encoding: 'utf8',
        timeout: 120_000,
      })
      assert.deepEqual([compiled.status, compiled.stdout], [0, ''], name)
    }
  },
)

const isRoot = process.getuid?.() === 0
const skipImage = isRoot ? false : 'the image changes owners, and its program runs as another user'

test(
  'the image of the package runs without rights, is found ready, and stops',
  { skip: skipImage },
  async () => {
    const { directory, user, environment, command, healthCheck } = await buildImage(
      join(root, 'examples/ops/docker/Dockerfile'),
      { files: { '${PACKAGE}': tarball }, below: packed },
    )
    assert.equal(user, '10001:10001')
    // What the base image has; and a way to it for the other user.
    mkdirSync(join(directory, 'usr/local/bin'), { recursive: true })
    cpSync(process.execPath, join(directory, 'usr/local/bin/node'))
    chmodSync(packed, 0o755)
    const size = Number((await runProgram('du', ['-sk', join(directory, 'opt')])).split('\t')[0]) / 1024
    assert.ok(size < 60, `the package and its dependencies take ${size} MiB`)
    writeFileSync(
      join(directory, 'etc/millrace/flume.conf'),
      `a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = seq
a1.sources.r1.totalEvents = 3
a1.sources.r1.channels = c1
a1.channels.c1.type = file
a1.sinks.k1.type = logger
a1.sinks.k1.channel = c1
`,
    )
    const port = await freePort()
    const asUser = (words: readonly string[]) => [
      'setpriv',
      '--reuid=10001',
      '--regid=10001',
      '--clear-groups',
      '--no-new-privs',
      ...words.map(word => word.replace('41414', String(port))),
    ]
    const env = {
      ...environment,
      PATH: environment['PATH']!.replace('/usr/local/bin', join(directory, 'usr/local/bin')),
      XDG_RUNTIME_DIR: join(directory, 'var/lib/millrace'),
    }
    const isHealthy = () => {
      const [program, ...words] = asUser(healthCheck)
      return spawnSync(program!, words, { env, timeout: 60_000 }).status
    }
    assert.equal(isHealthy(), 1)
    await using agent = await startProcess({
      name: 'image',
      directory: packed,
      cwd: join(directory, 'var/lib/millrace'),
      command: asUser(command),
      environment: env,
      ready: /Agent a1 started/,
    })
    assert.equal(isHealthy(), 0)
    assert.match(readFileSync(`/proc/${agent.pid}/status`, 'utf8'), /^Uid:\t10001\t10001\t10001/m)
    assert.ok(readdirSync(join(directory, 'var/lib/millrace/.flume/file-channel/data')).length > 0)
    assert.equal(await agent.stop(), 0, agent.output)
  },
)
