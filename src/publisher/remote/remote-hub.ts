import type { SubscriptionDocument } from "../../protocol/active-subscription.js";
import type { Generation } from "../../protocol/protocol-version.js";
import type { Draft } from "../../protocol/update.js";
import { MercureError } from "../../shared/errors.js";
import type { Tokens } from "../streams/tokens.js";
import type { HubAddress } from "./hub-address.js";
import { HubPosition } from "./remote-cursor.js";
import { publishToRemoteHub } from "./remote-publish.js";
import { askForSubscriptions } from "./remote-subscriptions.js";

export interface ExternalHubOptions {
  readonly address: HubAddress;
  readonly protocol: Generation;
  readonly tokens: Tokens;
  /** The origin of the request that is under way. */
  readonly requestOrigin: () => string | undefined;
  /** Told of what goes wrong where no caller can be. */
  onError(message: string, error: unknown): void;
}

/** Where an update goes that only marks a position: private, and of a type of its own, so that no page shows it. */
const positionTopic = "htmx-mercure/position";

/** A hub in another process, to which everything is published and from which pages stream. */
export class ExternalHub {
  /** The path of the hub's URL. */
  readonly path: string;
  readonly #options: ExternalHubOptions;
  readonly #position: HubPosition;
  #closed = false;

  constructor(options: ExternalHubOptions) {
    this.path = options.address.path;
    this.#options = options;
    const { protocol, tokens, onError } = options;
    const mark = { topics: [positionTopic], type: positionTopic, data: "position", private: true };
    this.#position = new HubPosition({
      protocol,
      makeToken: () => tokens.forSubscriber([{ text: "*" }]),
      mark: (hubUrl) => this.#publishTo(hubUrl, mark),
      onError,
    });
  }

  /** The last id that was seen; it may be older than the hub's last, and is never newer. */
  get lastEventId(): string {
    return this.#position.lastEventId;
  }

  /**
   * What a request waits for, a moment at most; undefined when there is nothing to wait for.
   *
   * @param requested - The origin of the request.
   */
  begin(requested: string): Promise<void> | undefined {
    return this.#position.begin(this.#options.address.toFollow(requested));
  }

  /**
   * @param jwt the publisher's token; by default the configured one, or one made for the topics
   * @throws MercureError `ERR_PUBLISH`, `ERR_CLOSED`
   */
  async publish(draft: Draft, jwt?: string): Promise<string> {
    const { address, requestOrigin } = this.#options;
    return this.#publishTo(address.urlFor(requestOrigin()), draft, jwt);
  }

  /**
   * The active subscriptions: all, or those of a topic by its name.
   *
   * @throws MercureError `ERR_SUBSCRIPTIONS`, and `ERR_PUBLISH` for a host that is not trusted.
   */
  async subscriptions(topic?: string): Promise<SubscriptionDocument[]> {
    const { address, protocol, tokens, requestOrigin } = this.#options;
    const { subscriptions } = await askForSubscriptions({
      hubUrl: address.urlFor(requestOrigin()),
      protocol,
      selector: topic === undefined ? undefined : { text: topic },
      makeToken: (text) => tokens.forSubscriber([{ text }]),
    });
    return subscriptions.filter(({ active }) => active);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#position.close();
  }

  async #publishTo(hubUrl: string, draft: Draft, jwt?: string): Promise<string> {
    if (this.#closed) throw new MercureError("ERR_CLOSED", "The kit is closed.");
    return publishToRemoteHub(hubUrl, jwt ?? this.#options.tokens.forPublisher(draft.topics), draft);
  }
}

/** What a program gets that asks for the hub in this process where there is none. */
export function noHubInProcess(what: string, wayOut: string): MercureError {
  return new MercureError(
    "ERR_EXTERNAL_HUB",
    `${what} needs the hub in this process, but hubUrl names another: ${wayOut}.`,
  );
}
