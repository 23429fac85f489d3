import type { Request, RequestHandler, Response } from "express";
import type { UpdatesOptions } from "../hub/streams/update-reader.js";
import type { SubscriptionDocument } from "../protocol/active-subscription.js";
import type { TopicMatcher } from "../protocol/matching/topic-matcher.js";
import type { Update } from "../protocol/update.js";
import type { PayloadFilter } from "../publisher/presence/payload-filter.js";
import type { Person } from "../publisher/presence/room.js";
import type { DisconnectOptions } from "../publisher/presence/subscriptions.js";
import type { ModelClass, ModelDeclaration } from "../publisher/publish/models.js";
import type { PublishOptions } from "../publisher/publish/publish-options.js";
import type { EventSourceOfSignals, SignalOptions } from "../publisher/publish/signals.js";
import type { Topics } from "../publisher/publish/topics.js";
import type { VariantRenderer } from "../publisher/publish/variant-drafts.js";
import type { JwtOptions } from "../publisher/streams/handmade-tokens.js";
import type { StreamExtras } from "../publisher/streams/stream-urls.js";
import type { TopicChoice } from "./stream-routes.js";

/** Publishes updates, and serves streams as routes of the application. You can destructure its functions. */
export interface Sse {
  /**
   * Publishes data on a topic. Resolves to the update's id once the hub has stored the update.
   *
   * A function as data is called once for each live variant of the topic's streams. It is also called with undefined if
   * the topic may have streams without a variant. The function can be asynchronous. `publish` then resolves to the ids
   * of all updates; the list is empty if the topic has no streams.
   *
   * Updates of a topic are published in the order of the calls, even when a function is slow.
   *
   * A model object as data is rendered by its class's component. A model object as the only argument is published on
   * its own topic. Strings are published unchanged and unescaped: put user input into a component or into
   * the template tag `html`. {@link https://mercure.rocks/spec#publication | Mercure "Publication"}.
   *
   * @throws MercureError `ERR_TOPIC`, `ERR_MODEL`, `ERR_DATA`, `ERR_UPDATE` or `ERR_OPTION` for an invalid topic,
   * model, data, update or option.
   * @throws MercureError `ERR_TOKEN` for data that contains the token of a private stream, because every subscriber
   * would receive the token.
   * @throws MercureError `ERR_PUBLISH` if a remote hub rejects the update or cannot be reached.
   * @throws MercureError `ERR_CLOSED` after `kit.close()`.
   * @example
   * ```ts
   * const id = await sse.publish("messages", render("ChatMessage", message));
   * await sse.publish("orders/7", html`<p id="order-7">paid</p>`, { private: true });
   * ```
   */
  publish(topics: Topics, render: VariantRenderer, options?: PublishOptions): Promise<string[]>;
  /** Publishes data that is the same for every variant of the topic's streams. */
  publish(topics: Topics, data?: unknown, options?: PublishOptions): Promise<string>;

  /**
   * Deletes the element with this id from every page that streams the topic, by an out-of-band swap. Resolves to the
   * update's id. {@link https://htmx.org/attributes/hx-swap-oob/ | hx-swap-oob}.
   *
   * @throws MercureError `ERR_DATA` for an id that is empty, begins with `#`, or contains a comma or white space, and
   * all errors of `sse.publish`.
   * @example
   * ```ts
   * await sse.remove("todos", "todo-7");
   * ```
   */
  remove(topics: Topics, id: string | number, options?: PublishOptions): Promise<string>;

  /**
   * Declares the topics, the component and the publish options of a class's objects. See {@link ModelDeclaration}.
   *
   * @throws MercureError `ERR_MODEL` if `model` is not a class, `ERR_OPTION` for an unknown option.
   * @example
   * ```ts
   * sse.model(TodoItem, { id: "title", component: "TodoItem" });
   * ```
   */
  model<T extends object>(model: ModelClass<T>, declaration: ModelDeclaration<T>): void;

  /**
   * Publishes an update for each event of an emitter, in the order of the events. Updates of one topic also stay in
   * order. Returns a function that removes the listener.
   *
   * Errors go to `options.onError`, never to the emitter.
   *
   * @throws MercureError `ERR_OPTION` for an unknown option.
   * @example
   * ```ts
   * const stop = sse.publishSignal(emitter, "saved", { topic: "orders", argsAsData: true });
   * ```
   */
  publishSignal<Args extends unknown[] = unknown[]>(
    emitter: EventSourceOfSignals,
    event: string | symbol,
    options?: SignalOptions<Args>,
  ): () => void;

  /**
   * Resolves to true if a topic has at least one subscriber that names it. With a filter, only subscribers whose token
   * has a matching payload count (see the option `payloadGetter`). Always false with the option
   * `hub.subscriptions: false`.
   *
   * @throws MercureError `ERR_OPTION` for an invalid filter, and all errors of {@link Sse.getSubscriptions}.
   * @example
   * ```ts
   * if (await sse.isConnected("orders/7", { id: 7 })) await sse.publish("orders/7", "paid");
   * ```
   */
  isConnected(topic: Topics, payloadFilter?: PayloadFilter): Promise<boolean>;

