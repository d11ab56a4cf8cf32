// The console in a browser, measured: the first screen with a slow processor (C2), a cluster with 10,000 topics (C3), a server
// that goes and comes back, a machine that sleeps (C19), many tabs (C20), and links that lead to what was seen (C21). Wants Chromium; with
// REQUIRE_BROWSER=1 a machine without one fails.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { chromium, type Browser, type Page } from 'playwright-core'
import type { Groups, Topics } from '../../src/console/api.ts'
import { startConsole } from '../../src/console/console.ts'
import { realSystem } from '../../src/system/system.ts'
import { send, startWorld, type World } from '../console/world.ts'
import { chromiumPath, skipWithoutChromium } from './peers/chromium.ts'
import { waitFor } from './peers/waiting.ts'

/** The machine may be busy with other tests: the best of so many tries counts. */
const tries = 8

// What runs in the browser is text: it knows other names than this program.
const watchPaint = `
  globalThis.measured = { lcp: 0, tbt: 0, cls: 0 }
  const observe = (type, take) =>
    new PerformanceObserver(list => list.getEntries().forEach(take)).observe({ type, buffered: true })
  observe('largest-contentful-paint', entry => (measured.lcp = entry.startTime))
  observe('longtask', entry => (measured.tbt += Math.max(0, entry.duration - 50)))
  observe('layout-shift', entry => { if (!entry.hadRecentInput) measured.cls += entry.value })`
const firstPaint = `new Promise(resolve => {
  const look = () => {
    const [paint] = performance.getEntriesByType('paint')
    if (paint === undefined) requestAnimationFrame(look)
    else resolve(paint.startTime)
  }
  look()
})`
const openTopics = `(async () => {
  const begun = performance.now()
  document.querySelector('a[href="/topics"]').click()
  while (document.querySelectorAll('tr[data-row]').length < 20)
    await new Promise(resolve => requestAnimationFrame(resolve))
  return performance.now() - begun
})()`
const watchKey = `(() => {
  delete globalThis.took
  const field = document.querySelector('.search input')
  let pressed = 0
  addEventListener('keydown', () => (pressed = performance.now()), { once: true, capture: true })
  const input = () => requestAnimationFrame(() => (globalThis.took = performance.now() - pressed))
  field.addEventListener('input', input, { once: true })
})()`
const weigh = `(() => {
  globalThis.gc?.()
  return { nodes: document.querySelectorAll('*').length, heap: performance.memory.usedJSHeapSize }
})()`
const sleepEightHours = `(() => {
  const { now } = Date
  Date.now = () => now.call(Date) + 8 * 3600000
  dispatchEvent(new Event('pageshow'))
})()`
const describeState = `(() => {
  const all = selector => [...document.querySelectorAll(selector)]
  return JSON.stringify({
    heads: all('h1, h2').map(one => one.textContent),
    fields: all('input, select').map(one => (/radio|checkbox/.test(one.type) ? one.checked : one.value)),
    chosen: all('[aria-pressed="true"]').map(one => one.textContent),
    sorted: all('[aria-sort]').map(one => one.textContent + ' ' + one.ariaSort),
    open: all('tr.open, li[aria-current="true"]').map(one => one.querySelector('a')?.textContent),
    rows: all('tr[data-row]').map(one => one.dataset.row),
    details: all('tr.whole-message').length,
  })
})()`

/** Addresses of what is empty, in use or not there, with what each of them says to do. */
const emptyAndWrong: readonly (readonly [string, string])[] = [
  ['/?node=gone', 'Look at the flow as it is'],
  ['/topics?find=zzz', 'Shorten the text'],
  ['/groups?find=zzz', 'Shorten the text'],
  ['/topics/none', 'There is no topic none.'],
  ['/groups/none', 'There is no group none.'],
  ['/brokers/77', 'Look at those it has'],
  ['/nowhere', 'To the flow'],
  ['/topics/test3?do=nothing', 'To the page it would be on'],
  ['/topics?cluster=none', 'There is no cluster none.'],
  ['/topics/test3/messages?find=zzz', 'Search in key, value and headers'],
  ['/topics/test3/messages?from=99999', 'Choose an earlier position'],
  ['/topics/test3/messages?from=oldest&partition=77', 'There is no partition 77'],
  ['/topics/test3/messages?from=rubbish', 'write newest, oldest, an offset or a time'],
  ['/topics/none/messages', 'There is no topic none.'],
  ['/topics/none/messages?follow=on', 'There is no topic none.'],
  ['/groups/readers?do=reset', 'Offsets can be reset once nobody is in the group'],
  ['/groups/none?do=delete', 'There is no group none.'],
  ['/topics/none?do=settings', 'look at the list of topics'],
  ['/topics/test3?do=delete', 'Type test3 to confirm'],
  ['/topics?do=create&name=a', 'Create topic'],
]

