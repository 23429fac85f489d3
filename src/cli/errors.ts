/** The command line is wrong: said in one line with the way to the help, and exit code 2. */
export class UsageError extends Error {}

/** The command did not succeed, for a reason that its message says in full: exit code 1. */
export class Failure extends Error {}
