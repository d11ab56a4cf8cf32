// What a start loads, and where it may keep what it has compiled.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync } from 'node:fs'
import { readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { root } from './source-text.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-start-'))
after(() => rmSync(directory, { recursive: true, force: true }))

/** The files a command has loaded when it ends, from the root of the project. */
function filesLoadedBy(args: readonly string[], environment: Record<string, string> = {}): string[] {
  const list = join(directory, 'loaded')
  const hook = join(directory, 'hook.mjs')
  writeFileSync(
    hook,
    `import { registerHooks } from 'node:module'
import { writeFileSync } from 'node:fs'
const seen = []
registerHooks({ load(url, context, next) { seen.push(url); return next(url, context) } })
process.on('exit', () => writeFileSync(${JSON.stringify(list)}, seen.join('\\n')))
if (process.argv.includes('broker')) {
  const write = process.stderr.write
  process.stderr.write = function (text, ...rest) {
    if (/Kafka broker .* started/.test(text)) process.kill(process.pid, 'SIGTERM')
    return write.call(this, text, ...rest)
  }
}
`,
  )
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--import', hook, join(root, 'bin', 'start.mjs'), ...args],
    { env: { ...process.env, ...environment }, encoding: 'utf8', timeout: 120_000 },
  )
  assert.equal(status, 0, stderr)
  const below = new URL('.', `file://${root}/`).href
  return readFileSync(list, 'utf8')
    .split('\n')
    .filter(url => url.startsWith('file:') && !url.endsWith('/hook.mjs'))
    .map(url => url.slice(below.length))
}

describe('a start loads what it needs', () => {
  const agents =
    /^src\/(topology|sources|sinks|channels|interceptors|selectors|sink-processors|kafka-client|avro-rpc|demo)\//

  test('the broker: nothing of the agents, no library but those of its arguments, its log and its compression', () => {
    const loaded = filesLoadedBy([
      'millrace',
      'broker',
      '--override',
      'port=0',
      '--override',
      `log.dirs=${join(directory, 'logs')}`,
    ])
    assert.deepEqual(
      loaded.filter(file => agents.test(file)),
      [],
    )
    const libraries = loaded
      .filter(file => file.startsWith('node_modules/'))
      .map(file => file.replace(/^node_modules\/((@[^/]+\/)?[^/]+).*/, '$1'))
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>
    }
    const own = [...new Set(libraries)].filter(name => Object.hasOwn(dependencies, name))
    assert.deepEqual(own.sort(), ['@platformatic/wasm-utils', 'commander', 'pino'])
    // Each costs 1 ms where it is compiled already and 3 where it is not; the whole start may take 500.
    assert.ok(loaded.length < 260, `${loaded.length} files`)
  })

  test("one of Kafka's tools: nothing of the agents and the broker, no library but that of its arguments", () => {
    const loaded = filesLoadedBy(['kafka-topics.sh', 'topics', '--help'])
    const others =
      /^src\/(topology|sources|sinks|channels|interceptors|selectors|sink-processors|avro-rpc|demo|broker)\//
    assert.deepEqual(
      loaded.filter(file => others.test(file) || /^node_modules\/(pino|prom-client|node-forge)\//.test(file)),
      [],
    )
    assert.ok(loaded.length < 170, `${loaded.length} files`)
  })

  test('what an agent is made of has no HTTP door until monitoring is asked for', () => {
    const configuration = join(directory, 'a.conf')
    writeFileSync(
      configuration,
      'a.sources = s\na.channels = c\na.sources.s.type = seq\na.sources.s.channels = c\na.channels.c.type = memory\n',
    )
    const loaded = filesLoadedBy(['millrace', 'check', '-n', 'a', '-f', configuration])
    assert.ok(loaded.includes('src/observe/monitoring.ts'))
    assert.deepEqual(
      loaded.filter(file => /http-door|metrics-prometheus/.test(file)),
      [],
    )
  })

  test('a version: next to nothing', () => {
    const loaded = filesLoadedBy(['millrace', '--version'])
    assert.ok(loaded.length < 16, loaded.join('\n'))
  })
})