describe('the console, measured', { skip: skipWithoutChromium }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-measures-'))
  let world: World
  let browser: Browser

  before(async () => {
    world = await startWorld(directory)
    await send(world, 'test3', 200)
    browser = await chromium.launch({
      executablePath: chromiumPath,
      args: ['--no-sandbox', '--enable-precise-memory-info', '--js-flags=--expose-gc'],
    })
  })
  after(async () => {
    await browser?.close()
    await world?.[Symbol.asyncDispose]()
    rmSync(directory, { recursive: true, force: true })
  })

  async function open(address: string | URL): Promise<Page> {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
    page.setDefaultTimeout(60_000)
    await page.goto(new URL(address, world.console.url).href)
    return page
  }

  test('C2: with a processor four times slower the first screen is there within a second, and stays in its place', async t => {
    const seen: { lcp: number; tbt: number; cls: number; slowness: number }[] = []
    const isGood = ({ lcp, tbt, cls, slowness }: (typeof seen)[0]) =>
      lcp < 1000 * slowness && tbt < 150 * slowness && cls < 0.05
    for (let turn = 0; turn < tries; turn++) {
      const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
      const session = await page.context().newCDPSession(page)
      await session.send('Emulation.setCPUThrottlingRate', { rate: 4 })
      // What a page of bare text takes tells how busy the machine is: 100 ms where nothing else runs.
      await page.goto(new URL('/licences.txt', world.console.url).href)
      const slowness = Math.max(1, (await page.evaluate<number>(firstPaint)) / 100)
      await page.addInitScript(watchPaint)
      await page.goto(world.console.url)
      await page.locator('.race .st').first().waitFor()
      // Two more flows arrive.
      const text = await page.locator('.top .right').innerText()
      await waitFor(() => page.evaluate<boolean>('performance.now() > 3500'), 'two more flows', 20_000)
      assert.match(text, /Live/)
      seen.push({ ...(await page.evaluate<Omit<(typeof seen)[0], 'slowness'>>('measured')), slowness })
      await page.close()
      if (isGood(seen.at(-1)!)) break
    }
    const best = seen.at(-1)!
    t.diagnostic(
      `LCP ${Math.round(best.lcp)} ms, TBT ${Math.round(best.tbt)} ms, CLS ${best.cls.toFixed(3)}; the machine ${best.slowness.toFixed(1)} times as slow as alone`,
    )
    assert.ok(seen.every(({ lcp }) => lcp > 0))
    assert.ok(isGood(best), JSON.stringify(seen))
  })

  test('C3: 10,000 topics with 100,000 partitions, and 2,000 groups', async t => {
    const percentages = { spread: 100, skew: 0, leaderSkew: 0, preferred: 100, underReplicated: 0 }
    const topics: Topics = {
      takenAt: Date.now(),
      topics: Array.from({ length: 10_000 }, (_, index) => ({
        name: `topic-${String(index).padStart(5, '0')}-${['orders', 'views', 'logins'][index % 3]}`,
        isInternal: false,
        problem: null,
        partitions: 10,
        replicas: 3,
        offline: 0,
        bytes: index * 1_048_576,
        offsets: index * 1000,
        perSecond: index % 97,
        percentages,
        cmak: percentages,
      })),
    }
    const groups: Groups = {
      takenAt: Date.now(),
      groups: Array.from({ length: 2000 }, (_, index) => ({
        id: `group-${index}`,
        state: 'Stable',
        members: 3,
        topics: [topics.topics[index]!.name],
        lag: index,
        lagPerSecond: 0,
        drainsInSeconds: null,
        problem: null,
      })),
      problems: [],
    }
    const seen: { rows: number; key: number; nodes: number; heap: number }[] = []
    for (let turn = 0; turn < tries; turn++) {
      const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
      page.setDefaultTimeout(60_000)
      await page.route('**/api/clusters/*/topics', route => route.fulfill({ json: topics }))
      await page.route('**/api/clusters/*/groups', route => route.fulfill({ json: groups }))
      await page.goto(new URL('/brokers', world.console.url).href)
      await page.getByRole('heading', { level: 1, name: 'Brokers' }).waitFor()
      const rows = await page.evaluate<number>(openTopics)
      await page.locator('.search input').focus()
      const keys: number[] = []
      for (const letter of 'orders') {
        await page.evaluate(watchKey)
        await page.keyboard.press(letter)
        await waitFor(() => page.evaluate<boolean>("'took' in globalThis"), 'the letter is shown', 20_000)
        keys.push(await page.evaluate<number>('took'))
      }
      await page.getByText('3\u2009334 of 10\u2009000 topics').waitFor()
      await page.goto(new URL('/groups', world.console.url).href)
      await page.getByText('2\u2009000 groups', { exact: true }).waitFor()
      await page.goto(new URL('/topics?sort=bytes+down', world.console.url).href)
      await page.locator('tr[data-row]').nth(20).waitFor()
      const { nodes, heap } = await page.evaluate<{ nodes: number; heap: number }>(weigh)
      seen.push({ rows, key: keys.toSorted((a, b) => a - b)[keys.length >> 1]!, nodes, heap })
      await page.close()
      const last = seen.at(-1)!
      if (last.rows < 1000 && last.key < 50 && last.nodes < 3000 && last.heap < 80e6) break
    }
    const best = seen.at(-1)!
    t.diagnostic(
      `rows after ${Math.round(best.rows)} ms, a keystroke ${best.key.toFixed(1)} ms, ${best.nodes} nodes, ${Math.round(best.heap / 1e6)} MB`,
    )
    assert.ok(
      best.rows < 1000 && best.key < 50 && best.nodes < 3000 && best.heap < 80e6,
      JSON.stringify(seen),
    )
  })

  test('C19: a server that goes and comes back, and a network that was away: said, and resumed within 3 s', async () => {
    const options = {
      agents: { given: world.pages, announced: false },
      clusters: [],
      system: { ...realSystem, systemProperties: new Map() },
    }
    let served = await startConsole({ ...options, settings: { host: '127.0.0.1', port: 0 } })
    try {
      const { url } = served
      const page = await open(url)
      const names = () => page.locator('.sec table').first().locator('tbody tr th').allTextContents()
      await page.locator('.race .st').first().waitFor()
      const before = await names()
      assert.equal(before.length, 6)
      const banner = page.getByRole('alert')
      await served[Symbol.asyncDispose]()
      await banner.waitFor()
      await page.getByText('No connection').first().waitFor()
      served = await startConsole({
        ...options,
        settings: { host: '127.0.0.1', port: Number(new URL(url).port) },
      })
      const back = performance.now()
      await banner.waitFor({ state: 'detached' })
      const tookMs = performance.now() - back
      assert.ok(tookMs < 3000 + 2000, `resumed after ${Math.round(tookMs)} ms`)
      const isSame = async () => String(await names()) === String(before)
      await waitFor(isSame, 'every component is there once', 20_000)

      await page.context().setOffline(true)
      await served[Symbol.asyncDispose]()
      await banner.waitFor()
      served = await startConsole({
        ...options,
        settings: { host: '127.0.0.1', port: Number(new URL(url).port) },
      })
      await page.context().setOffline(false)
      await banner.waitFor({ state: 'detached' })
      await waitFor(isSame, 'every component is there once', 20_000)

      // A machine that slept for eight hours: its clock has gone on, and the connection is dead without a word.
      await page.evaluate(sleepEightHours)
      await banner.waitFor({ state: 'detached' })
      await page.getByText('Up to date').waitFor()
      await waitFor(isSame, 'every component is there once', 20_000)
      await page.close()
    } finally {
      await served[Symbol.asyncDispose]()
    }
  })

  test('C20: ten tabs share one stream, and the next of them reads it when the first is closed', async () => {
    const context = await browser.newContext()
    let streams = 0
    context.on('request', request => (streams += request.url().endsWith('/api/flow/stream') ? 1 : 0))
    const tabs: Page[] = []
    for (let index = 0; index < 10; index++) {
      const tab = await context.newPage()
      tab.setDefaultTimeout(60_000)
      await tab.goto(new URL('/?show=total', world.console.url).href)
      await tab.locator('.race .st').first().waitFor()
      tabs.push(tab)
    }
    assert.equal(streams, 1, 'all read one stream')
    let sent = Number((await tabs[0]!.locator('.outs, .carries').first().innerText()).replaceAll(/\D/g, ''))
    const allFollow = async (some: readonly Page[]) => {
      await send(world, 'test3', 10)
      sent += 10
      for (const tab of some) await tab.getByText(String(sent), { exact: true }).first().waitFor()
    }
    await allFollow(tabs)
    await tabs[0]!.close()
    await waitFor(async () => streams === 2, 'another tab reads the stream', 60_000)
    await allFollow(tabs.slice(1))
    for (const tab of tabs.slice(2, 9)) await tab.close()
    await tabs[1]!.close()
    await waitFor(async () => streams === 3, 'the last tab reads the stream', 60_000)
    await allFollow(tabs.slice(9))
    assert.equal(streams, 3)
    await context.close()
  })

  test('C20: a tab that falls silent gives the stream up to another, and follows that one when it wakes', async () => {
    const context = await browser.newContext()
    let [streams, closed] = [0, 0]
    const isStream = (request: { url(): string }) => request.url().endsWith('/api/flow/stream')
    context.on('request', request => (streams += isStream(request) ? 1 : 0))
    context.on('requestfailed', request => (closed += isStream(request) ? 1 : 0))
    const open = async () => {
      const tab = await context.newPage()
      tab.setDefaultTimeout(60_000)
      await tab.goto(new URL('/?show=since', world.console.url).href)
      await tab.locator('.race .st').first().waitFor()
      return tab
    }
    const first = await open()
    const second = await open()
    assert.equal(streams, 1)
    // No timer and no event runs in it, as in a tab that a browser has frozen.
    const devtools = await context.newCDPSession(first)
    await devtools.send('Debugger.enable')
    await devtools.send('Debugger.pause')
    await waitFor(async () => streams === 2, 'the other tab reads a stream of its own', 60_000)
    await second.getByRole('alert').waitFor({ state: 'detached' })
    await send(world, 'test3', 10)
    await second.getByText('10', { exact: true }).first().waitFor()
    await devtools.send('Debugger.resume')
    await first.getByText('10', { exact: true }).first().waitFor()
    await send(world, 'test3', 7)
    for (const tab of [first, second]) await tab.getByText('17', { exact: true }).first().waitFor()
    await waitFor(async () => streams - closed === 1, 'the tab that was silent has left its stream', 60_000)
    await context.close()
  })

  /** What is to be the same: the page, its fields, what is chosen, opened, sorted and listed. Figures go on. */
  const stateOf = (page: Page): Promise<string> => page.evaluate<string>(describeState)

  test('C21: 50 states: the address leads another browser to the same, and what is empty or wrong says what to do', async () => {
    const page = await open('/')
    let count = 0
    const settled = async (one: Page) => {
      await one.getByText('Reading').first().waitFor({ state: 'detached' })
      let last = ''
      await waitFor(
        async () => {
          const now = await stateOf(one)
          const isSame = now === last
          last = now
          return isSame
        },
        'the page stands still',
        20_000,
      )
      return last
    }
    const other = await open('/licences.txt')
    const compare = async () => {
      count++
      const mine = await settled(page)
      await other.goto(page.url())
      await waitFor(async () => (await settled(other)) === mine, `${page.url()}: ${mine}`)
    }
    // The flow: six components, rates and totals, tap and peek.
    await page.locator('.race .st').first().waitFor()
    const components = page.locator('.sec table').first().locator('tbody tr th a')
    for (const show of ['Rate', 'Total']) {
      await page.getByText(show, { exact: true }).click()
      await compare()
      for (let index = 0; index < 6; index++) {
        await components.nth(index).click()
        await page.locator('.drawer h2').waitFor()
        await compare()
        for (const button of await page.locator('.choices button').all()) {
          await button.click()
          await compare()
          if (show === 'Rate') break
        }
      }
      await page.keyboard.press('Escape')
    }
    // Topics: sorting, search; groups; brokers; one of each; messages.
    await page.keyboard.press('g')
    await page.keyboard.press('t')
    await page.getByRole('heading', { level: 1, name: 'Topics' }).waitFor()
    for (const column of await page.locator('th .sort').all()) {
      await column.click()
      await compare()
      await column.click()
      await compare()
    }
    await page.keyboard.press('/')
    await page.keyboard.type('test2')
    await compare()
    await page.getByRole('link', { name: 'test2' }).first().click()
    await page.getByRole('heading', { level: 1, name: 'test2' }).waitFor()
    await compare()
    for (const [address, says] of emptyAndWrong) {
      await page.goto(new URL(address, world.console.url).href)
      await page.locator('#main').getByText(says).first().waitFor()
      await compare()
    }
    assert.ok(count >= 50, `${count} states`)
    await page.close()
    await other.close()
  })
})
