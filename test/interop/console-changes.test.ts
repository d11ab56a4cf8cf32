// C12: what the console changes in Kafka, each by keys alone, in a real browser over the embedded broker; axe-core finds
// nothing on those pages (C13).
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { chromium, type Browser, type Page } from 'playwright-core'
import type { Brokers } from '../../src/console/api.ts'
import { send, startWorld, type World } from '../console/world.ts'
import { chromiumPath, skipWithoutChromium } from './peers/chromium.ts'
import { waitFor } from './peers/waiting.ts'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

describe('changes by keys alone', { skip: skipWithoutChromium, timeout: 300_000 }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-keys-'))
  let world: World
  let browser: Browser
  const complaints: string[] = []

  before(async () => {
    world = await startWorld(directory)
    await send(world, 'test3', 100)
    await world.admin.topics.create({ name: 'orders.v1', partitions: 3 })
    for (let index = 0; index < 9; index++)
      await world.admin.records.append({
        topic: 'orders.v1',
        partition: index % 3,
        key: Buffer.from(`k${index}`),
        value: Buffer.from(`order ${index}`),
      })
    await world.admin.groups.commit('billing', [
      { topic: 'orders.v1', partition: 0, offset: 2 },
      { topic: 'orders.v1', partition: 1, offset: 1 },
    ])
    browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'] })
  })
  after(async () => {
    await browser?.close()
    await world?.[Symbol.asyncDispose]()
    rmSync(directory, { recursive: true, force: true })
  })

  async function open(path: string, colorScheme: 'light' | 'dark' = 'light'): Promise<Page> {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, colorScheme })
    page.setDefaultTimeout(20_000)
    page.on('pageerror', error => complaints.push(`${path}: ${error.message}`))
    page.on('console', message => {
      // That the server refuses something is the point of some tests.
      if (message.type() === 'error' && !/status of \d+/.test(message.text()))
        complaints.push(`${path}: ${message.text()}`)
    })
    page.on('response', response => {
      const say = (body: string) => complaints.push(`${path}: ${response.url()}: ${body}`)
      if (response.status() >= 500) void response.text().then(say, () => say('no body'))
    })
    await page.goto(new URL(path, world.console.url).href)
    return page
  }

  const heading = (page: Page, name: string) =>
    page.getByRole('heading', { level: 1, name, exact: true }).waitFor()

  /** What the focus is on, as it is called. */
  const focused = (page: Page) =>
    page.evaluate<string>(`(() => {
      const one = document.activeElement
      const labels = [...(one?.labels ?? [])].map(label => label.textContent)
      return (one?.getAttribute('aria-label') ?? (labels.length > 0 ? labels.join(' ') : one?.textContent) ?? '').trim()
    })()`)

  /** Tab after tab, until the focus is there. */
  async function tabTo(page: Page, name: string): Promise<void> {
    const seen: string[] = []
    for (let steps = 0; steps < 150; steps++) {
      const at = await focused(page)
      if (at === name) return
      seen.push(at)
      await page.keyboard.press('Tab')
    }
    assert.fail(`Tab never leads to ${name}: ${[...new Set(seen)].join(' | ')}`)
  }

  async function press(page: Page, name: string, key = 'Enter'): Promise<void> {
    await tabTo(page, name)
    await page.keyboard.press(key)
  }

  async function type(page: Page, name: string, text: string): Promise<void> {
    await tabTo(page, name)
    await page.keyboard.press('Control+A')
    await page.keyboard.type(text)
  }

  const notice = (page: Page, text: string) => page.getByText(text, { exact: true }).waitFor()

  test('a topic is made: an error stands beside its field, and then it is there', async () => {
    const page = await open('/topics')
    await page.getByRole('link', { name: 'Create topic' }).waitFor()
    await press(page, 'Create topic')
    await heading(page, 'Create a topic')
    await waitFor(async () => (await focused(page)) === 'Name', 'the first field has the focus')
    await page.keyboard.type('made here')
    await page.keyboard.press('Enter')
    await page.getByText('a topic name has 1 to 249 letters').waitFor()
    assert.equal(await focused(page), 'Name')
    await type(page, 'Name', 'made')
    await type(page, 'Partitions', '2')
    await type(page, 'Replicas of each', '3')
    await page.keyboard.press('Enter')
    await page.locator('.err', { hasText: 'replica' }).waitFor()
    assert.equal(await focused(page), 'Replicas of each')
    await type(page, 'Replicas of each', '1')
    await press(page, 'Add a setting')
    await type(page, 'Name of setting 1', 'retention.ms')
    await type(page, 'Value of setting 1', '60000')
    assert.equal(new URL(page.url()).searchParams.get('partitions'), '2')
    await press(page, 'Create topic')
    await notice(page, 'Topic made was created.')
    await page.getByRole('rowheader', { name: 'retention.ms' }).waitFor()
    assert.equal((await world.admin.offsets.of('made')).length, 2)
    // Another like it, with its own settings.
    await press(page, 'Create one like it')
    await heading(page, 'Create a topic')
    await waitFor(async () => (await page.getByLabel('Partitions').inputValue()) === '2', 'it is filled in')
    await type(page, 'Name', 'made-too')
    await page.keyboard.press('Enter')
    await notice(page, 'Topic made-too was created.')
    await page.getByRole('rowheader', { name: 'retention.ms' }).waitFor()
    await page.close()
  })

  test('partitions are added, and fewer are refused', async () => {
    const page = await open('/topics/made')
    await heading(page, 'made')
    await press(page, 'Add partitions')
    await heading(page, 'Add partitions to made')
    await type(page, 'Partitions in all', '1')
    await page.keyboard.press('Enter')
    await page.locator('.err').waitFor()
    await type(page, 'Partitions in all', '4')
    await press(page, 'Add 2 partitions')
    await notice(page, 'Topic made has 4 partitions now.')
    await page.close()
  })

  test('settings: changed and taken back, with what changes shown before', async () => {
    const page = await open('/topics/made')
    await heading(page, 'made')
    await press(page, 'Change settings')
    await heading(page, 'Settings of topic made')
    await waitFor(async () => (await focused(page)).startsWith('Search settings'), 'the search has the focus')
    await page.keyboard.type('max.message')
    await page.getByText('1 of 33 settings').waitFor()
    await press(page, 'Change max.message.bytes')
    await type(page, 'max.message.bytes', 'many')
    await press(page, 'Apply 1 change')
    await page.getByRole('alert').getByText('max.message.bytes').waitFor()
    await type(page, 'max.message.bytes', '4000')
    const difference = page.getByRole('table', { name: 'What changes' })
    assert.equal(await difference.locator('tbody').innerText(), 'max.message.bytes\t1048588\t4000')
    await press(page, 'Apply 1 change')
    await notice(page, '1 setting of made was changed.')
    await press(page, 'Change settings')
    await press(page, 'Reset max.message.bytes to what holds without it')
    await press(page, 'Apply 1 change')
    await notice(page, '1 setting of made was changed.')
    const settings = (await world.admin.topics.settings(['made']))!.get('made')!
    assert.equal(settings.find(({ name }) => name === 'max.message.bytes')!.source, 'default')
    await page.close()
  })

  test('a message is produced: JSON is checked, with a key, a header, a tombstone', async () => {
    const page = await open('/topics/orders.v1/messages')
    await heading(page, 'orders.v1')
    await press(page, 'Produce')
    await heading(page, 'Produce to orders.v1')
    await tabTo(page, 'Text')
    await page.keyboard.press('ArrowRight')
    await type(page, 'Key', 'c-17')
    await type(page, 'Value', '{"n": 9007199254740993')
    await page.keyboard.press('Control+Enter')
    await page.locator('.err', { hasText: 'This is no JSON' }).waitFor()
    await type(page, 'Value', '{"n": 9007199254740993}')
    await press(page, 'Add a header')
    await type(page, 'Name of header 1', 'from')
    await type(page, 'Value of header 1', 'here')
    await page.keyboard.press('Control+Enter')
    await page.getByText(/Written to partition \d at offset 3\./).waitFor()
    await press(page, 'Tombstone: no value, which deletes the key in a compacted topic', 'Space')
    await press(page, 'Write message')
    await page.getByText(/Written to partition \d at offset 4\./).waitFor()
    await press(page, 'Look at it')
    await page.getByText('null, deletes the key').first().waitFor()
    // The same once more, as it is there, and three of it.
    await page.goto(new URL('/topics/orders.v1/messages?find=9007199254740993', world.console.url).href)
    await page.locator('tbody th a').click()
    await press(page, 'Write again')
    await waitFor(
      async () =>
        (await page.getByLabel('Value', { exact: true }).inputValue()) === '{"n": 9007199254740993}',
      'the value is that of the message',
    )
    assert.equal(await page.getByLabel('Value of header 1').inputValue(), 'here')
    await type(page, 'How many', '3000')
    await press(page, 'Write 3000 messages')
    await page.locator('.err', { hasText: 'from 1 to 1000' }).waitFor()
    await type(page, 'How many', '3')
    await press(page, 'Write 3 messages')
    await page.getByText(/3 messages written, the last to partition \d at offset 7\./).waitFor()
    await page.close()
  })

  test('offsets are reset as the preview shows, of chosen partitions', async () => {
    const page = await open('/groups/billing')
    await heading(page, 'billing')
    await press(page, 'Reset offsets')
    await heading(page, 'Reset offsets of billing')
    await page.getByRole('rowheader', { name: 'orders.v1-0' }).waitFor()
    await tabTo(page, 'Earliest')
    for (let step = 0; step < 4; step++) await page.keyboard.press('ArrowRight')
    await type(page, 'Records, − for back', '-1')
    await press(page, 'orders.v1-1', 'Space')
    const row = (name: string) => page.getByRole('row').filter({ hasText: name }).innerText()
    await waitFor(async () => /\t2\t1\t−1\t/.test(await row('orders.v1-0')), 'the preview shows one back')
    assert.match(await row('orders.v1-1'), /\t1\tstays\t/)
    assert.deepEqual(
      ['to', 'value', 'without'].map(name => new URL(page.url()).searchParams.get(name)),
      ['shift', '-1', 'orders.v1-1'],
    )
    await press(page, 'Reset 1 offset')
    await notice(page, '1 offset of group billing was reset.')
    assert.deepEqual(
      (await world.admin.groups.committed('billing')).map(({ partition, offset }) => [partition, offset]),
      [
        [0, 1],
        [1, 1],
      ],
    )
    await page.close()
  })

  test('a group that is in use is neither reset nor deleted: the page names who is in it', async () => {
    for (const task of ['reset', 'delete']) {
      const page = await open(`/groups/readers?do=${task}`)
      await page
        .getByText(/^\S+ at 127\.0\.0\.1 is in group readers$/)
        .first()
        .waitFor()
      const button = page.locator('.buttons button')
      await button.waitFor()
      assert.ok(await button.isDisabled())
      await page.close()
    }
  })

  test('preferred leaders, and a plan of where replicas lie', async () => {
    const page = await open('/topics/orders.v1')
    await heading(page, 'orders.v1')
    await press(page, 'Elect preferred leaders')
    await page.getByText('Every partition is led by its preferred replica').waitFor()
    await press(page, 'Back')
    await heading(page, 'orders.v1')
    await press(page, 'Move replicas')
    await page.getByText('0 of 3').waitFor()
    await type(page, 'Replicas of each', '2')
    await page.getByText('No plan for orders.v1: 2 replicas do not fit 1 brokers').waitFor()
    await page.keyboard.press('Escape')
    await page.keyboard.press('Escape')
    await heading(page, 'orders.v1')
    await page.close()
  })

  test('replicas of several topics: chosen, planned, edited by hand, and what Kafka refuses is shown', async () => {
    const page = await open('/topics')
    // The cluster has one broker; the page is made to believe in another.
    await page.route('**/api/clusters/lab/brokers', async route => {
      const answer = (await (await route.fetch()).json()) as Brokers
      const [one] = answer.brokers
      await route.fulfill({ json: { ...answer, brokers: [one, { ...one, id: 9 }] } })
    })
    await page.getByRole('link', { name: 'Move replicas' }).waitFor()
    await press(page, 'Move replicas')
    await heading(page, 'Move replicas of topics')
    await page.getByRole('checkbox', { name: 'orders.v1' }).waitFor()
    await press(page, 'orders.v1', 'Space')
    await press(page, 'test2', 'Space')
    await page.getByRole('button', { name: 'Plan for 2 topics' }).waitFor()
    assert.equal(new URL(page.url()).searchParams.get('topics'), 'orders.v1,test2')
    await press(page, `9, ${world.broker.bootstrap}`, 'Space')
    await press(page, 'Plan for 2 topics')
    await page.getByText('0 of 5').waitFor()
    await press(page, 'Edit by hand', 'Space')
    await type(page, 'Replicas of orders.v1-1', '0, 7')
    await page.locator('.err', { hasText: 'ids of brokers' }).waitFor()
    await type(page, 'Replicas of orders.v1-1', '9, 0')
    await page.getByText('1 of 5').waitFor()
    await type(page, 'Limit, MiB/s per broker', 'much')
    await press(page, 'Move 1 partition')
    await page.locator('.err', { hasText: 'a number above 0' }).waitFor()
    await type(page, 'Limit, MiB/s per broker', ' ')
    await page.keyboard.press('Backspace')
    await press(page, 'Move 1 partition')
    await page.getByRole('alert').getByText('INVALID_REPLICA_ASSIGNMENT').waitFor()
    await press(page, 'Choose others')
    const all = (await world.admin.topics.describe()).filter(({ isInternal }) => !isInternal).length
    await press(page, `All ${all}`, 'Space')
    await page.getByRole('button', { name: `Plan for ${all} topics` }).waitFor()
    assert.equal(new URL(page.url()).searchParams.get('topics'), '*')
    await page.close()
  })

  test('settings of a broker, from its page', async () => {
    const page = await open('/brokers')
    await press(page, '0')
    await heading(page, 'Broker 0')
    await page.getByRole('heading', { name: 'Log directories' }).waitFor()
    await press(page, 'Change settings')
    await heading(page, 'Settings of broker 0')
    await press(page, 'Change message.max.bytes')
    await type(page, 'message.max.bytes', '2000000')
    await press(page, 'Apply 1 change')
    await notice(page, '1 setting of 0 was changed.')
    await page.close()
  })

  test('records, a group and a topic are deleted once their name is typed', async () => {
    const page = await open('/topics/orders.v1')
    await heading(page, 'orders.v1')
    await press(page, 'Delete records')
    await heading(page, 'Delete records of orders.v1?')
    await tabTo(page, 'All')
    await page.keyboard.press('ArrowRight')
    await type(page, 'Offset, in every partition', '2')
    await type(page, 'Type orders.v1 to confirm', 'orders.v1')
    await press(page, 'Delete 6 records')
    await notice(page, '6 records of orders.v1 were deleted.')
    assert.deepEqual(
      (await world.admin.offsets.of('orders.v1')).map(({ first }) => first),
      [2, 2, 2],
    )
    await page.goto(new URL('/groups/billing', world.console.url).href)
    await press(page, 'Delete group')
    await type(page, 'Type billing to confirm', 'billing')
    await press(page, 'Delete group')
    await notice(page, 'Group billing was deleted.')
    await page.goto(new URL('/topics/made', world.console.url).href)
    await press(page, 'Delete topic')
    await type(page, 'Type made to confirm', 'mad')
    await page.keyboard.press('Enter')
    await page.keyboard.type('e')
    await press(page, 'Delete topic')
    await notice(page, 'Topic made was deleted.')
    await page.close()
  })

  const pages = [
    '/topics?do=create',
    '/topics?do=move&topics=orders.v1,test2',
    '/topics?do=move&topics=orders.v1,test2&plan=shown&edit=on&limit=10',
    '/brokers?do=stop',
    '/brokers?do=lift',
    '/topics/orders.v1?do=delete',
    '/topics/orders.v1?do=partitions',
    '/topics/orders.v1?do=empty&which=before',
    '/topics/orders.v1?do=settings',
    '/topics/orders.v1?do=spread',
    '/topics/orders.v1?do=elect',
    '/topics/orders.v1?do=stop',
    '/topics/orders.v1/messages?do=produce',
    '/groups/readers?do=reset&to=time&value=2026-11-29T14:00:00.000Z',
    '/groups/readers?do=delete',
    '/brokers?do=elect',
    '/brokers/0',
    '/brokers/0?do=settings',
    '/topics/orders.v1?do=nothing',
  ] as const
  for (const colorScheme of ['light', 'dark'] as const)
    test(`axe-core finds nothing on pages that change something, ${colorScheme}, and they fit 320 pixels`, async () => {
      for (const path of pages) {
        const page = await open(path, colorScheme)
        await page.getByRole('heading', { level: 1 }).waitFor()
        await page.getByText(/^(Reading|Loading|Making)/).waitFor({ state: 'detached' })
        for (const width of [1440, 320]) {
          await page.setViewportSize({ width, height: 900 })
          const fits = () => page.evaluate<boolean>('document.documentElement.scrollWidth <= innerWidth')
          await waitFor(fits, `${path}: nothing is wider than ${width} pixels`, 10_000)
          await page.evaluate(axe)
          const violations = await page.evaluate<string[]>(
            `axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.map(one => one.html).join(' ')))`,
          )
          assert.deepEqual(violations, [], `${path}, ${width} pixels`)
        }
        await page.close()
      }
    })

  test('no page complained', () => assert.deepEqual(complaints, []))
})
