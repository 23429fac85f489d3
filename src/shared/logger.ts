import { onRejection } from "./on-rejection.js";

/** Where the kit tells developers and operators something. `console` fits; every line begins with `htmx-mercure:`. */
export interface Logger {
  warn(message: string): void;
  error(message: string, error?: unknown): void;
}

/** One for each logger, so that it can be remembered what a logger was told. */
const guards = new WeakMap<Logger, Logger>();

/**
 * Returns a logger that never throws. Logger are written in timers and in handlers of errors, where an exception would end
 * the process; where the logger itself fails, the line and the failure go to the console.
 */
export function guardedLogger(logger: Logger): Logger {
  const known = guards.get(logger);
  if (known !== undefined) return known;
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
  const guard = { warn: guarded("warn"), error: guarded("error") };
  guards.set(logger, guard);
  guards.set(guard, guard);
  return guard;
}
