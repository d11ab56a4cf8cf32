// Exit codes: what a caller can tell apart.
export const exitCodes = { stopped: 0, usage: 1, configuration: 2, bug: 3, forced: 4 }
