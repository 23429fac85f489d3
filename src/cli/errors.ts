/** An invalid command line. The process prints one line that points to the help, and exits with code 2. */
export class UsageError extends Error {}

/** A failed command. The message gives the whole reason, and the process exits with code 1. */
export class CommandError extends Error {}
