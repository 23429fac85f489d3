import { setImmediate as turn, setTimeout as wait } from "node:timers/promises";

/** The max wait for a condition, in milliseconds. It is far above every correct wait, so only a defect reaches it. */
const patience = 150_000;

type Condition = () => unknown;

/**
 * Waits for a condition.
 *
 * @throws Error with the condition's code and the caller's line if it stays false.
 */
export function until(condition: Condition): Promise<void> {
  return poll(condition, () => wait(5), until);
}

/** Waits for a condition, and checks it at every turn of the event loop. */
export function untilTurn(condition: Condition): Promise<void> {
  return poll(condition, () => turn(), untilTurn);
}

/** Waits for a condition that mostly comes true within some turns of the event loop, thousands of times in a test. */
export async function untilSoon(condition: Condition): Promise<void> {
  for (let turns = 0; turns < 50; turns++) {
    if (await condition()) return;
    await turn();
  }
  await until(condition);
}

async function poll(condition: Condition, pause: () => Promise<unknown>, caller: (_: Condition) => unknown) {
  const failure = new Error();
  Error.captureStackTrace(failure, caller);
  const end = Date.now() + patience;
  while (!(await condition())) {
    if (Date.now() > end) {
      failure.message = `This condition is still false after ${patience / 1000} s: ${condition}`;
      throw failure;
    }
    await pause();
  }
}

/**
 * Waits for a promise that only a defective program leaves pending.
 *
 * @throws Error with the complaint and the caller's line if it stays open.
 */
export async function inTime<T>(promise: Promise<T>, complaint: string): Promise<T> {
  const failure = new Error(`${complaint} for ${patience / 1000} s`);
  const timer = new AbortController();
  try {
    return await Promise.race([
      promise,
      wait(patience, undefined, { signal: timer.signal, ref: false }).then(() => Promise.reject(failure)),
    ]);
  } finally {
    timer.abort();
  }
}
