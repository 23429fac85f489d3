import { onRejection } from "./on-rejection.js";

/**
 * Receives messages to developers and operators. `console` is a valid logger. Every line begins with
 * `htmx-mercure:`.
 *
 * @example
 * ```ts
 * const quiet: Logger = { warn() {}, error: console.error };
 * ```
 */
export interface Logger {
  /** Receives a warning: a mistake or a risk that does not stop the library. */
  warn(message: string): void;
  /** Receives an error that no caller can handle, such as one of a callback. */
  error(message: string, error?: unknown): void;
}

/**
 * The guard of each logger. A single guard per logger lets other code record the warnings that a logger has received.
 */
const guards = new WeakMap<Logger, Logger>();

/**
 * Returns a logger that never throws. Timers and error handlers write to loggers, and an exception there would end the
 * process. When the logger itself fails, the line and the failure go to the console.
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
