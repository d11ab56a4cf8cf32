// The published package: built JavaScript and no Node binary, no install script, nothing of the checkout.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'

const root = new URL('..', import.meta.url).pathname

test('the packed tarball runs on a Node of the user and carries none', () => {
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
      files.filter(path => /(^|\/)node(\.exe)?$|\.test\.|^src\/|^test\//.test(path)),
      [],
    )
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

    // As npm would install it: its dependencies beside it, and no Node among them.
    const modules = join(unpacked, 'node_modules')
    mkdirSync(modules)
    for (const name of readdirSync(join(root, 'node_modules')))
      if (!name.startsWith('node-linux') && !name.startsWith('.'))
        symlinkSync(join(root, 'node_modules', name), join(modules, name))
    const ran = spawnSync(join(unpacked, 'bin/flume-ng'), ['version'], {
      encoding: 'utf8',
      env: { PATH: `${dirname(process.execPath)}:/usr/bin:/bin` },
    })
    assert.deepEqual([ran.status, ran.stderr], [0, ''])
    assert.match(ran.stdout, /^Millrace 0\./)
    // The whole system, from the link that npm makes for it.
    const link = join(directory, 'millrace')
    symlinkSync(join(unpacked, 'bin/millrace'), link)
    const demo = spawnSync(link, ['demo', '--events', '200', '--exit', '--port', '0', '--avro-port', '0'], {
      encoding: 'utf8',
      env: { PATH: `${dirname(process.execPath)}:/usr/bin:/bin` },
      timeout: 60_000,
    })
    assert.equal(demo.status, 0, `${demo.stdout}${demo.stderr}`)
    assert.match(demo.stdout, /^200 events sent, 200 arrived, all in order, none twice$/m)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
