import { subscriptionEvent } from "../../protocol/active-subscription.js";
import { work } from "../../protocol/matching/work.js";
import type { Transport } from "../../transport/transport.js";
import { newPace } from "../pacer.js";
import type { AnnouncedSubscription } from "./announced-subscription.js";

/** The cost of publishing an event, in steps. */
export const stepsPerEvent = 1_000;

/**
 * The max number of events of one call that the transport has not accepted yet. A store takes them in batches, so the
 * next ones must be there while it works.
 */
export const maxUnderWay = 1000;

/** Publishes the events of subscriptions in the hub's own namespace. */
export class EventPublication {
  readonly #transport: Transport;
  readonly #namespace: string;

  constructor(transport: Transport, namespace: string) {
    this.#transport = transport;
    this.#namespace = namespace;
  }

  /** Publishes events in order, and yields to the event loop between some of them, because many at once would block it. */
  async publish(entries: readonly AnnouncedSubscription[], active: boolean): Promise<void> {
    const pace = newPace();
    const underWay: Promise<unknown>[] = [];
    for (const entry of entries) {
      const event = subscriptionEvent(entry.path, entry, active);
      const before = work.steps;
      const published = this.#transport.publish(event, { namespace: this.#namespace, keep: "events" });
      // Another event can fail first, and only one failure is reported.
      published.catch(() => {});
      underWay.push(published);
      const pause = pace(stepsPerEvent + event.data.length + work.steps - before);
      if (pause !== undefined) await pause;
      if (underWay.length >= maxUnderWay) await Promise.all(underWay.splice(0, maxUnderWay / 2));
    }
    await Promise.all(underWay);
  }
}
