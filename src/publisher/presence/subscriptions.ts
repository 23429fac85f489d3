import type { SubscriptionDocument } from "../../protocol/active-subscription.js";
import type { DisconnectTarget } from "../../protocol/disconnection.js";
import { distinctTime } from "../../shared/distinct-time.js";
import { assertKnownOptions } from "../../shared/known-options.js";
import { embeddedHubRequired, type HubPort } from "../hub/hub-port.js";
import type { TopicReader } from "../publish/topic-reader.js";
import type { Topics } from "../publish/topics.js";
import type { RenderContexts } from "../streams/render-context.js";
import { checkPayloadFilter, type PayloadFilter, passes } from "./payload-filter.js";
import type { Presence } from "./presence.js";
import type { Person } from "./room.js";

/** Selects the streams that `sse.disconnect` ends. Exactly one property must be set. */
export interface DisconnectOptions {
  /** The subject of the tokens, as the option `subjectGetter` returned it. */
  readonly subject?: string | undefined;
  /** A topic, or several. Every stream of one of them ends. */
  readonly topic?: Topics | undefined;
  /** The id of one stream, from `subscriber` in the result of `sse.getSubscriptions`. */
  readonly subscriber?: string | undefined;
}

const disconnectOptions: readonly string[] = ["subject", "topic", "subscriber"] satisfies (keyof DisconnectOptions)[];

export interface SubscriptionsOptions {
  readonly hub: HubPort;
  readonly topics: TopicReader;
  /** The presence of the hub's nodes. Undefined with a hub in another process. */
  readonly presence: Presence | undefined;
  readonly pages: RenderContexts;
}

/** The active subscriptions of the application's topics, and the people of these topics. */
export class Subscriptions {
  readonly #options: SubscriptionsOptions;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  async isConnected(topic: Topics, payloadFilter?: PayloadFilter): Promise<boolean> {
    checkPayloadFilter(payloadFilter);
    const subscriptions = await this.of(topic);
    return subscriptions.some(({ payload }) => passes(payload, payloadFilter));
  }

  /** Returns the people of topics. A person of several topics is listed once. */
  people(topics: Topics): Person[] {
    const { presence } = this.#options;
    if (presence === undefined) {
      throw embeddedHubRequired("sse.presence", "use sse.getSubscriptions, and give MercurePresence its own topic");
    }
    const people = new Map<string, Person>();
    for (const person of this.#options.topics.names(topics).flatMap((topic) => presence.of(topic))) {
      const connections = person.connections + (people.get(person.key)?.connections ?? 0);
      people.set(person.key, { ...person, connections });
    }
    return [...people.values()];
  }

  async of(topics?: Topics, subscriber?: string): Promise<SubscriptionDocument[]> {
    return this.#options.hub.subscriptions(this.#namesOf(topics), subscriber);
  }

  /**
   * Returns the active subscriptions synchronously, for templates.
   *
   * @throws MercureError `ERR_EXTERNAL_HUB` if the hub is in another process, because that hub can only be queried
   * asynchronously.
   */
  list(topics?: Topics, subscriber?: string): SubscriptionDocument[] {
    return this.#options.hub.listSubscriptions(this.#namesOf(topics), subscriber);
  }

  async disconnect(target: DisconnectOptions): Promise<void> {
    const { hub, topics, pages } = this.#options;
    assertKnownOptions(target, disconnectOptions, "disconnect");
    const { topic } = target;
    const targets = topic === undefined ? [target] : topics.names(topic).map((name) => ({ ...target, topic: name }));
    await Promise.all(targets.map((each) => hub.disconnect(each as DisconnectTarget)));
    const page = pages.current;
    // This request may render pages after it has signed the user in or out. Their tokens must be newer than the
    // revocation.
    if (page !== undefined) page.beganAt = distinctTime(hub.now());
  }

  #namesOf(topics: Topics | undefined): readonly string[] | undefined {
    return topics === undefined ? undefined : this.#options.topics.names(topics);
  }
}
