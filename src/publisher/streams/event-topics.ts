import type { Selector } from "../../protocol/active-subscription.js";
import type { TopicMatcher } from "../../protocol/matching/topic-matcher.js";
import { presenceEvent, presenceTopic } from "../../protocol/own-topics.js";
import type { ProtocolVersion } from "../../protocol/protocol-version.js";
import { embeddedHubRequired, type HubPort } from "../hub/hub-port.js";
import type { Presence } from "../presence/presence.js";
import type { TopicReader } from "../publish/topic-reader.js";
import type { Topics } from "../publish/topics.js";

export interface EventTopicsOptions {
  readonly hub: HubPort;
  readonly protocol: ProtocolVersion;
  readonly topics: TopicReader;
  /** The presence of this process. Undefined with a hub in another process. */
  readonly presence: Presence | undefined;
}

/** The topics of events about subscribers: subscription events of the hub, and presence changes. */
export class EventTopics {
  readonly #options: EventTopicsOptions;

  constructor(options: EventTopicsOptions) {
    this.#options = options;
  }

  /**
   * The types of the events that make pages fetch their people again. Subscription events have no type in Mercure 0.x,
   * and the type `mercure` in 1.0.
   */
  get presenceTypes(): readonly string[] {
    return this.#options.presence === undefined ? ["message", "mercure"] : [presenceEvent];
  }

  /** Returns the topics or matchers that deliver the subscription events of `topics`. Those events are private updates. */
  ofSubscriptions(topics: Topics): [string | TopicMatcher, ...(string | TopicMatcher)[]] {
    const { hub, protocol } = this.#options;
    const [first, ...others] = this.#options.topics
      .selectors(topics)
      .map((selector) => hub.subscriptionTopic(selector, protocol));
    return [first!, ...others];
  }

  /** Returns the selectors of the same events. Mercure 0.x and 1.0 "Subscription Events". */
  subscriptionSelectors(topics: Topics): Selector[] {
    return this.ofSubscriptions(topics).map((topic) => {
      if (typeof topic === "string") return { text: topic };
      return topic.match_type === "urlpattern" ? { text: topic.match, matchType: "urlpattern" } : { text: topic.match };
    });
  }

  /**
   * Returns the selectors of the presence changes of topics, which are announced from now on.
   *
   * @throws MercureError `ERR_EXTERNAL_HUB` without presence in this process.
   */
  presenceSelectors(topics: Topics): Selector[] {
    const { presence } = this.#options;
    if (presence === undefined) {
      throw embeddedHubRequired("with_presence", "use sse.getSubscriptions, and give MercurePresence its own topic");
    }
    return this.#options.topics.names(topics).map((name) => {
      presence.watch(name);
      return { text: presenceTopic(name) };
    });
  }

  /** Returns the selectors of presence changes. Without presence in this process, returns those of subscription events. */
  peopleSelectors(topics: Topics): Selector[] {
    return this.#options.presence === undefined ? this.subscriptionSelectors(topics) : this.presenceSelectors(topics);
  }
}
