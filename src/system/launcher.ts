// How a shell on this machine starts `millrace`, for messages that name a command.
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The bare name where PATH has it, else the path of the launcher beside this program. */
export function millraceCommand(path = process.env['PATH'] ?? ''): string {
  const isThere = (file: string): boolean => {
    try {
      accessSync(file, constants.X_OK)
      return true
    } catch {
      return false
    }
  }
  const launcher = join(import.meta.dirname, '../../bin/millrace')
  const isOnPath = path.split(delimiter).some(one => one !== '' && isThere(join(one, 'millrace')))
  return isOnPath || !isThere(launcher) ? 'millrace' : launcher
}
