import { MercureError } from "../errors.js";
import type { Draft } from "../protocol/update.js";
import { HubPosition } from "./hub-position.js";
import { publishToRemoteHub } from "./remote-hub.js";
import { type PublisherKeys, publisherToken, signToken } from "./tokens.js";

export interface ExternalHubOptions extends PublisherKeys {
  /** As this process reaches it. */
  readonly url: string;
  readonly subscriberSecretKey: string;
  /** In seconds. */
  readonly tokenLifetime: number;
  /** Told of what goes wrong where no caller can be. */
  onError(message: string, error: unknown): void;
}

/** Where an update goes that only marks a position: private, and of a type of its own, so that no page shows it. */
const positionTopic = "htmx-mercure/position";

/** A hub in another process, to which everything is published and from which pages stream. */
export class ExternalHub {
  readonly url: string;
  readonly #options: ExternalHubOptions;
  readonly #position: HubPosition;
  #closed = false;

  constructor(options: ExternalHubOptions) {
    this.url = options.url;
    this.#options = options;
    this.#position = new HubPosition({
      hubUrl: options.url,
      makeToken: () => signToken({ subscribe: ["*"] }, options.subscriberSecretKey, options.tokenLifetime),
      mark: () => this.publish({ topics: [positionTopic], type: positionTopic, data: "position", private: true }),
      onError: options.onError,
    });
  }

  /** The last id that was seen; it may be older than the hub's last, and is never newer. */
  get lastEventId(): string {
    return this.#position.lastEventId;
  }

  /** What a request waits for, a moment at most; undefined when there is nothing to wait for. */
  begin(): Promise<void> | undefined {
    return this.#position.begin();
  }

  /**
   * @param jwt the publisher's token; by default the configured one, or one made for the topics
   * @throws MercureError `ERR_PUBLISH`, `ERR_CLOSED`
   */
  async publish(draft: Draft, jwt?: string): Promise<string> {
    if (this.#closed) throw new MercureError("ERR_CLOSED", "The kit is closed.");
    return publishToRemoteHub(this.url, jwt ?? publisherToken(draft.topics, this.#options), draft);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#position.close();
  }
}

/** What a program gets that asks for the hub in this process where there is none. */
export function noHubInProcess(what: string, wayOut: string): MercureError {
  return new MercureError(
    "ERR_EXTERNAL_HUB",
    `${what} needs the hub in this process, but hubUrl names another: ${wayOut}.`,
  );
}
