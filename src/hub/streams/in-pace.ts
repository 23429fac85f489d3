import { work } from "../../protocol/matching/work.js";
import { newPace } from "../pacer.js";

/** The cost of an event, in steps. */
const stepsPerEvent = 1_300;

/**
 * The max number of items whose work has not ended. A store takes events in batches, so the next ones must be there while
 * it works.
 */
const maxUnderWay = 1000;

/**
 * Begins work for each item. It yields to the event loop between some items, because too many at once would block it.
 */
export async function inPace<T>(items: Iterable<T>, begin: (item: T) => unknown): Promise<void> {
  const pace = newPace();
  const underWay: Promise<unknown>[] = [];
  for (const item of items) {
    const before = work.steps;
    const begun = Promise.resolve(begin(item));
    // Another item can fail first, and only one failure is reported.
    begun.catch(() => {});
    underWay.push(begun);
    const pause = pace(stepsPerEvent + work.steps - before);
    if (pause !== undefined) await pause;
    if (underWay.length >= maxUnderWay) await Promise.all(underWay.splice(0, maxUnderWay / 2));
  }
  await Promise.all(underWay);
}
