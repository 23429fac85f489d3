import { onRejection } from "./on-rejection.js";

/** Where the kit tells developers and operators something. `console` fits; every line begins with `htmx-mercure:`. */
export interface Logger {
  warn(message: string): void;
  error(message: string, error?: unknown): void;
}

/**
 * Returns a logger that never throws. Logger are written in timers and in handlers of errors, where an exception would end
 * the process; where the logger itself fails, the line and the failure go to the console.
 */
export function guardedLogger(logger: Logger): Logger {
  const guarded =
    (method: keyof Logger) =>
    (message: string, ...rest: unknown[]): void => {
      const complain = (failure: unknown) => {
        console.error(message, ...rest);
        console.error("htmx-mercure: the logger failed.", failure);
      };
      try {
        onRejection(logger[method](message, ...rest), complain);
      } catch (failure) {
        complain(failure);
      }
    };
  return { warn: guarded("warn"), error: guarded("error") };
}
