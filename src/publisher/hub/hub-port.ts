import type { Hub } from "../../hub/hub.js";
import type { CloseOptions } from "../../hub/options/close-options.js";
import type { UpdatesOptions } from "../../hub/streams/update-reader.js";
import type { Selector, SubscriptionDocument } from "../../protocol/active-subscription.js";
import type { DisconnectTarget } from "../../protocol/disconnection.js";
import type { TopicMatcher } from "../../protocol/matching/topic-matcher.js";
import type { ProtocolVersion } from "../../protocol/protocol-version.js";
import type { Draft, Update } from "../../protocol/update.js";
import { MercureError } from "../../shared/errors.js";
import type { Transaction } from "../../shared/transaction.js";

/**
 * The hub as the publisher sees it. One adapter is for the hub in this process, and one for a hub in another process.
 */
export interface HubPort {
  /** Whether the hub is the library's own, in this process. */
  readonly isInProcess: boolean;
  /** The prefix of the hub's own topics. */
  readonly path: string;
  /** The last event id for streams that begin now. It is never newer than the hub's own. */
  readonly lastEventId: string;

  /**
   * Returns a promise that a request must await before it renders, or undefined if it can render at once.
   *
   * @param requested - The origin of the request.
   */
  begin(requested: string): Promise<void> | undefined;

  /**
   * Publishes an update. Resolves to its id.
   *
   * @param jwt - The publisher's token for a hub in another process. Default: the library makes one.
   * @param transaction - The transaction that the update is a part of. The update has no id yet: the promise resolves
   * to the draft's id, or "".
   */
  publish(draft: Draft, jwt?: string, transaction?: Transaction): Promise<string>;

  /**
   * Checks a draft that is published later.
   *
   * @throws MercureError as {@link HubPort.publish} does for a draft that breaks the protocol, `ERR_CLOSED`.
   */
  check(draft: Draft): void;

  /** Returns the hub's URL for browsers, below the application's base path if the hub is there. */
  browserUrl(basePath: string): string;

  /** Returns the topic, or the pattern of the topics, of the subscription events of a selector. */
  subscriptionTopic(selector: Selector, protocol: ProtocolVersion): string | TopicMatcher;

  /** Resolves to the active subscriptions of the application: all of them, or those of topics or of one subscriber. */
  subscriptions(names: readonly string[] | undefined, subscriber?: string): Promise<SubscriptionDocument[]>;

  /**
   * Returns the same list synchronously.
   *
   * @throws MercureError `ERR_EXTERNAL_HUB` if the hub is in another process.
   */
  listSubscriptions(names: readonly string[] | undefined, subscriber?: string): SubscriptionDocument[];

  /**
   * Iterates over updates, including private ones.
   *
   * @throws MercureError `ERR_EXTERNAL_HUB` if the hub is in another process.
   */
  updates(topics: readonly (string | TopicMatcher)[], options: UpdatesOptions): AsyncIterableIterator<Update>;

  /**
   * Ends streams and revokes their tokens.
   *
   * @throws MercureError `ERR_EXTERNAL_HUB` if the hub is in another process.
   */
  disconnect(target: DisconnectTarget): Promise<void>;

  /**
   * Returns the function that streams topics to a client that the application has authorized.
   *
   * @throws MercureError `ERR_EXTERNAL_HUB` if the hub is in another process.
   */
  streamer(): Hub["stream"];

  /** Returns the time by the hub's clock, in milliseconds since 1970. */
  now(): number;

  close(options?: CloseOptions): Promise<void>;
}

/** Returns the error for a call that needs the hub in this process, when the hub is in another process. */
export function embeddedHubRequired(what: string, hint: string): MercureError {
  return new MercureError(
    "ERR_EXTERNAL_HUB",
    `${what} needs the embedded hub, but hubUrl selects an external one: ${hint}.`,
  );
}
