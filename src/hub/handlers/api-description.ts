import type { Protocol } from "../../protocol/matching/subscription-parameters.js";
import { streamKeyParameter } from "../../protocol/stream-key.js";
import { defaultCookieNames } from "../auth/authenticators.js";
import { formType } from "../http/form-body.js";
import type { HubSettings } from "../options/hub-options.js";
import { components, type JsonObject, jsonAnswer, refused, streamAnswer, validators } from "./api-components.js";
import type { PublishLimits } from "./publication-request.js";

/** The path of the description, below the hub's URL. Mercure reserves all paths there for the hub. */
export const descriptionPath = "/openapi.json";

export type DescribedSettings = Pick<
  HubSettings,
  "allowAnonymous" | "allowPublish" | "cookieName" | "matcherLimits" | "protocol" | "publishLimits" | "subscriptions"
>;

/** The hub's paths as clients see them. */
export interface DescribedPaths {
  readonly hub: string;
  /** Undefined when the hub publishes no metadata. */
  readonly metadata: string | undefined;
}

const list = { $ref: "#/components/schemas/Subscriptions" };
const one = { $ref: "#/components/schemas/Subscription" };

/**
 * Describes the HTTP API of a hub with these settings. OpenAPI 3.2 is the first version with the method QUERY and event
 * streams.
 *
 * HEAD is left out: the hub answers it wherever it answers GET.
 */
export function describeApi(settings: DescribedSettings, { hub, metadata }: DescribedPaths): JsonObject {
  const { allowPublish, subscriptions, cookieName, protocol } = settings;
  const cookieNames = cookieName === undefined ? defaultCookieNames : [cookieName];
  const places = ["header", ...(protocol === 1 ? [] : ["parameter"]), ...cookieNames];
  const security = places.map((place) => ({ [place]: [] }));
  return {
    openapi: "3.2.0",
    info: {
      title: "Mercure hub",
      version: "1.0.0",
      summary: "Accepts updates and delivers them to subscribers as server-sent events.",
      description: "The hub of htmx-mercure. Every path with GET supports HEAD too.",
    },
    externalDocs: { url: "https://mercure.rocks/spec", description: "The Mercure protocol" },
    security,
    paths: {
      [hub]: {
        get: subscribe(settings, security),
        query: subscribeByForm(settings, security),
        ...(allowPublish && { post: publish(settings.publishLimits) }),
      },
      ...(subscriptions && activeSubscriptions(`${hub}/subscriptions`, protocol)),
      ...(metadata !== undefined && { [metadata]: { get: describeResource() } }),
      [hub + descriptionPath]: { get: describeItself() },
    },
    components: components(protocol, cookieNames),
  };
}

function subscribe(settings: DescribedSettings, security: readonly JsonObject[]): JsonObject {
  return {
    operationId: "subscribe",
    summary: "Subscribe to topics",
    description: "Names at least one topic, with the parameters of one Mercure version.",
    ...(settings.allowAnonymous && { security: [{}, ...security] }),
    parameters: [
      ...Object.entries(subscriptionFields(settings)).map(([name, schema]) => ({ name, in: "query", schema })),
      {
        name: "Last-Event-ID",
        in: "header",
        description: "The id of the last received event, or earliest. Takes precedence over the parameters.",
        schema: { type: "string" },
      },
    ],
    responses: { 200: streamAnswer(settings.protocol), ...refused(400, 401, 429, 503) },
  };
}

function subscribeByForm(settings: DescribedSettings, security: readonly JsonObject[]): JsonObject {
  const { responses, ...rest } = subscribe(settings, security);
  const properties = subscriptionFields(settings);
  return {
    ...rest,
    operationId: "subscribeByForm",
    summary: "Subscribe to more topics than fit into a URL",
    description: "The parameters can be in the query, in the body, or in both.",
    requestBody: { content: { [formType]: { schema: { type: "object", properties } } } },
    responses: { ...(responses as JsonObject), ...refused(413, 415) },
  };
}

/** Returns the parameters of a subscription, for a query or a form. */
function subscriptionFields({ protocol, matcherLimits: { count, length } }: DescribedSettings): JsonObject {
  const list = (description: string) => ({
    description,
    type: "array",
    items: { type: "string", minLength: 1, maxLength: length },
    maxItems: count,
  });
  const cursor = (description: string) => ({ description, type: "string" });
  const last = "The id of the last received event, or earliest.";
  return {
    ...(protocol !== 1 && {
      topic: list("Mercure 0.x: names of topics, URI templates, or * for all topics."),
      lastEventID: cursor(`${last} Mercure 0.x.`),
      "Last-Event-ID": cursor(`${last} Older clients.`),
      "last-event-id": cursor(`${last} Older clients.`),
    }),
    ...(protocol !== 0 && {
      match: list("Mercure 1.0: names of topics, or * for all topics."),
      match_exact: list("The same as match."),
      match_urlpattern: list("Mercure 1.0: URL patterns. Relative patterns resolve against the hub's URL."),
    }),
    last_event_id: cursor(last),
    grant: {
      description:
        "The hash in the name of the cookie to use; the hub ignores other cookies. A rejection arrives as the event mercure:close.",
      type: "string",
    },
    [streamKeyParameter]: {
      description:
        "The random name of a stream, 32 hexadecimal digits, and optionally a dot and a number. A connection with the name, topics and token of an open stream takes its place, unless its number is lower. The hub ignores other values.",
      type: "string",
    },
  };
}

