/** The longest delay of a timer, in milliseconds: Node would take a longer one for 1. */
const longest = 2 ** 31 - 1;

/**
 * Calls back at a time, given in milliseconds since 1970, however far away; at once, though not within this call, when
 * it has passed. Keeps no process alive. Returns the way to call it off.
 */
export function at(time: number, callback: () => void): () => void {
  let timer: NodeJS.Timeout;
  const wait = (): void => {
    const delay = time - Date.now();
    timer = delay > longest ? setTimeout(wait, longest) : setTimeout(callback, Math.max(0, delay));
    timer.unref();
  };
  wait();
  return () => clearTimeout(timer);
}
