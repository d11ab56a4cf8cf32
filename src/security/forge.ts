// node-forge, loaded when a key store is read and not before: a program without one need not have its forty
// files.
import { createRequire } from 'node:module'
import type Forge from 'node-forge'

let loaded: typeof Forge | undefined

export function forge(): typeof Forge {
  return (loaded ??= createRequire(import.meta.url)('node-forge') as typeof Forge)
}
