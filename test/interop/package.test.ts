// The published package: built JavaScript and no Node binary, no install script, nothing of the checkout.
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import {
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
import { test } from 'node:test'

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

test('the packed tarball runs on a Node of the user and carries none', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-pack-'))
  try {
    // Packed from a copy: packing rewrites the manifest, and other tests read it meanwhile.
    const copy = join(directory, 'copy')
    const left = new Set(['node_modules', 'dist', '.git', '.peers', '.tmp'])
    cpSync(root, copy, { recursive: true, filter: path => !left.has(relative(root, path)) })
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
    execFileSync('npm', ['pack', '--ignore-scripts=false', '--pack-destination', directory], {
      cwd: copy,
      stdio: 'pipe',
    })
    const tarball = readdirSync(directory).find(name => name.endsWith('.tgz'))!
    execFileSync('tar', ['-xzf', join(directory, tarball), '-C', directory])
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
    assert.deepEqual(
      files.filter(path => /(^|\/)node(\.exe)?$|\.test\.|^src\/|^test\/|\.map$/.test(path)),
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
    const { '.': doors } = manifest['exports'] as { '.': Record<string, string> }
    for (const door of ['default', 'require'].map(one => doors[one]!))
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
