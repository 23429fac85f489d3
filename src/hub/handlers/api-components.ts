import { STATUS_CODES } from "node:http";
import type { Protocol } from "../../protocol/matching/subscription-parameters.js";
import type { ProblemStatus } from "../../protocol/problem.js";
import { detailType } from "../../protocol/tokens/authorization-details.js";

/** A part of an OpenAPI document. */
export type JsonObject = Readonly<Record<string, unknown>>;

const text = { type: "string" };
const header = (description: string, required = false) => ({ description, required, schema: text });

/** The headers that let clients revalidate a cached answer. RFC 9110, section 8.8. */
export const validators = {
  ETag: header("The version of this answer, for If-None-Match.", true),
  "Cache-Control": header("The answer belongs to the bearer of this token, and caches must revalidate it.", true),
  Link: header('The hub\'s URL, as rel="mercure". Mercure 1.0 adds last-event-id, the event to subscribe after.', true),
};

/** Returns the refusals of an operation, by status. */
export function refused(...statuses: ProblemStatus[]): JsonObject {
  return Object.fromEntries(statuses.map((status) => [status, { $ref: `#/components/responses/${status}` }]));
}

export function streamAnswer(protocol: Protocol): JsonObject {
  const preceding = header("The id of the event before the stream's first one, if the request names an id.");
  return {
    description: "The stream. It continues until one side ends it; comments keep it open.",
    headers: {
      "Cache-Control": header("Caches and proxies must neither store nor change the stream.", true),
      ...(protocol !== 1 && { "Last-Event-ID": preceding }),
      ...(protocol !== 0 && { "Mercure-Last-Event-ID": preceding }),
      "Mercure-Keep-Alive": header(
        "The interval of the comments, in seconds. A stream without comments lacks the header.",
      ),
    },
    content: { "text/event-stream": { itemSchema: { $ref: "#/components/schemas/Event" } } },
  };
}

/** Returns the description of a JSON answer: JSON-LD in Mercure 0.x, JSON in 1.0. */
export function jsonAnswer(description: string, protocol: Protocol, schema: JsonObject): JsonObject {
  return {
    description,
    headers: validators,
    content: {
      ...(protocol !== 1 && { "application/ld+json": { schema } }),
      ...(protocol !== 0 && { "application/json": { schema } }),
    },
  };
}

/**
 * Returns the components that the operations refer to. Security schemes are named `header`, `parameter`, and by their
 * cookies.
 */
export function components(protocol: Protocol, cookieNames: readonly string[]): JsonObject {
  const cookies = cookieNames.map((name) => [name, { type: "apiKey", in: "cookie", name }]);
  return {
    securitySchemes: {
      header: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
      ...(protocol !== 1 && {
        parameter: { type: "apiKey", in: "query", name: "authorization", description: "For tokens of Mercure 0.x." },
      }),
      ...Object.fromEntries(cookies),
    },
    responses: Object.fromEntries(
      Object.entries(refusals).map(([status, headers]) => [status, problem(status, headers)]),
    ),
    schemas,
  };
}

const challenge = { "WWW-Authenticate": header("Describes the fault of an invalid or insufficient token.") };
const later = { "Retry-After": header("The min delay before the next attempt, in seconds.", true) };

/** The statuses of refusals, and the headers of each. */
const refusals: Partial<Record<ProblemStatus, JsonObject>> = {
  400: challenge,
  401: { "WWW-Authenticate": header("Requests a token, or describes the fault of an invalid one.", true) },
  403: challenge,
  404: {},
  413: {},
  415: {},
  429: later,
  503: later,
};

function problem(status: string, headers: JsonObject): JsonObject {
  return {
    description: STATUS_CODES[status],
    headers,
    content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
  };
}

const subscriptionCommon = {
  id: { description: "The path of the subscription, and the topic of its events.", type: "string" },
  subscriber: { description: "The id of the subscriber, shared by all subscriptions of one stream.", type: "string" },
  active: { const: true },
  payload: { description: "The public payload of the subscriber's token." },
  node: { description: "The id of the process that has the stream, if several can.", type: "string" },
};

const schemas: JsonObject = {
  Event: {
    type: "object",
    required: ["data", "id"],
    properties: { data: text, id: text, event: text, retry: { type: "integer", minimum: 0 } },
  },
  Problem: {
    description: "RFC 9457",
    type: "object",
    required: ["type", "title", "status", "detail"],
    properties: {
      type: { const: "about:blank" },
      title: text,
      status: { type: "integer" },
      detail: { description: "The fault, and the remedy.", type: "string" },
    },
  },
  Subscription: {
    type: "object",
    required: ["id", "type", "subscriber", "active"],
    oneOf: [
      {
        title: "Mercure 0.x",
        required: ["topic"],
        properties: {
          "@context": text,
          ...subscriptionCommon,
          type: { const: "Subscription" },
          topic: { description: "The topic selector.", type: "string" },
          lastEventID: {
            description: "The id of the last event, for a subscription that continues from this state.",
            type: "string",
          },
        },
      },
      {
        title: "Mercure 1.0",
        required: ["match_type", "match"],
        properties: {
          ...subscriptionCommon,
          type: { const: "subscription" },
          match_type: { enum: ["exact", "urlpattern"] },
          match: { description: "The topic matcher.", type: "string" },
        },
      },
    ],
  },
  Subscriptions: {
    type: "object",
    required: ["id", "type", "subscriptions"],
    properties: {
      "@context": text,
      id: { description: "The path of the list.", type: "string" },
      type: {
        description: "Subscriptions in Mercure 0.x, subscriptions in 1.0.",
        enum: ["Subscriptions", "subscriptions"],
      },
      lastEventID: {
        description: "Mercure 0.x: the id of the last event, for a subscription that continues from this list.",
        type: "string",
      },
      subscriptions: { type: "array", items: { $ref: "#/components/schemas/Subscription" } },
    },
  },
  ResourceMetadata: {
    description: "RFC 9728",
    type: "object",
    required: ["resource", "authorization_details_types_supported", "bearer_methods_supported"],
    properties: {
      resource: { description: "The required audience of tokens.", type: "string", format: "uri" },
      authorization_servers: { type: "array", items: text },
      authorization_details_types_supported: { type: "array", items: { const: detailType } },
      bearer_methods_supported: { type: "array", items: { const: "header" } },
      mercure_cookie: text,
      mercure_matcher_types_supported: { type: "array", items: { enum: ["exact", "urlpattern"] } },
      mercure_subscriptions: { type: "boolean" },
    },
  },
};
