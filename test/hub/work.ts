import type { TestContext } from "node:test";
import { work } from "../../src/protocol/matching/work.js";

/** Records the match steps of each turn of the event loop. */
export function watchTurns(t: TestContext): { readonly most: number; readonly busy: number } {
  const seen = { most: 0, busy: 0 };
  let last = work.steps;
  let watching = true;
  t.after(() => {
    watching = false;
  });
  const look = () => {
    const steps = work.steps - last;
    last = work.steps;
    seen.most = Math.max(seen.most, steps);
    if (steps > 0) seen.busy++;
    if (watching) setImmediate(look);
  };
  setImmediate(look);
  return seen;
}
