import type { Transaction } from "../../shared/transaction.js";

/** Options of `sse.publish`, `sse.remove` and `sse.publishSignal`. */
export interface PublishOptions {
  /**
   * Whether only subscribers with a token for a topic receive the update. Default false.
   * {@link https://mercure.rocks/spec#publication | Mercure "Publication"}.
   */
  private?: boolean | undefined;
  /**
   * The event's type; true stands for the first topic's name. Default: none, or the topic's name with the option
   * `typeIsTopic`.
   * {@link https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation | HTML, server-sent events}.
   */
  type?: string | boolean | undefined;
  /**
   * The update's id. An update with the same id and content is a retry, and is published once. An update with the same
   * id and other content is a new update. Default: the hub generates an id.
   * {@link https://mercure.rocks/spec#publication | Mercure "Publication"}.
   */
  id?: string | undefined;
  /**
   * The reconnection time of clients, in milliseconds. Default: the client's own.
   * {@link https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation | HTML, server-sent events}.
   */
  retry?: number | undefined;
  /**
   * Whether history stores the update. With false only streams that are open now receive it: a page that reconnects
   * misses it without a gap. Use it for short-lived data, such as cursors. Not with `id` or `key`. Default true.
   */
  keep?: boolean | undefined;
  /**
   * The key of the update within each of its topics. History replaces the older update of the key, so a page that
   * reconnects receives only the newest. Default: history stores every update.
   */
  key?: string | undefined;
  /**
   * The transaction of the application that the update is a part of: the hub sends the update if and when it commits. It
   * needs the option `outbox` of `mercure()`, or the transport of PostgreSQL. With that transport the update has no id
   * before, and `publish` resolves to the option `id` or an empty string. Default: none.
   */
  transaction?: Transaction | undefined;
  /** More variants to publish for, besides the live ones that this process knows. Default: none. */
  variants?: readonly unknown[] | undefined;
  /** The publisher's token for a remote hub. Default: the option `publisherJwt`, or else a token for these topics. */
  jwt?: string | undefined;
  /**
   * The URL of another hub, which receives the update over HTTP. Default: the library's option `hubUrl`, or else the hub in
   * this process.
   */
  hubUrl?: string | undefined;
}

export const publishOptions: readonly string[] = [
  "private",
  "type",
  "id",
  "retry",
  "keep",
  "key",
  "transaction",
  "variants",
  "jwt",
  "hubUrl",
] satisfies (keyof PublishOptions)[];
