import type { SubscriptionDocument } from "../../protocol/active-subscription.js";
import type { Transport } from "../../transport/transport.js";
import { HeardEnds } from "../nodes/heard-ends.js";
import { type AnnouncedSubscription, eventTopic } from "./announced-subscription.js";

/** The max data of one read of history, in UTF-16 units. */
const historyChunk = 256 * 1024;

/**
 * Knows the last events of subscriptions at other nodes, from history and from the ends that this node has received.
 */
export class LastEvents {
  readonly #transport: Transport;
  readonly #ends: HeardEnds;

  constructor(transport: Transport) {
    this.#transport = transport;
    this.#ends = new HeardEnds(() => transport.now());
  }

  /** Notes an event of another node. */
  hear(topic: string, active: boolean): void {
    this.#ends.hear(topic, active);
  }

  forget(topic: string): void {
    this.#ends.forget(topic);
  }

  /**
   * Resolves to a function that tells whether the last event of a subscription is its start, as far as this node can
   * know.
   *
   * @param topics - The {@link eventTopic} of each subscription.
   */
  async areBegins(topics: ReadonlySet<string>): Promise<(entry: AnnouncedSubscription, start: number) => boolean> {
    const states = new Map<string, boolean>();
    let lost = 0;
    for (let after = 0, isRead = topics.size === 0; !isRead; ) {
      const read = await this.#transport.read({ topics, after, limit: historyChunk });
      for (const { topics: names, data } of read.updates.map(({ update }) => update)) {
        states.set(names[0]!, (JSON.parse(data) as SubscriptionDocument).active);
      }
      lost = Math.max(lost, read.lostThrough);
      isRead = read.through >= this.#transport.head;
      after = read.through;
    }
    // A node can die after it has described a stream, and before it has announced the start.
    return (entry, start) => {
      const topic = eventTopic(entry);
      return !this.#ends.has(topic) && (states.get(topic) ?? start < lost);
    };
  }
}