describe('compiled code is kept where nobody else can write', () => {
  const uid = process.getuid?.() ?? 0
  let count = 0

  interface Place {
    /** The checkout of the case, with its bin/ and an empty node_modules/. */
    readonly checkout: string
    /** XDG_CACHE_HOME of the case. */
    readonly caches: string
  }

  /** Where it is kept after `prepare`, from the directory of the case; null for nowhere. */
  function keptAt(prepare: (place: Place) => void, environment: Record<string, string> = {}): string | null {
    const home = join(directory, String(count++))
    const place = { checkout: join(home, 'checkout'), caches: join(home, 'caches') }
    for (const path of [home, place.checkout, join(place.checkout, 'node_modules')])
      mkdirSync(path, { mode: 0o755 })
    cpSync(join(root, 'bin'), join(place.checkout, 'bin'), { recursive: true })
    prepare(place)
    const program = `import('${place.checkout}/bin/compile-cache.mjs').then(it => {
      it.keepCompiledCode()
      process.stdout.write(require('node:module').getCompileCacheDir() ?? '')
    })`
    const { NODE_COMPILE_CACHE: _, NODE_DISABLE_COMPILE_CACHE: __, ...clean } = process.env
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], {
      env: { ...clean, XDG_CACHE_HOME: place.caches, ...environment },
      encoding: 'utf8',
    })
    assert.equal(stderr, '')
    // Node keeps it in a directory of its version below.
    return stdout === '' ? null : stdout.slice(home.length + 1).replace(/\/[^/]*$/, '')
  }

  const inCheckout = 'checkout/node_modules/.cache/millrace'
  const inCaches = 'caches/millrace'

  test('in the checkout of the user, readable for nobody else', () => {
    let made = ''
    assert.equal(
      keptAt(({ checkout }) => void (made = join(checkout, 'node_modules', '.cache'))),
      inCheckout,
    )
    assert.equal(statSync(made).mode & 0o777, 0o700)
    assert.equal(statSync(join(made, 'millrace')).mode & 0o777, 0o700)
  })

  test('in a checkout that a group works on, with that group', () => {
    const shared = ({ checkout }: Place) => {
      for (const path of [checkout, join(checkout, 'node_modules')]) chmodSync(path, 0o775)
    }
    assert.equal(keptAt(shared), inCheckout)
  })

  const elsewhere: Record<string, (place: Place) => void> = {
    'anybody may write to its node_modules': ({ checkout }) =>
      chmodSync(join(checkout, 'node_modules'), 0o777),
    'anybody may write to its cache': ({ checkout }) => {
      mkdirSync(join(checkout, 'node_modules', '.cache', 'millrace'), { recursive: true })
      chmodSync(join(checkout, 'node_modules', '.cache', 'millrace'), 0o777)
    },
    'its cache is a link': ({ checkout, caches }) => {
      mkdirSync(join(checkout, 'node_modules', '.cache'))
      mkdirSync(caches, { mode: 0o700 })
      symlinkSync(caches, join(checkout, 'node_modules', '.cache', 'millrace'))
    },
    'its node_modules is a file': ({ checkout }) => {
      rmSync(join(checkout, 'node_modules'), { recursive: true })
      writeFileSync(join(checkout, 'node_modules'), '')
    },
  }
  for (const [why, prepare] of Object.entries(elsewhere))
    test(`in the user's caches where ${why}`, () => assert.equal(keptAt(prepare), inCaches))

  test(
    "in the user's caches where the checkout is another user's",
    { skip: uid === 0 ? false : 'only root can give files away' },
    () => {
      let cache = ''
      assert.equal(
        keptAt(({ checkout }) => {
          cache = join(checkout, 'node_modules', '.cache')
          chownSync(checkout, 65534, 65534)
        }),
        inCaches,
      )
      assert.equal(existsSync(cache), false)
    },
  )

  test('nowhere for a relative XDG_CACHE_HOME without a home, or a home that is not there', () => {
    const file = ({ checkout }: Place) => {
      rmSync(join(checkout, 'node_modules'), { recursive: true })
      writeFileSync(join(checkout, 'node_modules'), '')
    }
    assert.equal(keptAt(file, { XDG_CACHE_HOME: 'caches', HOME: '/nowhere/at/all' }), null)
    assert.equal(keptAt(file, { XDG_CACHE_HOME: '/nowhere/at/all' }), null)
  })

  test(
    'nowhere for a user without a name, a home and a checkout, who can start it all the same',
    { skip: uid === 0 ? false : 'only root can be another user' },
    context => {
      chmodSync(directory, 0o755)
      const place = join(directory, 'nameless')
      cpSync(join(root, 'bin'), join(place, 'bin'), { recursive: true })
      chmodSync(place, 0o755)
      const { HOME: _, XDG_CACHE_HOME: __, NODE_COMPILE_CACHE: ___, ...environment } = process.env
      const program = `import('${place}/bin/compile-cache.mjs').then(it => {
        it.keepCompiledCode()
        process.stdout.write('none ' + require('node:module').getCompileCacheDir())
      })`
      const { stdout, stderr, error } = spawnSync(process.execPath, ['-e', program], {
        env: environment,
        encoding: 'utf8',
        uid: 54321,
        gid: 54321,
        cwd: '/',
      })
      if (error !== undefined) return context.skip('this Node is in a directory that others may not enter')
      assert.deepEqual({ stdout, stderr }, { stdout: 'none undefined', stderr: '' })
    },
  )

  test('nowhere where the caches cannot be trusted either', () => {
    const open = ({ checkout, caches }: Place) => {
      chmodSync(checkout, 0o777)
      chmodSync(join(checkout, 'node_modules'), 0o777)
      mkdirSync(caches)
      chmodSync(caches, 0o777)
    }
    // Who may write to the checkout can change the program itself: its cache is no worse.
    assert.equal(keptAt(open), inCheckout)
    assert.equal(
      keptAt(place => {
        open(place)
        chmodSync(place.checkout, 0o755)
      }),
      null,
    )
  })

  test('where NODE_COMPILE_CACHE says, and nowhere with NODE_DISABLE_COMPILE_CACHE', () => {
    const given = join(directory, 'given')
    const other = `${inCheckout}/`
    assert.ok(existsSync(given) === false)
    keptAt(() => {}, { NODE_COMPILE_CACHE: given })
    assert.ok(readdirSync(given).length > 0)
    assert.equal(
      keptAt(() => {}, { NODE_DISABLE_COMPILE_CACHE: '1' }),
      null,
    )
    assert.ok(!existsSync(join(directory, String(count - 1), other)))
  })
})