function publish({ topics, fieldLength }: PublishLimits): JsonObject {
  const text = (description: string) => ({ description, type: "string", maxLength: fieldLength });
  return {
    operationId: "publish",
    summary: "Publish an update",
    requestBody: {
      required: true,
      content: {
        [formType]: {
          schema: {
            type: "object",
            required: ["topic"],
            properties: {
              topic: {
                description: "The topic and its alternates. The token must grant each.",
                type: "array",
                items: { type: "string", minLength: 1, maxLength: fieldLength },
                minItems: 1,
                maxItems: topics,
              },
              data: { description: "The data for subscribers.", type: "string" },
              private: {
                description:
                  "Delivers the update only to subscribers whose token grants the topic. Any value has this effect.",
                type: "string",
              },
              id: text("The id of the update. Default: an id from the hub."),
              type: text("The type of the event. Default: message."),
              retry: { description: "The reconnection time, in milliseconds.", type: "integer", minimum: 0 },
              keep: {
                description: "Whether history stores the update. Default: true. With false it has no id and no key.",
                type: "string",
                enum: ["true", "false"],
              },
              key: text("The key of the update. History replaces the older update of the key in each topic."),
            },
          },
        },
      },
    },
    responses: {
      200: {
        description: "The hub has stored the update, and delivers it.",
        content: {
          "text/plain; charset=utf-8": {
            schema: { description: "The id of the update.", type: "string", minLength: 1 },
          },
        },
      },
      ...refused(400, 401, 403, 413, 415, 503),
    },
  };
}

/** Describes the subscription API. The token's version selects the meaning of a path's segments. */
function activeSubscriptions(path: string, protocol: Protocol): JsonObject {
  const operation = (operationId: string, summary: string, segments: readonly string[], schema: JsonObject) => ({
    get: {
      operationId,
      summary,
      parameters: [
        ...segments.map((name) => ({ name, in: "path", required: true, schema: { type: "string" } })),
        { name: "If-None-Match", in: "header", schema: { type: "string" } },
      ],
      responses: {
        200: jsonAnswer("The active subscriptions.", protocol, schema),
        304: { description: "The answer has not changed.", headers: validators },
        ...refused(400, 401, 403, 503),
        ...(segments.length > 0 && refused(404)),
      },
    },
  });
  const first = { 0: "topic", 1: "match_type", both: "topic_or_match_type" }[protocol];
  const second = { 0: "subscriber", 1: "match", both: "subscriber_or_match" }[protocol];
  const third = ["match_type", "match", "subscriber"];
  return {
    [path]: operation("listSubscriptions", "List all active subscriptions", [], list),
    ...(protocol !== 1 && {
      [`${path}/{topic}`]: operation(
        "listSubscriptionsOfTopic",
        "List the subscriptions of a topic, in Mercure 0.x",
        ["topic"],
        list,
      ),
    }),
    [`${path}/{${first}}/{${second}}`]: operation(
      "getSubscriptions",
      "Get one subscription in Mercure 0.x, or list the subscriptions of a matcher in Mercure 1.0",
      [first, second],
      { anyOf: [list, one] },
    ),
    ...(protocol !== 0 && {
      [`${path}/${third.map((name) => `{${name}}`).join("/")}`]: operation(
        "getSubscription",
        "Get one subscription, in Mercure 1.0",
        third,
        one,
      ),
    }),
  };
}

function describeResource(): JsonObject {
  return {
    operationId: "describeResource",
    summary: "Describe the tokens that the hub accepts",
    externalDocs: { url: "https://www.rfc-editor.org/rfc/rfc9728" },
    security: [],
    responses: {
      200: {
        description: "The metadata of the protected resource.",
        content: { "application/json": { schema: { $ref: "#/components/schemas/ResourceMetadata" } } },
      },
      ...refused(503),
    },
  };
}

function describeItself(): JsonObject {
  return {
    operationId: "describeApi",
    summary: "Describe this API",
    security: [],
    responses: {
      200: {
        description: "An OpenAPI document.",
        content: { "application/json": { schema: { type: "object", required: ["openapi", "info", "paths"] } } },
      },
      ...refused(503),
    },
  };
}
