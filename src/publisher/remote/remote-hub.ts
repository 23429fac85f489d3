import type { SubscriptionDocument } from "../../protocol/active-subscription.js";
import type { ProtocolVersion } from "../../protocol/protocol-version.js";
import type { Draft } from "../../protocol/update.js";
import { MercureError } from "../../shared/errors.js";
import type { Tokens } from "../streams/tokens.js";
import type { HubAddress } from "./hub-address.js";
import { RemoteCursor } from "./remote-cursor.js";
import { publishToRemoteHub } from "./remote-publish.js";
import { askForSubscriptions } from "./remote-subscriptions.js";

export interface ExternalHubOptions {
  readonly address: HubAddress;
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
export class RemoteHub {
  /** The path of the hub's URL. */
  readonly path: string;
  readonly #options: ExternalHubOptions;
  readonly #position: RemoteCursor;
  #closed = false;

  constructor(options: ExternalHubOptions) {
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

  /** The last event id seen. It can be older than the hub's last event id, and is never newer. */
  get lastEventId(): string {
    return this.#position.lastEventId;
  }

  /**
   * Returns a promise that a request should wait for before it renders. It resolves after one second at most. Returns
   * undefined if the request does not have to wait.
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
   * `ERR_CLOSED` after the kit was closed.
   */
  async publish(draft: Draft, jwt?: string): Promise<string> {
    const { address, requestOrigin } = this.#options;
    return this.#publishTo(address.urlFor(requestOrigin()), draft, jwt);
  }

  /**
   * Resolves to the active subscriptions: all of them, or those of a topic by its name.
   *
   * @throws MercureError `ERR_SUBSCRIPTIONS` if the hub does not return them, `ERR_PUBLISH` for an untrusted host.
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

/** Returns the error for a call that needs the hub in this process, when the hub is in another process. */
export function embeddedHubRequired(what: string, wayOut: string): MercureError {
  return new MercureError(
    "ERR_EXTERNAL_HUB",
    `${what} needs the hub in this process, but hubUrl names another: ${wayOut}.`,
  );
}
