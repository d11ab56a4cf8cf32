// A plugin of TypeDoc: pages of docs/ have the title of their first heading, and are listed by the folder they are in.
import { Converter, RendererEvent } from 'typedoc'

/** Folder -> heading in the list of pages; the order is that of `groupOrder` in typedoc.json. */
const groups = [
  ['docs/guides/', 'Guides'],
  ['docs/reference/', 'Reference'],
  ['docs/formats/', 'Formats'],
  ['docs/decisions/', 'Design decisions'],
  ['docs/', 'About Millrace'],
  ['', 'Project'],
]

export function load(app) {
  const titles = new Map()
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_context, page) => {
    const text = page.content.map(part => part.text).join('')
    const heading = /^\s*(?:<!--[^>]*-->\s*)?# (.+)/.exec(text)
    if (heading === null) throw new Error(`${page.name}.md does not begin with a heading`)
    titles.set(page, heading[1].replaceAll('`', ''))
    const [, group] = groups.find(([folder]) => page.name.startsWith(folder))
    page.frontmatter['group'] = group
  })
  // By then the addresses of pages are made of their paths.
  app.renderer.on(RendererEvent.BEGIN, () => {
    for (const [page, title] of titles) page.name = title
  })
}