  /**
   * Returns the people who stream a topic now, in the order of their arrival. A person with several open windows is
   * listed once.
   *
   * The options `payloadGetter` and `presenceKey` identify people. A person stays listed for `presenceGrace` after the
   * last stream has closed. The list is empty with the option `hub.subscriptions: false`.
   *
   * @throws MercureError `ERR_EXTERNAL_HUB` if the hub is in another process.
   * @example
   * ```ts
   * const names = sse.presence("rooms/1").map(({ key }) => key);
   * ```
   */
  presence(topics: Topics): Person[];

  /**
   * Resolves to the active subscriptions: all of them, those of some topics, or those of one subscriber. A remote hub
   * is queried over HTTP. {@link https://mercure.rocks/spec#subscription-api | Mercure "Subscription API"}.
   *
   * @throws MercureError `ERR_SUBSCRIPTIONS` if a remote hub does not return its subscriptions.
   * @throws MercureError `ERR_TOPIC` or `ERR_MODEL` for an invalid topic.
   * @example
   * ```ts
   * const [subscription] = await sse.getSubscriptions("orders/7");
   * ```
   */
  getSubscriptions(topics?: Topics, subscriber?: string): Promise<SubscriptionDocument[]>;

  /**
   * Ends streams now, on every hub node that the transport reaches, and revokes the tokens issued for them until this
   * moment.
   *
   * `subject` selects the tokens of one user (see the option `subjectGetter`), `topic` the tokens that grant a topic,
   * `subscriber` the token of one stream. Public streams of a topic end too, and their clients reconnect.
   *
   * @throws MercureError `ERR_OPTION` unless exactly one property is set.
   * @throws MercureError `ERR_TOPIC` or `ERR_MODEL` for an invalid topic.
   * @throws MercureError `ERR_EXTERNAL_HUB` if the hub is in another process.
   * @throws MercureError `ERR_CLOSED` after `kit.close()`.
   * @example
   * ```ts
   * await sse.disconnect({ subject: "7" });
   * ```
   */
  disconnect(target: DisconnectOptions): Promise<void>;

  /**
   * Returns an iterator over the updates of topics, private ones included, for code in this process. It starts now, or
   * after `lastEventId`. It ends with the loop, with the signal, or with `kit.close()`.
   *
   * A string is the name of one topic. A pattern is `{ match, match_type }`. All topics are
   * `{ match: "*", match_type: "uritemplate" }`.
   *
   * @throws MercureError `ERR_HISTORY_GAP` if the reader is so slow that its next update has left the history.
   * @throws MercureError `ERR_EXTERNAL_HUB` if the hub is in another process.
   * @example
   * ```ts
   * for await (const { topics, data } of sse.updates(["messages", "news"])) console.log(topics, data);
   * ```
   */
  updates(topics: Topics, options?: UpdatesOptions): AsyncIterableIterator<Update>;

  /**
   * Returns the URL of an EventSource for the topics. The stream replays updates published since the current request
   * began. {@link https://mercure.rocks/spec#subscription | Mercure "Subscription"}.
   *
   * @param jwt - A subscriber's token for private updates. In Mercure 0.x it is a parameter of the URL. In Mercure 1.0
   * it is in the URL's fragment, and only the library's script reads it. Default: none, or a token without grants if the
   * hub rejects anonymous subscribers.
   * @throws MercureError `ERR_TOPIC` or `ERR_MODEL` for an invalid topic, or a URL that the hub would reject.
   * @example
   * ```ts
   * const url = sse.hubUrl("messages");
   * ```
   */
  hubUrl(topics: Topics, jwt?: string, extras?: Pick<StreamExtras, "withSubscriptions">): string;

  /**
   * Returns the same URL as {@link Sse.hubUrl} with a token that grants the private updates of these topics. The token
   * is in the URL, or in a cookie with `tokenMode: "cookie"`.
   * {@link https://mercure.rocks/spec#authorization | Mercure "Authorization"}.
   *
   * @throws MercureError `ERR_TOPIC` or `ERR_MODEL` for an invalid topic, or a URL that the hub would reject.
   * @throws MercureError `ERR_FORBIDDEN` if the option `authorize` refuses the topics.
   * @throws MercureError `ERR_OPTION` if an option's function returns a promise.
   * @throws MercureError `ERR_TOKEN` if the token needs a cookie and the response is missing or has begun.
   * @example
   * ```ts
   * const url = sse.authenticatedHubUrl("orders/7");
   * ```
   */
  authenticatedHubUrl(topics: Topics, extras?: StreamExtras): string;

  /**
   * An alias of {@link Sse.authenticatedHubUrl}: its name in Flask-Mercure-SSE.
   *
   * @example
   * ```ts
   * sse.authentifiedHubUrl("orders/7"); // → /.well-known/mercure?topic=orders%2F7…
   * ```
   */
  authentifiedHubUrl(topics: Topics, extras?: StreamExtras): string;

