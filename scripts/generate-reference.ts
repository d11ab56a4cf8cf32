// Writes docs/reference/, the alert rules and the dashboard from the declarations: `npm run docs`.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { apiReferenceName, apiReferencePage } from './reference/kafka-apis-page.ts'
import { settingsReferenceName, settingsReferencePage } from './reference/broker-settings-page.ts'
import { clientReferenceName, clientReferencePage } from './reference/kafka-client-page.ts'
import { catalogue } from '../src/components.ts'
import { metricsReferenceName, metricsReferencePage } from './reference/metrics-page.ts'
import { monitoringFiles } from './reference/monitoring-files.ts'
import { referencePages } from './reference/component-pages.ts'

const folder = new URL('../docs/reference/', import.meta.url)
const pages = new Map([
  ...(await referencePages(catalogue)),
  [apiReferenceName, apiReferencePage()],
  [clientReferenceName, clientReferencePage()],
  [settingsReferenceName, settingsReferencePage()],
  [metricsReferenceName, await metricsReferencePage()],
])
mkdirSync(folder, { recursive: true })
for (const name of readdirSync(folder)) if (!pages.has(name)) rmSync(new URL(name, folder))
for (const [name, text] of pages) writeFileSync(new URL(name, folder), text)
const operations = new URL('../examples/ops/', import.meta.url)
for (const [name, text] of monitoringFiles()) {
  mkdirSync(new URL('.', new URL(name, operations)), { recursive: true })
  writeFileSync(new URL(name, operations), text)
}
console.log(`${pages.size} pages in docs/reference`)
