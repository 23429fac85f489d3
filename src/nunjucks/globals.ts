import { types } from "node:util";
import type { Environment } from "nunjucks";
import type { Topics } from "../publisher/publish/topics.js";
import type { StreamParts } from "../publisher/streams/stream-parts.js";
import type { StreamExtras } from "../publisher/streams/stream-urls.js";
import { MercureError } from "../shared/errors.js";
import { onRejection } from "../shared/on-rejection.js";
import { describeValue } from "../shared/plain-object.js";
import { readArguments } from "./call-arguments.js";
import type { Components, Props } from "./components.js";

export interface GlobalsOptions {
  readonly streams: StreamParts;
  readonly components: Components;
  /** Writes the script and style tags. */
  scripts(options: Props): unknown;
}

/**
 * Gives an environment the functions that templates need to stream without the library's tags, with plain htmx or any
 * EventSource.
 */
export function addGlobals(environment: Environment, { streams, components, scripts }: GlobalsOptions): void {
  const { topics, events, urls, subscriptions } = streams;
  // The library's URLs contain no character that HTML or a script's string must escape, except "&". An escaped "&"
  // would be wrong in a script, and in an attribute these parameters need none.
  const url = (text: string) => components.makeSafe(text);
  const authenticatedHubUrl =
    (name: string) =>
    (...args: unknown[]) =>
      url(urls.authenticatedHubUrl(...grantIn(name, args)));
  const functions: Record<string, (...args: unknown[]) => unknown> = {
    mercure_hub_url: (...args) => {
      const read = readArguments("mercure_hub_url", ["topics", "subscriber_jwt", "with_subscriptions"], args);
      const extras = eventsIn("mercure_hub_url", read);
      return url(urls.hubUrl(read.topics as Topics, tokenIn("mercure_hub_url", read), extras));
    },
    mercure_authenticated_hub_url: authenticatedHubUrl("mercure_authenticated_hub_url"),
    // The name of Flask-Mercure-SSE.
    mercure_authentified_hub_url: authenticatedHubUrl("mercure_authentified_hub_url"),
    mercure_subscriber_jwt: (...args) => urls.subscriberJwt(...grantIn("mercure_subscriber_jwt", args)),
    mercure_topic: (...args) => oneOrAll(topics.names(topicsIn("mercure_topic", args))),
    mercure_subscription_topic: (...args) =>
      oneOrAll(events.ofSubscriptions(topicsIn("mercure_subscription_topic", args))),
    mercure_presence: (...args) => subscriptions.people(topicsIn("mercure_presence", args)),
    mercure_subscriptions: (...args) => {
      const read = readArguments("mercure_subscriptions", ["topics", "subscriber"], args);
      return subscriptions.list(read.topics as Topics | undefined, read.subscriber as string | undefined);
    },
    mercure_scripts: (options = {}) => scripts(options as Props),
  };
  environment.addGlobal("components", components.namespace);
  for (const [name, call] of Object.entries(functions)) environment.addGlobal(name, components.guarded(call));
}

function oneOrAll<Name>(names: readonly [Name, ...Name[]]): Name | readonly Name[] {
  return names.length === 1 ? names[0] : names;
}

function topicsIn(where: string, args: readonly unknown[]): Topics {
  // The function that returns the name rejects an invalid topic.
  return readArguments(where, ["topics"], args).topics as Topics;
}

function grantIn(where: string, args: readonly unknown[]): [Topics, StreamExtras] {
  const read = readArguments(where, ["topics", "payload", "with_subscriptions"], args);
  if (types.isPromise(read.payload)) {
    onRejection(read.payload);
    throw new MercureError("ERR_TEMPLATE", `The payload of ${where} is a promise: await it before rendering.`);
  }
  return [read.topics as Topics, { payload: read.payload, ...eventsIn(where, read) }];
}

function tokenIn(where: string, { subscriber_jwt: token }: { subscriber_jwt?: unknown }): string | undefined {
  if (token === undefined || token === null) return undefined;
  if (typeof token === "string" && token !== "") return token;
  const given = typeof token === "string" ? "an empty string" : describeValue(token);
  throw new MercureError(
    "ERR_TEMPLATE",
    `The argument subscriber_jwt of ${where} must be a token, not ${given}: use mercure_subscriber_jwt(topics).`,
  );
}

function eventsIn(where: string, read: { with_subscriptions?: unknown }): Pick<StreamExtras, "withSubscriptions"> {
  const { with_subscriptions: value = false } = read;
  if (typeof value === "boolean") return { withSubscriptions: value };
  throw new MercureError(
    "ERR_TEMPLATE",
    `The argument with_subscriptions of ${where} must be true or false, not ${describeValue(value)}.`,
  );
}
