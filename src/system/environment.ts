// The door to the surroundings of the process: its environment variables and its user.
import { userInfo } from 'node:os'

/** The variable's value; undefined where it is not set. */
export const environmentVariable = (name: string): string | undefined => process.env[name]

/** All variables. */
export const environment = (): Readonly<Record<string, string | undefined>> => process.env

/** A user without an entry in the password database, as in a container that runs under a number, has what the variables say. */
function ownUser(): { readonly homedir: string; readonly username: string } {
  try {
    return userInfo()
  } catch {
    const { HOME = '/', USER = String(process.getuid?.()) } = process.env
    return { homedir: HOME, username: USER }
  }
}

/** The user's home directory in the password database, as the JVM's user.home; not $HOME. */
export const homeDirectory = (): string => ownUser().homedir

/** The name of the user that the process runs as. */
export const userName = (): string => ownUser().username
