import { type Selector, type SubscriptionDocument, selectorPath } from "../../protocol/active-subscription.js";
import { validateDraft } from "../../protocol/draft.js";
import type { TopicMatcher } from "../../protocol/matching/topic-matcher.js";
import type { ProtocolVersion } from "../../protocol/protocol-version.js";
import type { Draft } from "../../protocol/update.js";
import { closedError } from "../closed-error.js";
import { embeddedHubRequired, type HubPort } from "../hub/hub-port.js";
import { applicationSubscriptions } from "../presence/application-subscriptions.js";
import type { Tokens } from "../streams/tokens.js";
import type { HubAddress } from "./hub-address.js";
import { RemoteCursor } from "./remote-cursor.js";
import { publishToRemoteHub } from "./remote-publish.js";
import { askForSubscriptions } from "./remote-subscriptions.js";

export interface RemoteHubOptions {
  readonly address: HubAddress;
  /** The hub's URL for browsers. */
  readonly publicHubUrl: string;
  readonly protocol: ProtocolVersion;
  readonly tokens: Tokens;
  /** Returns the origin of the current request. Undefined outside of a request. */
  readonly requestOrigin: () => string | undefined;
  /** Receives errors that have no caller. */
  onError(message: string, error: unknown): void;
}

/**
 * The topic and the type of an update that only marks a position. The update is private and has its own type, so pages
 * ignore it.
 */
const positionTopic = "htmx-mercure/position";

/** A hub in another process, which receives all updates and serves all streams. */
export class RemoteHub implements HubPort {
  readonly isInProcess = false;
  /** The path of the hub's URL. */
  readonly path: string;
  readonly #options: RemoteHubOptions;
  readonly #position: RemoteCursor;
  #closed = false;

  constructor(options: RemoteHubOptions) {
    this.path = options.address.path;
    this.#options = options;
    const { protocol, tokens, onError } = options;
    const mark = { topics: [positionTopic], type: positionTopic, data: "position", private: true };
    this.#position = new RemoteCursor({
      protocol,
      makeToken: () => tokens.forSubscriber([{ text: "*" }]),
      mark: (hubUrl) => this.#publishTo(hubUrl, mark),
      onError,
    });
  }

  /** The last event id received. It can be older than the hub's last event id, and is never newer. */
  get lastEventId(): string {
    return this.#position.lastEventId;
  }

  /**
   * Returns a promise that a request must await before it renders. It resolves after one second at most. Returns
   * undefined if the request can render at once.
   *
   * @param requested - The origin of the request.
   */
  begin(requested: string): Promise<void> | undefined {
    return this.#position.start(this.#options.address.toFollow(requested));
  }

  /**
   * Publishes an update. Resolves to its id.
   *
   * @param jwt - The publisher's token. Default: the option `publisherJwt`, or else a token for the update's topics.
   * @throws MercureError `ERR_PUBLISH` if the hub rejects the update, cannot be reached or has an untrusted host,
   * `ERR_CLOSED` after the library was closed.
   */
  async publish(draft: Draft, jwt?: string): Promise<string> {
    const { address, requestOrigin } = this.#options;
    return this.#publishTo(address.urlFor(requestOrigin()), draft, jwt);
  }

  check(draft: Draft): void {
    if (this.#closed) throw closedError();
    validateDraft(draft, this.path);
  }

  browserUrl(): string {
    return this.#options.publicHubUrl;
  }

  /**
   * Returns the pattern of the topics of the selector's subscription events. Other hubs have one topic for each
   * subscriber, so a pattern selects them: a URI template in Mercure 0.x, a URL pattern in 1.0.
   */
  subscriptionTopic({ text, matchType = "exact" }: Selector, protocol: ProtocolVersion): TopicMatcher {
    if (protocol === 0)
      return { match: `${selectorPath(this.path, { text })}{/subscriber}`, match_type: "uritemplate" };
    return { match: `${selectorPath(this.path, { text, matchType })}/:subscriber`, match_type: "urlpattern" };
  }

  /**
   * Resolves to the active subscriptions of the application: all of them, or those of topics or of one subscriber.
   *
   * @throws MercureError `ERR_SUBSCRIPTIONS` if the hub does not return them, `ERR_PUBLISH` for an untrusted host.
   */
  async subscriptions(names?: readonly string[], subscriber?: string): Promise<SubscriptionDocument[]> {
    const found = (await Promise.all((names ?? [undefined]).map((name) => this.#subscriptionsOf(name)))).flat();
    return applicationSubscriptions(found).filter((each) => subscriber === undefined || each.subscriber === subscriber);
  }

  listSubscriptions(): never {
    throw embeddedHubRequired("mercure_subscriptions", "pass the result of sse.getSubscriptions() to the template");
  }

  updates(): never {
    throw embeddedHubRequired("sse.updates", "read sse.authenticatedHubUrl(topics) with an EventSource");
  }

  async disconnect(): Promise<void> {
    throw embeddedHubRequired("sse.disconnect", "on an external hub, tokens only expire; set a short tokenLifetime");
  }

  streamer(): never {
    const hint = "let clients open sse.authenticatedHubUrl(topics)";
    throw embeddedHubRequired("sse.stream", hint);
  }

  now(): number {
    return Date.now();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#position.close();
  }

  async #subscriptionsOf(topic: string | undefined): Promise<SubscriptionDocument[]> {
    const { address, protocol, tokens, requestOrigin } = this.#options;
    const { subscriptions } = await askForSubscriptions({
      hubUrl: address.urlFor(requestOrigin()),
      protocol,
      selector: topic === undefined ? undefined : { text: topic },
      makeToken: (text) => tokens.forSubscriber([{ text }]),
    });
    return subscriptions.filter(({ active }) => active);
  }

  async #publishTo(hubUrl: string, draft: Draft, jwt?: string): Promise<string> {
    if (this.#closed) throw closedError();
    return publishToRemoteHub(hubUrl, jwt ?? this.#options.tokens.forPublisher(draft.topics), draft);
  }
}
