import assert from 'node:assert/strict'
import { EventEmitter, on, once } from 'node:events'
import { describe, it } from 'node:test'
import { conditionsOn } from '../../../test/context.ts'
import { hurriedSystem, metadataOf, ScriptedBroker } from '../../../test/scripted-broker.ts'
import { silentLogger, type Logger } from '../../observe/log.ts'
import type { Network } from '../../system/network.ts'
import { apiVersions } from '../../wire/kafka/messages/api-versions.ts'
import { joinGroup } from '../../wire/kafka/messages/join-group.ts'
import { metadata } from '../../wire/kafka/messages/metadata.ts'
import { Brokers } from './brokers.ts'
import type { ClientSystem } from './connection.ts'
import { connectionDefaults } from '../settings.ts'

const hurried = hurriedSystem(50)

/** Lines as `LEVEL text`; emits `line` with each. */
class Lines extends EventEmitter {
  readonly all: string[] = []
  readonly log: Logger = {
    ...silentLogger,
    info: text => this.#keep(`INFO ${text}`),
    warn: text => this.#keep(`WARN ${text}`),
  }

  #keep(line: string): void {
    this.all.push(line)
    this.emit('line', line)
  }

  async line(pattern: RegExp): Promise<void> {
    if (this.all.some(line => pattern.test(line))) return
    for await (const [line] of on(this, 'line', { signal: AbortSignal.timeout(120_000) }))
      if (pattern.test(line as string)) return
  }
}

function brokersOn(system: ClientSystem = hurried, requestTimeoutMs = connectionDefaults.requestTimeoutMs) {
  const lines = new Lines()
  const settings = { ...connectionDefaults, bootstrapServers: [], requestTimeoutMs }
  const { condition, health } = conditionsOn(system.clock, lines.log)
  const brokers = new Brokers(system, settings, lines.log, condition)
  return { brokers, lines, health, [Symbol.dispose]: () => brokers.close() }
}

describe('the log of a broker that goes', () => {
  it('says when it went, once a minute that it is away, and when it is back, though nobody needs it', async () => {
    await using broker = await new ScriptedBroker().start()
    using made = brokersOn()
    const { brokers, lines, health } = made
    const connection = await brokers.connect(broker.address, 'fetch')
    const closed = new Promise<void>(resolve => connection.onClosed(resolve))
    brokers.list([broker.address])
    await broker.stop()
    await closed
    await assert.rejects(brokers.connect(broker.address, 'fetch'))
    await lines.line(/for 1\d\d s\./)
    await broker.start(broker.port)
    await lines.line(/can be used again/)
    const at = broker.bootstrap.replaceAll('.', '\\.')
    assert.equal(lines.all.length, 4, lines.all.join('\n'))
    const expected = [
      `^WARN Kafka broker ${at} cannot be used: .*ECONNREFUSED.* Millrace retries until it can be used\\.$`,
      `^WARN Kafka broker ${at} cannot be used: .*ECONNREFUSED.* This has lasted for [67]\\d s\\. `,
      `^WARN Kafka broker ${at} cannot be used: .*ECONNREFUSED.* This has lasted for 1[234]\\d s\\. `,
      `^INFO Kafka broker ${at} can be used again, after 1[2345]\\d(\\.\\d)? s$`,
    ]
    for (const [index, pattern] of expected.entries()) assert.match(lines.all[index]!, new RegExp(pattern))
    assert.deepEqual(health(), [])
  })

  it('says that it is back when its process goes on that stood still', async () => {
    await using broker = await new ScriptedBroker().start()
    broker.on(metadata, metadataOf([], {}))
    using made = brokersOn(hurried, 3_000)
    const { brokers, lines, health } = made
    brokers.list([broker.address])
    // Open all the time, and idle.
    await brokers.connect(broker.address, 'metadata')
    broker.isSilent = true
    await assert.rejects(brokers.connect(broker.address, 'fetch'), { code: 'PEER_TIMEOUT' })
    broker.isSilent = false
    await lines.line(/can be used again/)
    assert.deepEqual(health(), [])
  })

  it('ends for an address that the cluster has not listed for ten minutes', async () => {
    await using broker = await new ScriptedBroker().start()
    const { address } = broker
    await broker.stop()
    using made = brokersOn(hurriedSystem(500))
    const { brokers, lines, health } = made
    brokers.list([])
    await assert.rejects(brokers.connect(address, 'data'))
    await lines.line(/has left the cluster/)
    assert.deepEqual(health(), [])
  })
})

describe('connecting', () => {
  it('is tried seldom while it fails, however many wait for it', async () => {
    let tries = 0
    const failed = new EventEmitter()
    const network: Network = {
      ...hurried.network,
      async connect(target) {
        if (++tries === 12) failed.emit('enough')
        return hurried.network.connect(target)
      },
    }
    using made = brokersOn({ ...hurried, network })
    const { brokers } = made
    const begun = hurried.clock.monotonic()
    const over = new AbortController()
    const enough = once(failed, 'enough').then(() => over.abort())
    await Promise.all(
      Array.from({ length: 100 }, async () => {
        while (!over.signal.aborted)
          await brokers.connect({ host: '127.0.0.1', port: 1 }, 'data').catch(() => {})
      }),
    )
    await enough
    // 50 ms, doubled up to 1 s, each less a fifth at most.
    const ms = hurried.clock.monotonic() - begun
    assert.ok(ms > 0.8 * (50 + 100 + 200 + 400 + 800 + 5 * 1000), `12 tries within ${ms} ms`)
  })
})

describe('a join, which may take minutes', () => {
  const question = {
    groupId: 'g',
    sessionTimeoutMs: 6_000,
    rebalanceTimeoutMs: 300_000,
    memberId: '',
    groupInstanceId: null,
    protocolType: 'consumer',
    protocols: [],
  }

  it('is waited for as long as the broker answers anything else', async () => {
    await using broker = await new ScriptedBroker().start()
    const answer = {
      errorCode: 0,
      generationId: 7,
      protocolName: 'range',
      leader: '',
      memberId: 'm',
      members: [],
    }
    let finish: (given: typeof answer) => void = () => {}
    broker.on(joinGroup, () => new Promise<typeof answer>(resolve => (finish = resolve)), [0, 5])
    const slower = hurriedSystem(15)
    using made = brokersOn(slower, 3_000)
    const connection = await made.brokers.connect(broker.address, 'group')
    const joining = connection.request(joinGroup, question, 300_000)
    // Looked after several times.
    const begun = slower.clock.monotonic()
    while (slower.clock.monotonic() - begun < 20_000)
      await (
        await made.brokers.connect(broker.address, 'metadata')
      ).request(apiVersions, {
        clientSoftwareName: 'test',
        clientSoftwareVersion: '1',
      })
    finish(answer)
    assert.equal((await joining).generationId, 7)
  })

  it('ends soon where the broker stands still', async () => {
    await using broker = await new ScriptedBroker().start()
    broker.on(joinGroup, () => 'silent', [0, 5])
    using made = brokersOn(hurried, 3_000)
    const connection = await made.brokers.connect(broker.address, 'group')
    const joining = connection.request(joinGroup, question, 300_000)
    broker.isSilent = true
    const begun = hurried.clock.monotonic()
    await assert.rejects(joining, { code: 'PEER_TIMEOUT', message: /answers nothing/ })
    const ms = hurried.clock.monotonic() - begun
    assert.ok(ms < 300_000, `${ms} ms, where the join might have taken 303000`)
  })
})
