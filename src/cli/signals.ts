import { constants } from "node:os";

/**
 * Resolves at the first signal to end. A second one ends the process at once, with the exit code that shells expect.
 */
export function shutdownSignal(): Promise<void> {
  return new Promise((resolve) => {
    let isShuttingDown = false;
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.on(signal, () => {
        if (isShuttingDown) process.exit(128 + constants.signals[signal]);
        isShuttingDown = true;
        resolve();
      });
    }
  });
}
