// The door to the environment variables of the process.

/** The variable's value; undefined where it is not set. */
export const environmentVariable = (name: string): string | undefined => process.env[name]
