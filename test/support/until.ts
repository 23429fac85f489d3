import { setTimeout as wait } from "node:timers/promises";

/** Waits for a condition; a test that never sees it ends by the runner's time limit. */
export async function until(condition: () => unknown): Promise<void> {
  while (!(await condition())) await wait(5);
}
