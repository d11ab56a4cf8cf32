// The documentation site (`npm run site`): it is built without a warning, which every name without a docstring and every
// broken link in a page would be; it holds every page; and nothing of it is fetched from elsewhere.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { test } from 'node:test'

const root = resolve(import.meta.dirname, '../..')
const site = join(root, 'site/dist')

test('the site is whole, and needs nothing from elsewhere', t => {
  const built = spawnSync('npm', ['run', 'site'], { cwd: root, encoding: 'utf8' })
  assert.equal(built.status, 0, `${built.stdout}${built.stderr}`)
  const files = readdirSync(site, { recursive: true, encoding: 'utf8' })
  const pages = files.filter(path => path.endsWith('.html'))
  const bytes = files.reduce((sum, path) => sum + statSync(join(site, path)).size, 0)
  assert.ok(bytes < 15e6, `${bytes} bytes`)

  const texts = new Map(pages.map(path => [join(site, path), readFileSync(join(site, path), 'utf8')]))
  const wrong: string[] = []
  let links = 0
  for (const [path, text] of texts)
    for (const [, attribute, written] of text.matchAll(/\s(href|src)="([^"]*)"/g)) {
      links++
      if (/^(https?|mailto):/.test(written!)) {
        // What a reader follows may be elsewhere; what a page loads may not.
        if (attribute === 'src') wrong.push(`${path} loads ${written}`)
        continue
      }
      const [file = '', anchor = ''] = written!.replaceAll('&amp;', '&').split('#').map(decodeURIComponent)
      const to = file === '' ? path : join(dirname(path), file)
      if (!existsSync(to)) wrong.push(`${path} leads to ${written}, which is not there`)
      else if (anchor !== '' && texts.get(to)?.includes(`id="${anchor}"`) === false)
        wrong.push(`${path} leads to ${written}, which has no such place`)
    }
  assert.deepEqual(wrong, [])
  const loaded = [...texts.values()].flatMap(text => [...text.matchAll(/<(?:link|script|img)\b[^>]*>/g)])
  assert.ok(loaded.length > 0)
  assert.deepEqual(
    loaded.map(String).filter(tag => /(?:href|src)="(?:https?:)?\/\//.test(tag)),
    [],
  )

  const documents = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).filter(path =>
    path.endsWith('.md'),
  )
  for (const path of documents)
    assert.ok(
      existsSync(join(site, `documents/docs_${path.slice(0, -3).replaceAll('/', '_')}.html`)),
      `docs/${path} is a page`,
    )
  t.diagnostic(`${pages.length} pages, ${links} links, ${Math.round(bytes / 1e5) / 10} MB`)
})
