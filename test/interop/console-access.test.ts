// Access to the console in a real browser: the page to log in by, in both themes, without a violation that axe-core finds;
// no control that changes something for a viewer (C17); a page of another origin reads nothing and changes nothing (S30).
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { hashPassword } from '../../src/console/access/passwords.ts'
import { isChange } from '../../src/console/route.ts'
import { routesOf } from '../../src/console/routes.ts'
import { partsWith } from '../console/serving.ts'
import { send, startWorld, type World } from '../console/world.ts'
import { chromiumPath, skipWithoutChromium } from './peers/chromium.ts'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const passwords = { anna: 'mill pond', eve: 'mill dam' }

describe('access', { skip: skipWithoutChromium }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-access-'))
  let world: World
  let browser: Browser
  before(async () => {
    const cheap = { N: 1024, r: 8, p: 1 }
    const users = join(directory, 'users')
    const [anna, eve] = [await hashPassword(passwords.anna, cheap), await hashPassword(passwords.eve, cheap)]
    writeFileSync(users, `anna = ${anna} admin\neve = ${eve} viewer\n`, { mode: 0o600 })
    world = await startWorld(directory, { settings: { 'users.file': users } })
    await send(world, 'test3', 20)
    browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'] })
  })
  after(async () => {
    await browser?.close()
    await world?.[Symbol.asyncDispose]()
    rmSync(directory, { recursive: true, force: true })
  })

  const at = (path: string) => new URL(path, world.console.url).href

  async function violations(page: Page): Promise<string[]> {
    await page.evaluate(axe)
    return page.evaluate(async () => {
      const { axe: tool } = globalThis as unknown as {
        axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> }
      }
      return (await tool.run()).violations.map(
        ({ id, nodes }) => `${id}: ${nodes.map(node => node.html).join(' ')}`,
      )
    })
  }

  async function logIn(page: Page, user: keyof typeof passwords): Promise<void> {
    await page.getByLabel('User').fill(user)
    await page.getByLabel('Password', { exact: true }).fill(passwords[user])
    await page.keyboard.press('Enter')
    await page.locator('.app').waitFor()
  }

  for (const colorScheme of ['light', 'dark'] as const)
    test(`log in, ${colorScheme}: a wrong password, the right one, back to the address, and out again`, async () => {
      const context = await browser.newContext({ colorScheme, viewport: { width: 1440, height: 900 } })
      const page = await context.newPage()
      page.setDefaultTimeout(30_000)
      await page.goto(at('/topics?internal=shown'))
      await page.getByRole('heading', { level: 1, name: 'Log in' }).waitFor()
      assert.equal(await page.locator('.app').count(), 0)
      assert.deepEqual(await violations(page), [])
      await page.getByLabel('User').fill('anna')
      await page.getByLabel('Password', { exact: true }).fill('wrong')
      await page.getByRole('button', { name: 'Log in' }).click()
      await page.getByRole('alert').getByText('The user or the password is wrong').waitFor()
      for (const width of [1440, 320]) {
        await page.setViewportSize({ width, height: 900 })
        assert.ok(await page.evaluate<boolean>('document.documentElement.scrollWidth <= innerWidth'))
        assert.deepEqual(await violations(page), [], `${width} pixels`)
      }
      await page.setViewportSize({ width: 1440, height: 900 })
      await logIn(page, 'anna')
      await page.getByRole('heading', { level: 1, name: 'Topics' }).waitFor()
      assert.equal(new URL(page.url()).search, '?internal=shown')
      assert.equal(await page.evaluate<string>('document.cookie'), '', 'no script reads the cookie')
      await page.getByRole('link', { name: 'Audit' }).click()
      await page.getByRole('cell', { name: 'log in', exact: true }).first().waitFor()
      assert.deepEqual(await violations(page), [])
      await page.getByRole('button', { name: 'Log out anna' }).click()
      await page.getByRole('heading', { level: 1, name: 'Log in' }).waitFor()
      await context.close()
    })

  const pages = [
    '/',
    '/topics',
    '/topics/test3',
    '/topics/test3/messages?from=oldest',
    '/groups',
    '/groups/readers',
    '/brokers',
  ]
  /** Beginnings of what controls are called that change something: those of the table. */
  const verbs = new Set(
    routesOf(partsWith())
      .filter(isChange)
      .map(({ action }) => action.split(' ')[0]!),
  )

  test('a viewer finds no control that changes something on any page, and no violation', async () => {
    const context: BrowserContext = await browser.newContext({ viewport: { width: 1440, height: 900 } })
    const page = await context.newPage()
    page.setDefaultTimeout(30_000)
    await page.goto(at('/'))
    await logIn(page, 'eve')
    for (const path of pages) {
      await page.goto(at(path))
      await page.getByRole('heading', { level: 1 }).waitFor()
      await page.getByText('Reading').waitFor({ state: 'detached' })
      const names = await page.locator('button, a, input[type=submit]').allTextContents()
      const wrong = names
        .map(name => name.trim().toLowerCase())
        .filter(
          name =>
            name !== 'log out' && [...verbs].some(verb => verb !== 'log' && name.startsWith(`${verb} `)),
        )
      assert.deepEqual(wrong, [], path)
      assert.equal(await page.locator('a[href*="do="]').count(), 0, path)
      assert.deepEqual(await violations(page), [], path)
    }
    assert.equal(await page.getByRole('link', { name: 'Audit' }).count(), 0)
    await context.close()
  })

  test('a page of another origin reads nothing and changes nothing', async () => {
    const evil = createServer((_, response) =>
      response.setHeader('content-type', 'text/html').end('<h1>evil</h1>'),
    )
    evil.listen(0, '127.0.0.1')
    await once(evil, 'listening')
    const context = await browser.newContext()
    const page = await context.newPage()
    page.setDefaultTimeout(30_000)
    await page.goto(at('/'))
    await logIn(page, 'anna')
    const { port } = evil.address() as AddressInfo
    for (const host of ['localhost', '127.0.0.1']) {
      await page.goto(`http://${host}:${port}/`)
      const outcomes = await page.evaluate(async base => {
        const tries: (readonly [string, RequestInit])[] = [
          ['api/flow', {}],
          ['api/session', { credentials: 'include' }],
          ['api/session', { credentials: 'include', mode: 'no-cors' }],
          ['api/flow/stream', { credentials: 'include' }],
          ['api/logout', { method: 'POST', body: '{}', credentials: 'include', mode: 'no-cors' }],
          [
            'api/logout',
            { method: 'POST', body: '{}', credentials: 'include', headers: { 'x-millrace-token': '1' } },
          ],
        ]
        const read: string[] = []
        for (const [path, options] of tries)
          read.push(
            await fetch(base + path, options).then(
              answer => answer.text(),
              () => '',
            ),
          )
        return read
      }, at('/'))
      assert.ok(
        outcomes.every(text => text === ''),
        outcomes.join(),
      )
    }
    await page.goto(at('/'))
    await page.getByRole('button', { name: 'Log out anna' }).waitFor()
    await context.close()
    evil.close()
  })
})
