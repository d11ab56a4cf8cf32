// Loaded before the tests of package.json's scripts: the test runner follows what a test sets going by a hook, and now
// follows timers and requests but no promises, so that what awaits much runs up to seventeen times as fast. Something
// thrown that nobody caught fails the file as a whole where it comes from a promise.
import asyncHooks from 'node:async_hooks'
import { syncBuiltinESMExports } from 'node:module'

const { createHook } = asyncHooks
let isRunners = true
asyncHooks.createHook = callbacks => {
  const trackPromises = !isRunners
  isRunners = false
  return createHook(trackPromises ? callbacks : { ...callbacks, trackPromises })
}
syncBuiltinESMExports()
