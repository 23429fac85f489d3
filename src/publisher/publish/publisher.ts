import type { Draft } from "../../protocol/update.js";
import { MercureError } from "../../shared/errors.js";
import { escapeHtml } from "../../shared/escape-html.js";
import { isFunction } from "../../shared/is-function.js";
import { assertKnownOptions } from "../../shared/known-options.js";
import { invalidOption } from "../../shared/option-reader.js";
import type { HubPort } from "../hub/hub-port.js";
import type { Outbox } from "../outbox/outbox.js";
import { publishToRemoteHub } from "../remote/remote-publish.js";
import { checkPublished, type StreamLimits } from "../streams/stream-limits.js";
import type { Tokens } from "../streams/tokens.js";
import type { Drafts } from "./drafts.js";
import { InOrder } from "./in-order.js";
import type { Models } from "./models.js";
import { type PublishOptions, publishOptions } from "./publish-options.js";
import { remoteParts } from "./remote-parts.js";
import { type EventSourceOfSignals, publishSignal, type SignalOptions, signalOptions } from "./signals.js";
import type { TopicReader } from "./topic-reader.js";
import type { Topics } from "./topics.js";
import { liveVariants, VariantDrafts, type VariantRenderer } from "./variant-drafts.js";
import { type Variants, variantTopics } from "./variants.js";

export interface PublisherOptions {
  readonly hub: HubPort;
  readonly topics: TopicReader;
  readonly drafts: Drafts;
  readonly models: Models;
  readonly variants: Variants;
  readonly tokens: Tokens;
  readonly streamLimits: StreamLimits;
  /** Undefined without the option `outbox`. */
  readonly outbox: Outbox | undefined;
  /** Receives errors without a caller. */
  onError(message: string, error: unknown): void;
}

/** Publishes updates. The updates of one topic keep the order of the calls. */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #order = new InOrder();

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  publish(topics: Topics, render: VariantRenderer, options?: PublishOptions): Promise<string[]>;
  publish(topics: Topics, data?: unknown, options?: PublishOptions): Promise<string>;
  async publish(...args: [topics: Topics, data?: unknown, options?: PublishOptions]): Promise<string | string[]> {
    const [topics, data, options = {}] = args;
    assertKnownOptions(options, publishOptions, "publish");
    if (args.length > 3) {
      throw new MercureError(
        "ERR_OPTION",
        "publish takes topics, data and options: write publish(topics, data, { … }).",
      );
    }
    const names = this.#options.topics.names(topics);
    if (isFunction(data)) return this.#publishVariants(names, data, options);
    const isAlone = args.length === 1 && this.#options.models.isObject(topics);
    const send = () => this.#publishToAll(names, isAlone ? topics : data, options);
    return this.#order.isIdle ? send() : this.#order.run(names, () => undefined, send);
  }

  async remove(topics: Topics, id: string | number, options: PublishOptions = {}): Promise<string> {
    assertKnownOptions(options, publishOptions, "remove");
    // htmx reads a comma as a list of selectors, and the second selector could match the whole page.
    if (!/^[^#\s,][^\s,]*$/.test(String(id ?? ""))) {
      const given = JSON.stringify(id) ?? typeof id;
      throw new MercureError("ERR_DATA", `remove() takes the id of an element, such as "todo-7", not ${given}.`);
    }
    return this.publish(topics, `<div id="${escapeHtml(String(id))}" hx-swap-oob="delete"></div>`, options);
  }

  publishSignal<Args extends unknown[] = unknown[]>(
    emitter: EventSourceOfSignals,
    event: string | symbol,
    options: SignalOptions<Args> = {},
  ): () => void {
    assertKnownOptions(options, signalOptions, "publishSignal");
    const signal = {};
    return publishSignal(emitter, event, options, {
      publish: (topics, data, settings) => this.publish(topics, data, settings),
      inOrder: (topics, prepare, work) =>
        this.#order.run([signal, ...this.#options.topics.names(topics)], prepare, work),
      onError: (error) => this.#options.onError(`publishing the event "${String(event)}" failed`, error),
    });
  }

  #publishToAll(names: readonly string[], data: unknown, options: PublishOptions): Promise<string> {
    const { hub, drafts, variants } = this.#options;
    const [draft, settings] = drafts.make(names, data, options);
    const kind = settings.private ? "private-variant" : "variant";
    const others = liveVariants(variants, names, settings).map((variant) => variantTopics(names, variant, kind));
    const isRemote = settings.hubUrl !== undefined || !hub.isInProcess;
    if (!isRemote) {
      const accepted = variants.publishing(names, true);
      const sent = this.#send(others.length === 0 ? draft : { ...draft, topics: [names, ...others].flat() }, settings);
      return accepted === undefined ? sent : sent.finally(() => accepted(true));
    }
    return this.#sendParts(draft, remoteParts(names, others, settings.id), settings);
  }

  async #sendParts(draft: Draft, parts: readonly (readonly string[])[], settings: PublishOptions): Promise<string> {
    const [id] = await Promise.all(parts.map((topics) => this.#send({ ...draft, topics }, settings)));
    return id!;
  }

  /** Renders all variants before it publishes any. A variant that fails to render thus stops the others too. */
  async #publishVariants(
    names: readonly string[],
    render: VariantRenderer,
    options: PublishOptions,
  ): Promise<string[]> {
    const { drafts, variants } = this.#options;
    const made = new VariantDrafts({ names, render, options, drafts, variants });
    return this.#order.run(
      names,
      () => made.renderMissing(),
      async () => {
        await made.renderMissing();
        const accepted = variants.publishing(names, false);
        const sent = Promise.all(made.all.map(([draft, settings]) => this.#send(draft, settings)));
        return sent.finally(() => accepted?.(made.all.length > 0));
      },
    );
  }

  #send(draft: Draft, { hubUrl, jwt, transaction }: PublishOptions): Promise<string> {
    const { hub, tokens, streamLimits, outbox } = this.#options;
    checkPublished(draft.topics, streamLimits);
    if (transaction !== undefined && outbox !== undefined) {
      if (hubUrl === undefined && jwt === undefined) return outbox.add(transaction, draft);
      throw invalidOption("transaction", "cannot be combined with hubUrl or jwt: the outbox does not store them");
    }
    if (transaction !== undefined && (hubUrl !== undefined || !hub.isInProcess)) {
      throw invalidOption(
        "transaction",
        "needs the option outbox of mercure(), or the hub in this process with a transport of the application's database",
      );
    }
    if (hubUrl !== undefined) return publishToRemoteHub(hubUrl, jwt ?? tokens.forPublisher(draft.topics), draft);
    return hub.publish(draft, jwt, transaction);
  }
}
