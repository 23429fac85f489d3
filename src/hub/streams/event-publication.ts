import { subscriptionEvent } from "../../protocol/active-subscription.js";
import type { Transport } from "../../transport/transport.js";
import type { AnnouncedSubscription } from "./announced-subscription.js";
import { inPace } from "./in-pace.js";

/** Publishes the events of subscriptions in the hub's own namespace. */
export class EventPublication {
  readonly #transport: Transport;
  readonly #namespace: string;

  constructor(transport: Transport, namespace: string) {
    this.#transport = transport;
    this.#namespace = namespace;
  }

  /** Publishes events in order. */
  publish(entries: readonly AnnouncedSubscription[], active: boolean): Promise<void> {
    return inPace(entries, (entry) => {
      const event = subscriptionEvent(entry.path, entry, active);
      return this.#transport.publish(event, { namespace: this.#namespace, keep: "events" });
    });
  }
}
