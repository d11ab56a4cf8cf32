// What is wrong with a command line, in one sentence: printed without a stack, and the process ends with 1.
export class UsageError extends Error {}
