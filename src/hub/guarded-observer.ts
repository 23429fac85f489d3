import { onRejection } from "../shared/on-rejection.js";
import type { HubObserver } from "./observer.js";

/**
 * Returns an observer that never throws: a failure in metrics must not end a stream, and in a timer it would end the
 * process.
 *
 * @param report - Called with the first failure of each method. A method that fails once usually fails at every update.
 */
export function guardedObserver(observer: HubObserver, report: (error: unknown) => void): HubObserver {
  const failed = new Set<keyof HubObserver>();
  const guarded = (method: keyof HubObserver) => () => {
    const fail = (error: unknown) => {
      if (failed.has(method)) return;
      failed.add(method);
      report(error);
    };
    try {
      onRejection(observer[method](), fail);
    } catch (error) {
      fail(error);
    }
  };
  return {
    subscribed: guarded("subscribed"),
    unsubscribed: guarded("unsubscribed"),
    published: guarded("published"),
  };
}
