// The door to the surroundings of the process: its environment variables and its user.
import { userInfo } from 'node:os'

/** The variable's value; undefined where it is not set. */
export const environmentVariable = (name: string): string | undefined => process.env[name]

/** All variables. */
export const environment = (): Readonly<Record<string, string | undefined>> => process.env

/** The user's home directory in the password database, as the JVM's user.home; not $HOME. */
export const homeDirectory = (): string => userInfo().homedir

/** The name of the user that the process runs as. */
export const userName = (): string => userInfo().username
