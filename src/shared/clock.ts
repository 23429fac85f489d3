/** Tells the time, and calls back at a given time. Tests use their own clock. */
export interface Clock {
  /** Returns the time in milliseconds since 1970. */
  now(): number;
  /**
   * Calls back at a time. A time in the past calls back as soon as possible, but never within this call. Returns a
   * function that cancels the callback.
   */
  at(time: number, callback: () => void): () => void;
}

/** The max delay of a timer, in milliseconds. Node replaces a longer delay with 1. */
const maxDelay = 2 ** 31 - 1;

/** The system's clock. Callback times can be arbitrarily far away. A waiting callback keeps no process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  at(time, callback) {
    let timer: NodeJS.Timeout;
    const wait = (): void => {
      const delay = time - Date.now();
      timer = delay > maxDelay ? setTimeout(wait, maxDelay) : setTimeout(callback, Math.max(0, delay));
      timer.unref();
    };
    wait();
    return () => clearTimeout(timer);
  },
};
