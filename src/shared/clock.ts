/** What time it is, and what happens at one. Tests bring a clock of their own. */
export interface Clock {
  /** In milliseconds since 1970. */
  now(): number;
  /** Calls back at a time, at once when it has passed, though not within this call. Returns the way to call it off. */
  at(time: number, callback: () => void): () => void;
}

/** The longest delay of a timer, in milliseconds: Node would take a longer one for 1. */
const longest = 2 ** 31 - 1;

/** The system's clock. A time may be however far away; waiting for it keeps no process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  at(time, callback) {
    let timer: NodeJS.Timeout;
    const wait = (): void => {
      const delay = time - Date.now();
      timer = delay > longest ? setTimeout(wait, longest) : setTimeout(callback, Math.max(0, delay));
      timer.unref();
    };
    wait();
    return () => clearTimeout(timer);
  },
};
