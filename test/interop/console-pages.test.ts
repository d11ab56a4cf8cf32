// The console's pages in a real browser: what they show, in both themes and three widths, without a violation that axe-core
// finds; keys; an agent that goes; text from Kafka that would like to be a program.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { chromium, type Browser, type Page } from 'playwright-core'
import { chromiumPath, skipWithoutChromium } from './peers/chromium.ts'
import { waitFor } from './peers/waiting.ts'
import { send, startWorld, type World } from '../console/world.ts'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const long = 'nightly-aggregation-of-orders-by-region-and-customer'.repeat(2)
/** As WCAG 1.4.12 asks: of letters, words and lines. */
const spaceText = `(() => {
  const sheet = new CSSStyleSheet()
  sheet.replaceSync('* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important }')
  document.adoptedStyleSheets = [sheet]
})()`
/** A group may have any name. */
const hostile = '<img src=x onerror="window.hurt=1">'

describe('pages', { skip: skipWithoutChromium }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-browser-'))
  let world: World
  let browser: Browser
  /** What browsers complained about: errors of programs, refusals by the content security policy. */
  const complaints: string[] = []

  before(async () => {
    world = await startWorld(directory)
    await send(world, 'test3', 500)
    await world.admin.groups.commit(long, [{ topic: 'test3', partition: 0, offset: 1 }])
    await world.admin.groups.commit(hostile, [{ topic: 'test3', partition: 0, offset: 1 }])
    browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'] })
  })
  after(async () => {
    await browser?.close()
    await world?.[Symbol.asyncDispose]()
    rmSync(directory, { recursive: true, force: true })
  })

  async function open(
    path: string,
    options: { width?: number; colorScheme?: 'light' | 'dark' } = {},
  ): Promise<Page> {
    const { width = 1440, colorScheme = 'light' } = options
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme, bypassCSP: false })
    page.setDefaultTimeout(20_000)
    page.on('console', message => {
      if (message.type() === 'error' || message.type() === 'warning')
        complaints.push(`${path}: ${message.text()}`)
    })
    page.on('pageerror', error => complaints.push(`${path}: ${error.message}`))
    page.on('request', request => {
      if (
        new URL(request.url()).origin !== new URL(path, world.console.url).origin &&
        !request.url().startsWith('data:')
      )
        complaints.push(`${path} asks ${request.url()}`)
    })
    await page.goto(new URL(path, world.console.url).href)
    return page
  }

  const pages = [
    ['/', 'test3 to test2'],
    [`/?node=NODE`, 'test3 to test2'],
    ['/topics?internal=shown', 'Topics'],
    ['/topics/test3?settings=all', 'test3'],
    ['/topics/test3/messages?from=oldest&open=0-1', 'test3'],
    ['/groups', 'Groups'],
    ['/groups/readers', 'readers'],
    ['/brokers', 'Brokers'],
    ['/nowhere', 'There is no such page'],
  ] as const
  const addressOf = (path: string) => path.replace('NODE', encodeURIComponent(`${world.pages[0]}/CHANNEL.c1`))

  for (const [path, title] of pages)
    for (const colorScheme of ['light', 'dark'] as const)
      test(`C13, C16: ${path}, ${colorScheme}${colorScheme === 'light' ? ' and forced colours' : ''}: shows itself, fits 320 pixels, and axe-core finds nothing`, async () => {
        const page = await open(addressOf(path), { colorScheme })
        await page.getByRole('heading', { level: 1, name: title, exact: true }).waitFor()
        if (path.includes('NODE')) await page.getByRole('heading', { name: 'Events in c1' }).waitFor()
        await page.getByText('Reading').waitFor({ state: 'detached' })
        for (const width of [1440, 1024, 320]) {
          await page.setViewportSize({ width, height: 900 })
          const fits = () => page.evaluate<boolean>('document.documentElement.scrollWidth <= innerWidth')
          await waitFor(fits, `nothing is wider than ${width} pixels`, 5000)
          // The colours of the system, which some people choose, once a page.
          const isForced = width === 1024 && colorScheme === 'light'
          await page.emulateMedia({ forcedColors: isForced ? 'active' : 'none' })
          // The policy forbids scripts from elsewhere; what a debugger evaluates is not bound by it.
          await page.evaluate(axe)
          const violations = await page.evaluate(async () => {
            const { axe: tool } = globalThis as unknown as {
              axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> }
            }
            return (await tool.run()).violations.map(
              ({ id, nodes }) => `${id}: ${nodes.map(node => node.html).join(' ')}`,
            )
          })
          assert.deepEqual(violations, [], `${width} pixels`)
        }
        await page.evaluate(spaceText)
        const fits = () => page.evaluate<boolean>('document.documentElement.scrollWidth <= innerWidth')
        await waitFor(fits, 'nothing is wider with the text spaced out')
        await page.close()
      })

  test('the flow counts on by itself, stands still while paused, and opens a component', async () => {
    const page = await open('/?show=total')
    const total = page.locator('tr', { hasText: 'kafka-sink' }).locator('td').nth(4)
    await page.getByText('500', { exact: true }).first().waitFor()
    await page.keyboard.press('p')
    await page.getByRole('button', { name: 'Paused' }).waitFor()
    await send(world, 'test3', 100)
    const other = await open('/?show=total')
    await other.getByText('600', { exact: true }).first().waitFor()
    assert.equal(await total.textContent(), '500')
    await page.keyboard.press('p')
    await page.locator('td', { hasText: /^600$/ }).first().waitFor()
    await page.locator('table').getByRole('link', { name: 'kafka-sink' }).click()
    await page.getByRole('heading', { name: 'kafka-sink' }).waitFor()
    await page.getByRole('rowheader', { name: 'kafka.topic', exact: true }).waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('heading', { name: 'kafka-sink' }).waitFor({ state: 'detached' })
    assert.equal(new URL(page.url()).search, '?show=total')
    await other.close()
    await page.close()
  })

  test('the flow since now: what has passed since it was chosen, and a link counts from when it is opened', async () => {
    const page = await open('/')
    const passed = page.locator('tr', { hasText: 'kafka-sink' }).locator('td').nth(4)
    await page.getByText('Since now').click()
    await page.getByText(/^Since \d\d:/).waitFor()
    await waitFor(async () => (await passed.textContent()) === '0', 'nothing has passed')
    await send(world, 'test3', 70)
    await waitFor(async () => (await passed.textContent()) === '70', '70 events have passed')
    await page.locator('table').getByRole('link', { name: 'kafka-sink' }).click()
    await page.getByRole('heading', { name: 'kafka-sink' }).waitFor()
    assert.equal(await passed.textContent(), '70')
    await page.getByRole('group', { name: 'Past' }).getByText('Day').click()
    await page.getByText('30 min ago').waitFor()
    const other = await open(page.url().replace(world.console.url, '/'))
    await waitFor(
      async () =>
        (await other.locator('tr', { hasText: 'kafka-sink' }).locator('td').nth(4).textContent()) === '0',
      'another browser knows no earlier totals',
    )
    await other.close()
    await page.close()
  })

  test('single keys are switched off, but for the one that switches them on again', async () => {
    const page = await open('/topics')
    await page.getByRole('link', { name: 'test3' }).waitFor()
    await page.keyboard.press('?')
    await page.getByLabel('Single keys act at once').uncheck()
    await page.getByRole('button', { name: 'Close' }).click()
    for (const key of ['p', '/', 'j', 'g', 'b']) await page.keyboard.press(key)
    assert.equal(await page.getByRole('button', { name: 'Live' }).count(), 1)
    assert.equal(await page.evaluate<string>('document.activeElement.tagName'), 'BODY')
    assert.equal(new URL(page.url()).pathname, '/topics')
    await page.keyboard.press('?')
    await page.getByLabel('Single keys act at once').check()
    await page.keyboard.press('Escape')
    await page.keyboard.press('g')
    await page.keyboard.press('b')
    await page.getByRole('heading', { level: 1, name: 'Brokers' }).waitFor()
    await page.close()
  })

  test('by keys alone: to the topics, search, into a topic, and back', async () => {
    const page = await open('/')
    await page.getByRole('heading', { level: 1 }).waitFor()
    await page.keyboard.press('g')
    await page.keyboard.press('t')
    await page.getByRole('heading', { level: 1, name: 'Topics' }).waitFor()
    await page.getByRole('link', { name: 'test3' }).waitFor()
    await page.keyboard.press('/')
    await page.keyboard.type('TEST3')
    await page.getByText('1 of 2 topics').waitFor()
    assert.equal(new URL(page.url()).searchParams.get('find'), 'TEST3')
    await page.keyboard.press('Escape')
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'test3' }).waitFor()
    await page.goBack()
    await page.getByText('1 of 2 topics').waitFor()
    await page.keyboard.press('?')
    await page.getByRole('heading', { name: 'Keys' }).waitFor()
    await page.close()
  })

  test('messages: search, open one, and what is no text or is not there is told apart', async () => {
    const page = await open('/topics/test3/messages')
    await page.getByLabel('Contains').fill('event 499')
    await page.getByRole('button', { name: 'Search' }).click()
    await page.locator('td.cut', { hasText: 'event 499' }).waitFor()
    assert.equal(await page.locator('tbody tr').count(), 1)
    await page.locator('tbody th a').click()
    await page.locator('pre', { hasText: 'event 499' }).waitFor()
    await page.getByText('null').first().waitFor()
    await page.getByLabel('Look in').selectOption('Expression')
    await page.getByLabel('Where').fill('offset < 3 and value contains "event"')
    await page.getByRole('button', { name: 'Search' }).click()
    await page.getByText('6 found').waitFor()
    await page.getByLabel('Where').fill('offset <')
    await page.getByRole('button', { name: 'Search' }).click()
    await page.getByText('The expression has its end at letter 9').waitFor()
    await page.getByLabel('Look in').selectOption('Key, value, headers')
    await page.getByLabel('Contains').fill('nowhere')
    await page.getByRole('button', { name: 'Search' }).click()
    await page.getByText('No message contains this text').waitFor()
    await page.close()
    // The browser itself complains of the expression that was refused.
    const isRefusal = (line: string) => line.endsWith('400 (Bad Request)')
    complaints.splice(0, complaints.length, ...complaints.filter(line => !isRefusal(line)))
  })

  test('messages since now: those that come are shown as they come', async () => {
    const page = await open('/topics/test3/messages')
    await page.getByText('Time', { exact: true }).first().click()
    await page.getByLabel('Preset').selectOption('Now')
    await page.getByRole('button', { name: 'Show' }).click()
    await page.getByText('New ones appear here.').waitFor()
    await send(world, 'test3', 3)
    await page.getByText('3 messages of 3 from here on').waitFor()
    await page.close()
  })

  test('a name from Kafka stays a name', async () => {
    const producer = world.broker.kafkajs().producer()
    await producer.connect()
    await producer.send({
      topic: 'test2',
      messages: [{ value: hostile, key: hostile, headers: { [hostile]: hostile } }],
    })
    await producer.disconnect()
    const messages = await open(`/topics/test2/messages?find=${encodeURIComponent('onerror')}`)
    await messages.locator('tbody th a').click()
    await messages.locator('pre', { hasText: hostile }).waitFor()
    assert.equal(await messages.evaluate(() => (globalThis as { hurt?: number }).hurt), undefined)
    await messages.close()
    const page = await open('/groups')
    await page.getByRole('link', { name: hostile }).click()
    await page.getByRole('heading', { level: 1, name: hostile }).waitFor()
    assert.equal(await page.evaluate(() => (globalThis as { hurt?: number }).hurt), undefined)
    await page.close()
  })

  for (const [path, expected] of [
    [
      '/',
      `navigation "Console"; banner; navigation "Breadcrumb"; button "Live"; button "Switch theme"; main
       heading "test3 to test2" 1; group "Show"; radio "Rate"; radio "Total"; radio "Since now"
       region "Flow"
       heading "Components" 2; table "Components of the flow"
       columnheader "Name"; columnheader "Kind"; columnheader "Agent"; columnheader "State"; columnheader "For"
       columnheader "In"; columnheader "Out"; columnheader "Conditions"
       rowheader "kafka-source"; rowheader "c1"; rowheader "avro-sink"
       rowheader "avro-source"; rowheader "c1"; rowheader "kafka-sink"
       heading "Notices" 2`,
    ],
    [
      '/topics/test3/messages?from=oldest&limit=1&partition=0',
      `navigation "Console"; banner; navigation "Breadcrumb"; button "Live"; button "Switch theme"; main
       heading "test3" 1; group
       form "Search test3"; group "From"; radio "Newest"; radio "Oldest"; radio "Offset"; radio "Time"
       combobox "Partition"; textbox "Contains"; combobox "Look in"; button "Show"; button "Follow"
       button "Newer"; button "Older"; table "Messages"
       columnheader "Partition"; columnheader "Offset"; columnheader "Time"; columnheader "Key"; columnheader "Value"
       columnheader "Size"; rowheader "0"; button "Newer"; button "Older"`,
    ],
  ] as const)
    test(`C15: what a screen reader goes through on ${path}`, async () => {
      const page = await open(path)
      const roles =
        /- '?(navigation|banner|main|heading|group|radio|region|table|columnheader|rowheader|form|combobox|textbox|button)\b( "[^"]*")?[^\n[]*(?:\[level=(\d)\])?/g
      const tree = async () =>
        [...(await page.locator('body').ariaSnapshot()).matchAll(roles)]
          .map(([, role, name = '', level = '']) => `${role}${name} ${level}`.trim())
          .join('; ')
      const wanted = expected.split(/\n\s*/).join('; ')
      let seen = ''
      const isSame = async () => (seen = await tree()) === wanted
      await waitFor(isSame, 'the tree', 30_000).catch(() => assert.equal(seen, wanted))
      await page.close()
    })

  test('what counts is in sight on a phone: figures beside long names, the last choice of a row of them', async () => {
    for (const [path, width, sights] of [
      ['/', 320, ['th:text-is("Out")', 'th:text-is("State")']],
      ['/groups', 390, ['th:has-text("Lag")', 'tr:has-text("nightly") td:nth-child(5)']],
      ['/groups', 320, ['th:has-text("Lag")']],
      [`/groups/${long}?do=reset`, 320, ['label:text-is("Shift")']],
      ['/topics/test3/messages?do=produce', 320, ['.top .right button:last-child']],
    ] as const) {
      const page = await open(path, { width })
      for (const sight of sights) {
        const one = page.locator(sight).first()
        const inSight = async () => {
          const box = (await one.count()) === 0 ? null : await one.boundingBox()
          return box !== null && box.width > 0 && box.x >= 0 && box.x + box.width <= width
        }
        await waitFor(inSight, `${path}: ${sight} within ${width} pixels`)
      }
      await page.close()
    }
  })

  test('the trail leads from messages and from a change back to what they are of; a page that is all has no pager', async () => {
    const page = await open('/topics/test2/messages?from=oldest&limit=500&partition=0')
    await page.locator('tbody tr').first().waitFor()
    assert.equal(await page.getByRole('button', { name: 'Older' }).count(), 0)
    const trail = page.getByRole('navigation', { name: 'Breadcrumb' })
    assert.equal((await trail.innerText()).replaceAll(/\s+/g, ' '), 'lab Topics test2 Messages')
    await trail.getByRole('link', { name: 'test2' }).click()
    await page.getByRole('heading', { name: 'Partitions' }).waitFor()
    await page.goto(new URL('/groups/readers?do=reset', world.console.url).href)
    await trail.getByText('Reset offsets').waitFor()
    await trail.getByRole('link', { name: 'readers' }).click()
    await page.getByRole('heading', { name: 'Positions' }).waitFor()
    await page.close()
  })

  test('C24: which hop is stuck, since when, how many wait, what the last error was: from the screen alone', async () => {
    const page = await open('/')
    await page.getByText('Every component runs').waitFor()
    await world.b.stop()
    await page.getByText('Agent B does not answer').first().waitFor()
    await send(world, 'test3', 50)
    await page.locator('.race').getByText('failing').waitFor()
    await page.locator('dd', { hasText: '50 / 10\u2009000' }).first().waitFor()
    await page.locator('tr', { hasText: 'avro-sink' }).getByText('failing').waitFor()
    // The hop alone is red, in the picture and in words, with how long it has been so.
    assert.equal(await page.locator('.lines .stuck').count(), 1)
    assert.equal(await page.locator('.race').getByText('stuck', { exact: true }).count(), 1)
    await page
      .locator('.race .st', { hasText: 'avro-sink' })
      .getByText(/^for \d+ (s|min)/)
      .waitFor()
    const banner = page.locator('.banner')
    assert.match(await banner.innerText(), /Since \d\d:\d\d:\d\d, for \d+ (s|min)[^]*50 events wait\./)
    assert.match(
      await page.locator('.last dd').innerText(),
      /^\d\d:\d\d:\d\d, \d+ (s|min)[^:]* ago: .*(ECONNREFUSED|cannot be asked)/,
    )
    // The sentence leads to the component, which has what happened to it.
    await banner.getByRole('link').click()
    await page.getByRole('heading', { name: 'avro-sink' }).waitFor()
    await page.locator('.raised').getByText('since').first().waitFor()
    await page.locator('.last-conditions li').first().waitFor()
    await page.close()
  })

  test('C24: in a chain that stands still the sink that is stuck is the one red component, and the others wait', async () => {
    const chain = mkdtempSync(join(tmpdir(), 'millrace-stuck-'))
    await using stack = new AsyncDisposableStack()
    stack.defer(() => rmSync(chain, { recursive: true, force: true }))
    const stuck = stack.use(await startWorld(chain, { capacity: 1000 }))
    // Kafka refuses every record of the sink; the channels before it fill one after the other.
    await stuck.admin.topics.alterSettings('test2', new Map([['max.message.bytes', '10']]))
    await send(stuck, 'test3', 4000)
    const page = await open(stuck.console.url)
    const named = (level: string) => page.locator(`.race .st.${level} .nm`).allTextContents()
    const waiting = page.locator('.race .st').getByText('waiting', { exact: true })
    const isSeen = async () =>
      String(await named('bad')) === 'kafka-sink' &&
      String((await named('warn')).toSorted()) === 'avro-sink,avro-source,c1,c1,kafka-source' &&
      (await waiting.count()) === 3 &&
      (await page.locator('.lines .stuck').count()) === 1
    await waitFor(isSeen, 'kafka-sink alone is red, and the five components before it are amber')
    await page.locator('.banner').getByRole('link', { name: 'kafka-sink cannot deliver' }).click()
    await page.getByRole('heading', { name: 'kafka-sink' }).waitFor()
    await page.close()
  })

  test('no page complained, and none asked anything from elsewhere', () => {
    assert.deepEqual(complaints, [])
  })
})
