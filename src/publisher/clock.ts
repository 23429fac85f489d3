/** The time, and what is to happen later. */
export interface Clock {
  /** In milliseconds since 1970. */
  now(): number;
  /** Calls once after so many milliseconds, unless it is cancelled by what is returned. */
  after(milliseconds: number, action: () => void): () => void;
}

/** The system's time. What is yet to happen does not keep the process from ending. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(milliseconds, action) {
    const timer = setTimeout(action, milliseconds).unref();
    return () => clearTimeout(timer);
  },
};
