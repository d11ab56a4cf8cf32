// Loaded before the tests of package.json's scripts: takes from the test runner the hook by which it follows every
// promise of a test, so that what awaits much runs up to seventeen times as fast. The runner needs the hook to name
// the test in which something was thrown that nobody caught; without it the file fails as a whole.
import asyncHooks from 'node:async_hooks'
import { syncBuiltinESMExports } from 'node:module'

const { createHook } = asyncHooks

let isFirst = true
asyncHooks.createHook = callbacks => {
  const hook = createHook(callbacks)
  if (!isFirst) return hook
  isFirst = false // the runner's own
  return { enable: () => hook, disable: () => hook }
}
syncBuiltinESMExports()
