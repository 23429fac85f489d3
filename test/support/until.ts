import { setImmediate as turn, setTimeout as wait } from "node:timers/promises";

/** Waits for a condition; a test that never sees it ends by the runner's time limit. */
export async function until(condition: () => unknown): Promise<void> {
  while (!(await condition())) await wait(5);
}

/** Waits for a condition that mostly comes true within some turns of the event loop, thousands of times in a test. */
export async function untilSoon(condition: () => unknown): Promise<void> {
  for (let turns = 0; turns < 50; turns++) {
    if (await condition()) return;
    await turn();
  }
  await until(condition);
}
