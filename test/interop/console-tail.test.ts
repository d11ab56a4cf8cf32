// C4: a live tail in a real browser while 50,000 messages a second arrive: the console and the page keep their memory, every
// message is shown or counted as left out, and the page answers to keys meanwhile. Ten minutes of it with MILLRACE_DEEP=1.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { chromium } from 'playwright-core'
import { createAdmin, createProducer, readProducerProperties } from '../../src/kafka-client/kafka-client.ts'
import { silentLogger } from '../../src/observe/log.ts'
import { realSystem } from '../../src/system/system.ts'
import { startBroker } from '../broker/running-broker.ts'
import { chromiumPath, skipWithoutChromium } from './peers/chromium.ts'
import { startProcess } from './peers/process.ts'
import { hangMs, waitFor } from './peers/waiting.ts'

const isDeep = process.env['MILLRACE_DEEP'] === '1'
const perSecond = 50_000
const runMs = isDeep ? 600_000 : 12_000
const batch = 2500
/** What grows in such a time is a leak: 500 rows and one batch are a fraction of it. */
const mostGrowth = { page: 12e6, console: 80e6 }

// What runs in the browser is text: it knows other names than this program.
const heap = '(globalThis.gc(), performance.memory.usedJSHeapSize)'
const countFrames = `(() => {
  globalThis.frames = 0
  const next = () => { globalThis.frames++; requestAnimationFrame(next) }
  next()
})()`

test(
  `C4: ${runMs / 1000} s of ${perSecond} messages a second, followed`,
  { skip: skipWithoutChromium, timeout: runMs + 2 * hangMs },
  async t => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-tail-'))
    await using stack = new AsyncDisposableStack()
    stack.defer(() => rmSync(directory, { recursive: true, force: true }))
    const broker = await startBroker(directory, {
      'log.segment.bytes': String(32 * 1024 * 1024),
      'log.retention.bytes': String(128 * 1024 * 1024),
      'log.retention.check.interval.ms': '5000',
    })
    stack.defer(() => broker.stop())
    const admin = createAdmin({ system: realSystem, bootstrapServers: [broker.bootstrap], log: silentLogger })
    stack.defer(() => admin.close())
    await admin.topics.create({ name: 'busy', partitions: 3 })
    const producer = createProducer({
      settings: readProducerProperties({ 'bootstrap.servers': broker.bootstrap, acks: '1' }).settings!,
      system: realSystem,
      log: silentLogger,
    })
    stack.defer(() => producer.close())
    const served = stack.use(
      await startProcess({
        name: 'console',
        directory,
        command: [
          join(import.meta.dirname, '../../bin/millrace'),
          'console',
          '--bootstrap-server',
          broker.bootstrap,
          '--port',
          '0',
        ],
        ready: /http:\/\/127\.0\.0\.1:\d+/,
      }),
    )
    const [url] = /http:\/\/127\.0\.0\.1:\d+\//.exec(served.output)!
    const residentBytes = () =>
      1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${served.pid}/status`, 'utf8'))![1])
    const browser = await chromium.launch({
      executablePath: chromiumPath,
      args: ['--no-sandbox', '--enable-precise-memory-info', '--js-flags=--expose-gc'],
    })
    stack.defer(() => browser.close())
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
    page.setDefaultTimeout(hangMs)
    await page.goto(new URL('/topics/busy/messages?follow=on', url).href)
    await page.getByText('0 came').waitFor()
    await page.evaluate(countFrames)

    const records = Array.from({ length: batch }, (_, index) => ({
      topic: 'busy',
      partition: index % 3,
      key: Buffer.from(`k${index}`),
      value: Buffer.from(JSON.stringify({ id: index, who: `customer-${index}`, amount: index * 7 })),
    }))
    let sent = 0
    const seen = async () => {
      const text = await page.locator('.progress').first().innerText()
      const [, came, left] = /([\d\u2009]+) came(?:[^]*?([\d\u2009]+) left out)?/.exec(text)!
      const count = (one = '0') => Number(one.replaceAll('\u2009', ''))
      return { came: count(came), left: count(left) }
    }
    const begun = performance.now()
    const produceUntil = async (endMs: number) => {
      while (performance.now() - begun < endMs) {
        const isDue = () => sent < ((performance.now() - begun) / 1000) * perSecond
        if (!isDue()) await waitFor(isDue, 'the next batch is due')
        await producer.send(records)
        sent += batch
      }
      // Nothing may be behind for good.
      await waitFor(async () => (await seen()).came === sent, 'the page has counted every message')
    }
    const weigh = async () => ({ page: await page.evaluate<number>(heap), console: residentBytes() })

    // What is loaded and compiled first is no growth.
    await produceUntil(runMs / 3)
    const before = await weigh()
    const frames = await page.evaluate<number>('frames = 0')
    assert.equal(frames, 0)
    const producing = produceUntil(runMs)
    await page.keyboard.press('p')
    await page.getByText('Paused; resuming').waitFor()
    await page.keyboard.press('p')
    await page.getByText('Following').waitFor()
    await producing
    const seconds = (performance.now() - begun) / 1000
    const after = await weigh()
    const { came, left } = await seen()
    t.diagnostic(
      `${Math.round(sent / seconds)} messages/s, ${left} of ${came} left out; page ${(before.page / 1e6).toFixed(1)} to ${(after.page / 1e6).toFixed(1)} MB, console ${Math.round(before.console / 1e6)} to ${Math.round(after.console / 1e6)} MB; ${Math.round((await page.evaluate<number>('frames')) / ((seconds * 2) / 3))} frames/s`,
    )
    assert.equal(came, sent)
    assert.ok((await page.locator('tr[data-row]').count()) >= 100)
    assert.ok(after.page - before.page < mostGrowth.page, `page: ${before.page} to ${after.page} bytes`)
    assert.ok(
      after.console - before.console < mostGrowth.console,
      `console: ${before.console} to ${after.console} bytes`,
    )
  },
)
