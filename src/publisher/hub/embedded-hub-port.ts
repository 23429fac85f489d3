import type { Hub } from "../../hub/hub.js";
import type { CloseOptions } from "../../hub/options/close-options.js";
import type { UpdatesOptions } from "../../hub/streams/update-reader.js";
import { type Selector, type SubscriptionDocument, selectorPath } from "../../protocol/active-subscription.js";
import type { DisconnectTarget } from "../../protocol/disconnection.js";
import type { TopicMatcher } from "../../protocol/matching/topic-matcher.js";
import type { ProtocolVersion } from "../../protocol/protocol-version.js";
import type { Draft, Update } from "../../protocol/update.js";
import { settledWithin } from "../../shared/settled-within.js";
import type { Transaction } from "../../shared/transaction.js";
import { pathBelow } from "../path-below.js";
import { applicationSubscriptions } from "../presence/application-subscriptions.js";
import { type Variants, variantTopics } from "../publish/variants.js";
import type { HubPort } from "./hub-port.js";

export interface EmbeddedHubPortOptions {
  readonly hub: Hub;
  /** The hub's URL for browsers, or its path. */
  readonly publicHubUrl: string;
  readonly variants: Variants;
}

/** The max time that requests wait for the hub to start, in milliseconds. */
const maxWait = 1000;

/** The hub in this process. */
export class EmbeddedHubPort implements HubPort {
  readonly isInProcess = true;
  readonly path: string;
  readonly #hub: Hub;
  readonly #options: EmbeddedHubPortOptions;
  #starting: Promise<void> | undefined;
  #isSettled = false;

  constructor(options: EmbeddedHubPortOptions) {
    this.path = options.hub.publicPath;
    this.#hub = options.hub;
    this.#options = options;
  }

  get lastEventId(): string {
    return this.#hub.lastEventId;
  }

  /** Waits for the hub to start, at most one second in all. Pages rendered earlier get an id that means a gap. */
  begin(): Promise<void> | undefined {
    if (this.#isSettled || this.#hub.state !== "starting") return undefined;
    this.#starting ??= settledWithin(this.#hub.ready, maxWait).then(() => {
      this.#isSettled = true;
    });
    return this.#starting;
  }

  async publish(draft: Draft, _jwt?: string, transaction?: Transaction): Promise<string> {
    if (transaction !== undefined) {
      await this.#hub.publishIn(transaction, draft);
      return draft.id ?? "";
    }
    const { id } = await this.#hub.publish(draft);
    return id;
  }

  check(draft: Draft): void {
    this.#hub.check(draft);
  }

  browserUrl(basePath: string): string {
    const { publicHubUrl } = this.#options;
    return publicHubUrl.startsWith("/") ? pathBelow(basePath, publicHubUrl, this.#hub.path) : publicHubUrl;
  }

  /** Returns the path of the selector's subscriptions, which is a topic of each of their events. */
  subscriptionTopic({ text, matchType = "exact" }: Selector, protocol: ProtocolVersion): string {
    return selectorPath(this.path, protocol === 0 ? { text } : { text, matchType });
  }

  async subscriptions(names: readonly string[] | undefined, subscriber?: string): Promise<SubscriptionDocument[]> {
    return this.listSubscriptions(names, subscriber);
  }

  /** Returns the subscriptions, including those of the topics' variants. */
  listSubscriptions(names: readonly string[] | undefined, subscriber?: string): SubscriptionDocument[] {
    if (names === undefined) return applicationSubscriptions(this.#hub.subscriptions(undefined, subscriber));
    const all = names.flatMap((name) => {
      const variants = this.#options.variants.of([name]);
      return [name, ...variants.flatMap((variant) => variantTopics([name], variant, "variant"))];
    });
    return applicationSubscriptions(all.flatMap((name) => this.#hub.subscriptions(name, subscriber)));
  }

  updates(topics: readonly (string | TopicMatcher)[], options: UpdatesOptions): AsyncIterableIterator<Update> {
    return this.#hub.updates(topics, options);
  }

  disconnect(target: DisconnectTarget): Promise<void> {
    return this.#hub.disconnect(target);
  }

  streamer(): Hub["stream"] {
    return this.#hub.stream.bind(this.#hub);
  }

  now(): number {
    return this.#hub.now();
  }

  close(options?: CloseOptions): Promise<void> {
    return this.#hub.close(options);
  }
}