  /**
   * Returns a token that grants the private updates of these topics to the current user. It is valid for the option
   * `tokenLifetime`. {@link https://mercure.rocks/spec#subscribers | Mercure "Subscribers"}.
   *
   * @throws MercureError `ERR_TOPIC` or `ERR_MODEL` for an invalid topic, `ERR_FORBIDDEN` if the option `authorize`
   * refuses the topics, `ERR_OPTION` if an option's function returns a promise.
   * @example
   * ```ts
   * const token = sse.subscriberJwt("orders/7");
   * ```
   */
  subscriberJwt(topics: Topics, extras?: StreamExtras): string;

  /**
   * Returns a token that grants the private updates of these topics to any bearer. The option `authorize` is not
   * called. {@link https://mercure.rocks/spec#subscribers | Mercure "Subscribers"}.
   *
   * @throws MercureError `ERR_TOPIC` or `ERR_MODEL` for an invalid topic, `ERR_OPTION` for an invalid option.
   * @example
   * ```ts
   * const token = sse.createSubscriberJwt("orders/7", { subject: "7", expiresIn: 600 });
   * ```
   */
  createSubscriberJwt(topics: Topics, options?: JwtOptions): string;

  /**
   * Returns a token that lets any bearer publish to these topics over HTTP. The option `authorize` is not called.
   * {@link https://mercure.rocks/spec#publishers | Mercure "Publishers"}.
   *
   * @throws MercureError `ERR_TOPIC` or `ERR_MODEL` for an invalid topic, `ERR_OPTION` for an invalid option.
   * @example
   * ```ts
   * const token = sse.createPublisherJwt("orders/7", { expiresIn: 600 });
   * ```
   */
  createPublisherJwt(topics: Topics, options?: JwtOptions): string;

  /**
   * Returns the names of topics, as URLs, tokens and updates carry them.
   *
   * @throws MercureError `ERR_TOPIC` or `ERR_MODEL` for an invalid topic.
   * @example
   * ```ts
   * sse.topics([TodoList, "news"]); // → ["TodoList","news"]
   * ```
   */
  topics(topics: Topics): [string, ...string[]];

  /**
   * Returns the topics or matchers that deliver the subscription events of `topics`. Those events are private updates.
   * Other hubs have one topic for each subscriber, so matchers select them there: a URI template in Mercure 0.x, a URL
   * pattern in 1.0. {@link https://mercure.rocks/spec#subscription-events | Mercure "Subscription Events"}.
   *
   * @throws MercureError `ERR_TOPIC` or `ERR_MODEL` for an invalid topic.
   * @example
   * ```ts
   * const url = sse.authenticatedHubUrl(["messages", ...sse.subscriptionTopics("messages")]);
   * ```
   */
  subscriptionTopics(topics: Topics): [string | TopicMatcher, ...(string | TopicMatcher)[]];

  /**
   * Calls the option `authorize` for a request and topics, and resolves to its answer. The answer applies to everything
   * rendered for this request afterwards. Resolves to true without the option.
   *
   * @throws MercureError `ERR_TOPIC` or `ERR_MODEL` for an invalid topic. Errors of the option are rethrown.
   * @example
   * ```ts
   * if (!(await sse.authorize(req, "orders/7"))) res.sendStatus(403);
   * ```
   */
  authorize(request: Request, topics: Topics): Promise<boolean>;

  /**
   * Sets the authorization cookie, and replaces an earlier one. Its token grants the private updates of these topics
   * and identifies the response's viewer. `{ jwt }` sets a token from elsewhere instead.
   * {@link https://mercure.rocks/spec#cookie | Mercure "Cookie"}.
   *
   * @throws MercureError `ERR_TOKEN` if the response has begun, or if `jwt` is not a valid token.
   * @example
   * ```ts
   * sse.setAuthzCookie(res, "orders/7");
   * ```
   */
  setAuthzCookie(response: Response, grant: Topics | { readonly jwt: string }): void;

  /**
   * Deletes every token that the browser has in a cookie. Call it when a user signs out.
   *
   * @throws MercureError `ERR_TOKEN` if the response has begun.
   * @example
   * ```ts
   * sse.deleteAuthzCookie(res);
   * ```
   */
  deleteAuthzCookie(response: Response): void;

  /**
   * Returns an Express handler that streams topics, including private updates. The middleware before it must authorize
   * the request.
   *
   * Without `topics`, the query parameter `channel` names the topic; default `sse`. The client chooses the topic then,
   * so the handler streams public updates only.
   * {@link https://html.spec.whatwg.org/multipage/server-sent-events.html | HTML, server-sent events}.
   *
   * @param topics - The topics, or a function of the request that returns them; it can be asynchronous.
   * @throws MercureError `ERR_EXTERNAL_HUB` if the hub is in another process, when the route is created.
   * @example
   * ```ts
   * app.get("/orders/stream", requireLogin, sse.stream((req) => `orders-${req.ip}`));
   * ```
   */
  stream(topics?: Topics | TopicChoice): RequestHandler;
}
