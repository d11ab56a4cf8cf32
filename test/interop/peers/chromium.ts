// The machine's Chromium, for tests of the console's pages. With REQUIRE_BROWSER=1 a machine without one fails.
import { existsSync } from 'node:fs'

const found = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(path =>
  existsSync(path),
)

export const chromiumPath = found ?? 'chromium'

export const skipWithoutChromium =
  found === undefined && process.env['REQUIRE_BROWSER'] !== '1' ? 'no Chromium on this machine' : false

if (skipWithoutChromium !== false)
  process.stderr.write(`SKIPPED: the console's pages in a browser: ${skipWithoutChromium}\n`)
