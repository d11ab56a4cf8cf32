// The command line as a user meets it: the launchers through links and from any directory, options in
// every form, reload, backup, addresses, log files, and the codes they end with.
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { watch } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { after, describe, test } from 'node:test'
import { startDriver } from './tools/tool-driver.ts'

const root = join(import.meta.dirname, '..')
const directory = mkdtempSync(join(tmpdir(), 'command-line-'))
after(() => rmSync(directory, { recursive: true, force: true }))
const inside = (name: string) => join(directory, name)

/** A process whose output can be waited for. */
class Run {
  readonly child: ChildProcess
  readonly ended: Promise<number | null>
  output = ''
  #waiting: (() => void)[] = []
  #closed = false

  constructor(program: string, args: readonly string[], cwd = directory, stdin = '') {
    this.child = spawn(program, args, { cwd, stdio: ['pipe', 'pipe', 'pipe'] })
    this.child.stdin!.on('error', () => {})
    this.child.stdin!.end(stdin)
    for (const stream of [this.child.stdout!, this.child.stderr!])
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text
        this.#wake()
      })
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject)
      this.child.on('close', code => {
        this.#closed = true
        this.#wake()
        resolve(code)
      })
    })
  }

  #wake() {
    for (const wake of this.#waiting.splice(0)) wake()
  }

  async says(pattern: RegExp, times = 1): Promise<void> {
    while ((this.output.match(new RegExp(pattern, 'g'))?.length ?? 0) < times) {
      if (this.#closed) assert.fail(`ended without ${pattern}:\n${this.output}`)
      await new Promise<void>(resolve => void this.#waiting.push(resolve))
    }
  }

  async stop(): Promise<number | null> {
    this.child.kill('SIGTERM')
    return await this.ended
  }
}

const flumeNg = (args: readonly string[], cwd?: string, stdin?: string) =>
  new Run(join(root, 'bin/flume-ng'), args, cwd, stdin)

const configuration = (events: number, more = '') => `a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = seq
a1.sources.r1.totalEvents = ${events}
a1.sources.r1.channels = c1
a1.channels.c1.type = memory
a1.sinks.k1.type = logger
a1.sinks.k1.channel = c1
${more}`

/** What ends by itself does so in one process, one after another; the launchers and what an agent does have their own. */
const driver = startDriver()
after(() => driver[Symbol.asyncDispose]())

const file = (name: string, text: string) => {
  writeFileSync(inside(name), text)
  return inside(name)
}

describe('the command line', { concurrency: 2 }, () => {
  for (const program of ['flume-ng', 'millrace'])
    test(`${program} through two links, from another directory`, async () => {
      const links = inside(`links-${program}`)
      mkdirSync(links)
      symlinkSync(relative(links, join(root, 'bin', program)), join(links, 'one'))
      symlinkSync('one', join(links, 'two'))
      const run = new Run('./two', ['version'], links)
      assert.equal(await run.ended, 0)
      assert.match(run.output, /^Millrace \d+\.\d+\.\d+/)
    })

  const codes: readonly (readonly [args: string, code: number, said: RegExp])[] = [
    ['help', 0, /^Usage: flume-ng <command>/],
    ['', 1, /^Error: Unknown or unspecified command ''\n\nUsage: flume-ng <command>/],
    ['bogus', 1, /^Error: Unknown or unspecified command 'bogus'\. flume-ng help lists the commands\.\n$/],
    ['agnet -n a1', 1, /^Error: [^\n]* 'agnet'\. Did you mean agent\? flume-ng help lists the commands\.\n$/],
    ['constructor', 1, /^Error: [^\n]* 'constructor'\. [^\n]*\n$/],
    ['agent', 1, /the agent to run is not named: add --name NAME/],
    ['agent -n a1', 1, /no configuration: add --conf-file FILE/],
    ['agent -n a1 -c', 1, /'-c, --conf <directory>' argument missing/],
    ['agent -n a1 --nam a1', 1, /^flume-ng: unknown option '--nam'\. Did you mean --name\?\n$/],
    ['agent -n a1 --bogus', 1, /unknown option '--bogus'/],
    ['agent -n a1 -z zk:2181 -p /flume', 1, /does not read configurations from ZooKeeper yet/],
    ['agent -n a1 --conf-provider x.Y', 1, /--conf-provider names a Java class/],
    ['agent -n a1 -f x.conf -i 0', 1, /--poll-interval 0: write seconds, more than 0/],
    ['agent -n a1 -f x.conf --dryrun', 0, /nothing is started/],
    ['agent --help', 0, /--conf-file, -f <file>/],
    ['agent -n a1 -u classpath:x.conf', 2, /there is no classpath here/],
    ['tool', 1, /no tool named/],
    ['tool fcintegritytool -l /x', 1, /cannot read directory \/x: ENOENT/],
    ['avro-client', 1, /where to\? Add --host HOST --port PORT/],
    ['avro-client -H localhost -p 1', 1, /cannot connect to localhost:1/],
  ]
  for (const [args, code, said] of codes)
    test(`flume-ng ${args}`, async () => {
      const run = await driver.run('flume-ng', args.split(' ').filter(Boolean))
      assert.equal(run.code, code, run.err)
      assert.match(`${run.err}${run.out}`, said)
    })

  test('a properties file of a command: what its format swallows is said, and another encoding refuses it', async () => {
    file('headers', 'a = \\d # one\n')
    const sending = (headers: string) =>
      driver.run('flume-ng', ['avro-client', '-H', 'localhost', '-p', '1', '-R', inside(headers)])
    const warned = await sending('headers')
    assert.equal(warned.code, 1)
    assert.match(warned.err, /headers:1: warning: a: the backslash of \\d is dropped/)
    assert.match(warned.err, /headers:1: warning: a: the text from # on is part of the value/)
    writeFileSync(inside('wide'), Buffer.from('\uFEFFa = b', 'utf16le'))
    const refused = await sending('wide')
    assert.equal(refused.code, 1)
    assert.match(
      refused.err,
      /^flume-ng: \S+wide:1: error: the file is not UTF-8 text: it begins as UTF-16 does/,
    )
  })

  test('check tells everything also to a pipe that takes it slowly, and its help is no error', async () => {
    // Twenty of a kind are printed, so they are long.
    const long = 's'.repeat(20_000)
    const keys = Array.from(
      { length: 5000 },
      (_, index) => `a1.sources.r1.${index < 20 ? long : ''}${index} = 1\n`,
    )
    file('surplus.conf', configuration(1) + keys.join(''))
    const run = new Run(join(root, 'bin/millrace'), ['check', '-n', 'a1', '-f', 'surplus.conf'])
    assert.equal(await run.ended, 0)
    assert.equal(run.output.match(/is not a key of source/g)?.length, 20)
    assert.ok(run.output.length > 400_000)
    assert.match(run.output, /^\.\.\. and 4980 more like this$/m)
    assert.match(run.output, /agent a1: 0 errors, 500\d warnings\n$/)
    const help = new Run(join(root, 'bin/millrace'), ['check', '--help'])
    assert.equal(await help.ended, 0, help.output)
    assert.match(help.output, /^Usage: millrace check/)
  })

  test('node, single dashes and = all start the agent; SIGTERM ends it with 0', async () => {
    file('plain.conf', configuration(1))
    const run = flumeNg(['node', '-name', 'a1', '-conf-file=plain.conf', '-Dflume.root.logger=INFO,console'])
    await run.says(/Agent a1 started/)
    assert.equal(await run.stop(), 0)
    assert.match(run.output, /command node is deprecated/)
    assert.match(
      run.output,
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \(k1\) \[INFO - \S+\] Component type: SINK, name: k1 started$/m,
    )
  })

  test('flume-env.sh feeds lookups, and flume.opts options', async () => {
    const conf = inside('conf')
    mkdirSync(conf)
    writeFileSync(join(conf, 'flume-env.sh'), 'export THE_TYPE=null\nexport JAVA_OPTS="-Xmx20m"\n')
    writeFileSync(join(conf, 'flume.opts'), 'name = a1\nno-reload-conf = true\n')
    const path = file('env.conf', configuration(1).replace('logger', '${env:THE_TYPE}'))
    const run = flumeNg(['agent', '-c', conf, '-f', path])
    await run.says(/Agent a1 started/)
    assert.equal(await run.stop(), 0)
    assert.match(run.output, /Null sink k1 stopped/)
  })

  test('LOGFILE writes to flume.log.dir, and nothing to the terminal', async () => {
    const path = file('log.conf', configuration(1))
    const logs = inside('logs')
    mkdirSync(logs)
    const changes = watch(logs)
    const run = flumeNg(
      `agent -n a1 -f ${path} -Dflume.root.logger=INFO,LOGFILE -Dflume.log.dir=${logs} -Dflume.log.file=a.log -Dflume.monitoring.type=http -Dflume.monitoring.port=0`.split(
        ' ',
      ),
    )
    const written = () => (existsSync(join(logs, 'a.log')) ? readFileSync(join(logs, 'a.log'), 'utf8') : '')
    for await (const change of changes) if (change && /Agent a1 started/.test(written())) break
    assert.equal(run.output, '')
    renameSync(logs, inside('moved'))
    writeFileSync(logs, '')
    run.child.kill('SIGHUP')
    await run.says(
      /^cannot write the log \S+\/logs\/a\.log: .*; see -Dflume\.log\.dir and -Dflume\.log\.file\n$/,
    )
    assert.equal(await run.stop(), 0)
    assert.match(
      readFileSync(inside('moved/a.log'), 'utf8'),
      /Agent a1 started[^]*the log file cannot be reopened, and the process writes on in the old one[^]*Agent a1 stopped/,
    )
  })

  test('a changed file is taken over, a broken one is not, and the next change is seen again', async () => {
    const path = file('reload.conf', configuration(1))
    const monitoring = ['type=http', 'host=127.0.0.1', 'port=0'].map(one => `-Dflume.monitoring.${one}`)
    const run = flumeNg(['agent', '-n', 'a1', '-f', path, '-i', '0.1', ...monitoring])
    await run.says(/Agent a1 started/)
    const [, url] = /Monitoring on (\S+)\/metrics,/.exec(run.output)!
    const health = async () =>
      (await (await fetch(`${url}/health`)).json()) as { ok: boolean; warnings: { problem: string }[] }
    const refused = async (pattern: RegExp) => {
      const { ok, warnings } = await health()
      assert.equal(ok, true)
      assert.deepEqual(
        warnings.map(({ problem }) => pattern.test(problem)),
        [true],
        JSON.stringify(warnings),
      )
    }
    const { body } = await fetch(`${url}/events`)
    const heard = (async () => {
      let text = ''
      for await (const part of body!.pipeThrough(new TextDecoderStream())) {
        text += part
        if (text.split('"configuration changed"').length > 2) break
      }
      return text
    })()
    writeFileSync(path, configuration(2, 'a1.sinks.k1.batchsize = 3\n').replace('= logger', '= loger'))
    await run.says(/\[ERROR - \S+\] \S*reload\.conf:8: a1\.sinks\.k1\.type = loger/)
    await run.says(/the change is refused and the agent runs on as before/)
    await refused(/runs on as before: \S*reload\.conf:8: a1\.sinks\.k1\.type = loger/)
    // Another fault is told, too, and takes the place of the first.
    writeFileSync(path, configuration(2).replaceAll('a1.', 'b1.'))
    await run.says(/the change is refused and the agent runs on as before/, 2)
    await refused(/runs on as before: .*a1/)
    writeFileSync(path, configuration(3))
    await run.says(/the agent runs with the changed configuration/)
    await run.says(/body: 32 /)
    assert.deepEqual((await health()).warnings, [])
    rmSync(path)
    await run.says(/there is no such file.*the agent runs on as before/)
    await refused(/there is no such file/)
    writeFileSync(path, configuration(4))
    await run.says(/the agent runs with the changed configuration/, 2)
    assert.deepEqual((await health()).warnings, [])
    assert.match(
      await heard,
      /"configuration refused","problem":"\S*reload\.conf:8: a1\.sinks\.k1\.type = loger/,
    )
    assert.equal(await run.stop(), 0)
  })

  test('ports that are taken: the agent says what runs and what does not, and starts the rest when they are free', async () => {
    const others = [createTcpServer(), createTcpServer()]
    const [port, monitoringPort] = await Promise.all(
      others.map(
        other =>
          new Promise<number>(resolve => {
            other.listen(0, '127.0.0.1', () => resolve((other.address() as AddressInfo).port))
          }),
      ),
    )
    const more = `a1.sources = r1 r2\na1.sources.r2.type = netcat\na1.sources.r2.bind = 127.0.0.1\na1.sources.r2.port = ${port}\na1.sources.r2.channels = c1\n`
    const path = file('taken.conf', configuration(1).replace('a1.sources = r1\n', more))
    const monitoring = ['type=http', `port=${monitoringPort}`, 'host=127.0.0.1'].map(
      one => `-Dflume.monitoring.${one}`,
    )
    const run = flumeNg(['agent', '-n', 'a1', '-f', path, ...monitoring])
    await run.says(
      /WARN .*Agent a1 started without SOURCE\.r2, which the agent retries; running: CHANNEL\.c1, SINK\.k1, SOURCE\.r1\n/,
    )
    assert.match(
      run.output,
      /ERROR .*Starting source r2 failed .*port \d+ on 127\.0\.0\.1 is in use by another program/,
    )
    assert.match(
      run.output,
      /ERROR .*Serving the monitoring pages failed .*port \d+ on 127\.0\.0\.1 is in use/,
    )
    others[1]!.close()
    await run.says(new RegExp(`Monitoring on http://127\\.0\\.0\\.1:${monitoringPort}/metrics`))
    const health = async () => {
      const response = await fetch(`http://127.0.0.1:${monitoringPort}/health`)
      return { status: response.status, ...((await response.json()) as Record<string, unknown>) }
    }
    const before = await health()
    assert.equal(before.status, 503)
    assert.deepEqual((before as { notRunning?: unknown }).notRunning, ['SOURCE.r2'])
    others[0]!.close()
    await run.says(/Starting source r2 succeeds, after/)
    assert.deepEqual(await health(), {
      status: 200,
      ok: true,
      problems: [],
      warnings: [],
      running: ['CHANNEL.c1', 'SINK.k1', 'SOURCE.r1', 'SOURCE.r2'],
      notRunning: [],
    })
    assert.equal(await run.stop(), 0)
  })

  test('an address with a password, and the backup when it is away', async () => {
    const server = createServer((request, response) => {
      if (request.headers.authorization !== `Basic ${Buffer.from('me:hunter2').toString('base64')}`) {
        response.writeHead(401).end()
        return
      }
      response.end(configuration(1, 'a1.sinks.k1.nothing = ${env:HOME}\n'))
    })
    await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
    const uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/flume.conf`
    const backups = inside('backups')
    mkdirSync(backups)
    const args = ['agent', '-n', 'a1', '-u', uri, '-b', backups]
    try {
      const refused = flumeNg(['agent', '-n', 'a1', '-u', uri])
      assert.equal(await refused.ended, 2)
      assert.match(refused.output, /the server answers 401/)
      const run = flumeNg([...args, '-user', 'me', '-pwd', 'hunter2'])
      await run.says(/Agent a1 started/)
      assert.equal(await run.stop(), 0)
      assert.doesNotMatch(run.output, /hunter2/)
    } finally {
      server.closeAllConnections()
      server.close()
    }
    assert.match(readFileSync(join(backups, '.a1.properties'), 'utf8'), /\$\{env:HOME\}/)
    const again = flumeNg(args)
    await again.says(/Agent a1 started/)
    assert.match(again.output, /cannot read the configuration .*the backup .* is used/)
    assert.equal(await again.stop(), 0)
  })

  test('avro-client sends lines of standard input, with headers', async () => {
    const path = file(
      'avro.conf',
      configuration(1)
        .replace('type = seq', 'type = avro')
        .replace('totalEvents = 1', 'bind = 127.0.0.1\na1.sources.r1.port = 0'),
    )
    const agent = flumeNg(['agent', '-n', 'a1', '-f', path])
    await agent.says(/Agent a1 started/)
    await agent.says(/127\.0\.0\.1:\d+/)
    const port = /127\.0\.0\.1:(\d+)/.exec(agent.output)![1]!
    const headers = file('headers', 'from = test\n')
    const client = flumeNg(
      ['avro-client', '-H', '127.0.0.1', '-p', port, '-R', headers],
      directory,
      'one\ntwo\nli\u2028ne\n',
    )
    assert.equal(await client.ended, 0, client.output)
    assert.match(client.output, /^3 events sent/m)
    await agent.says(/Event: \{ headers:\{from=test\} body: 74 77 6F/)
    // U+2028 ends no line.
    await agent.says(/Event: \{ headers:\{from=test\} body: 6C 69 E2 80 A8 6E 65/)
    const letters = file('dead.jsonl', '{"headers":{"a":"1"},"body":"dGhyZWU="}\n{"headers":{"a"\n')
    const again = flumeNg(['avro-client', '-H', '127.0.0.1', '-p', port, '-F', letters, '--dead-letters'])
    assert.equal(await again.ended, 0, again.output)
    assert.match(again.output, /dead\.jsonl:2: no dead letter, left out[^]*1 event sent/)
    await agent.says(/Event: \{ headers:\{a=1\} body: 74 68 72 65 65/)
    assert.equal(await agent.stop(), 0)
  })
})
