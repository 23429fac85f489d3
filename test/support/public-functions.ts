import { EventEmitter } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { parse } from "node:path";
import type { NextFunction, Request, Response } from "express";
import { Hub } from "../../src/hub/index.js";
import type { Kit } from "../../src/index.js";
import * as library from "../../src/index.js";
import type { Application } from "./application.js";
import type { Asked } from "./http-client.js";

/** The place where a handler calls a function. */
export interface Site {
  readonly running: Application;
  /** A hub beside the library. */
  readonly lone: Hub;
  readonly req: Request;
  readonly res: Response;
  readonly next: NextFunction;
}

/**
 * The kinds of functions by their effect on a response: `returns` does not touch it, `renders` makes a private stream
 * for it, `tokens` makes a token for its text, `cookies` sets its cookies, `answers` sends it whole, `parts` adds to
 * it, `streams` opens an event stream, and `alone` does so without `next`.
 */
export type Kind = "returns" | "renders" | "tokens" | "cookies" | "answers" | "parts" | "streams" | "alone";

/** A use of a public function in a handler. */
export interface Use {
  readonly kind: Kind;
  call(site: Site): unknown;
  /** Whether the function ends the hub. */
  readonly closes?: boolean;
}

const privateTemplates = {
  mercure_authenticated_hub_url: '{{ mercure_authenticated_hub_url("t") }}',
  mercure_authentified_hub_url: '{{ mercure_authentified_hub_url("t") }}',
  MercureStream: '<% MercureStream topic="t" private %>',
  MercureStreamContext: '<% MercureStreamContext topic="t" private %><% MercureStream %><% endMercureStreamContext %>',
  MercurePresence: '<% MercurePresence topic="t" hx_get="/" %>',
};

const tokenTemplates = { mercure_subscriber_jwt: '{{ mercure_subscriber_jwt("t") }}' };

const publicTemplates = {
  mercure_hub_url: '{{ mercure_hub_url("t") }}',
  mercure_topic: '{{ mercure_topic("t") }}',
  mercure_subscription_topic: '{{ mercure_subscription_topic("t") }}',
  mercure_presence: '{{ mercure_presence("t") | length }}',
  mercure_subscriptions: '{{ mercure_subscriptions("t") | length }}',
  mercure_scripts: "{{ mercure_scripts() }}",
  components: '{{ components.Card({ title: "x" }) }}',
  MercureStatus: "<% MercureStatus %>",
  "MercureStream (public)": '<% MercureStream topic="t" %>',
};

/** The application's files that the uses need. */
export const files: Readonly<Record<string, string>> = {
  "templates/page.njk": '{{ mercure_scripts() }}<% MercureStream topic="t" private %><% Card %>',
  "templates/plain.njk": "<% Card %>",
  "components/Card.njk": '<b>{{ title }}</b>{{ mercure_hub_url("t") }}',
  ...Object.fromEntries(
    Object.entries({ ...privateTemplates, ...tokenTemplates, ...publicTemplates }).map(([name, source]) => [
      `templates/${name}.njk`,
      source,
    ]),
  ),
};

/** A use of each public function, by its name. Further uses of the same name are in parentheses. */
export const uses: Readonly<Record<string, Use>> = {
  ...returning({
    encodeEvent: () => library.encodeEvent({ data: "on" }),
    "kit.html": ({ running: { kit } }) => kit.html`<b>${"x"}</b>`,
    "kit.oob": ({ running: { kit } }) => kit.oob(kit.html`<b id="x"></b>`),
    "kit.render": ({ running: { kit } }) => kit.render("Card"),
    "kit.components": ({ running: { kit } }) => kit.components.Card!({}),
    "kit.outboxState": ({ running: { kit } }) => kit.outboxState(),
    "kit.withResponse": ({ running: { kit }, res }) => kit.withResponse(res, () => kit.render("Card")),
    "sse.publish": ({ running: { kit } }) => kit.sse.publish("t", kit.render("Card")),
    "sse.publish (a function)": ({ running: { kit } }) => kit.sse.publish("t", () => kit.render("Card")),
    "sse.publish (a private stream)": ({ running: { kit } }) =>
      kit.sse.publish("t", kit.render("Card"), { private: true }),
    "sse.remove": ({ running: { kit } }) => kit.sse.remove("t", "x"),
    "sse.model": ({ running: { kit } }) => kit.sse.model(class Item {}, { component: "Card" }),
    "sse.publishSignal": async ({ running: { kit } }) => {
      const emitter = new EventEmitter();
      const stop = kit.sse.publishSignal(emitter, "saved", { topic: "t", argsAsData: true });
      emitter.emit("saved", "x");
      stop();
    },
    "sse.isConnected": ({ running: { kit } }) => kit.sse.isConnected("t"),
    "sse.presence": ({ running: { kit } }) => kit.sse.presence("t"),
    "sse.getSubscriptions": ({ running: { kit } }) => kit.sse.getSubscriptions("t"),
    "sse.disconnect": ({ running: { kit } }) => kit.sse.disconnect({ subject: "7" }),
    "sse.updates": async ({ running: { kit } }) => {
      const updates = kit.sse.updates("t");
      const first = updates.next();
      await kit.sse.publish("t", "x");
      await first;
      await updates.return!();
    },
    "sse.hubUrl": ({ running: { kit } }) => kit.sse.hubUrl("t"),
    "sse.createSubscriberJwt": ({ running: { kit } }) => kit.sse.createSubscriberJwt("t"),
    "sse.createPublisherJwt": ({ running: { kit } }) => kit.sse.createPublisherJwt("t"),
    "sse.topics": ({ running: { kit } }) => kit.sse.topics("t"),
    "sse.subscriptionTopics": ({ running: { kit } }) => kit.sse.subscriptionTopics("t"),
    "sse.authorize": ({ running: { kit }, req }) => kit.sse.authorize(req, "t"),
    "hub.publish": ({ lone }) => lone.publish({ topics: ["t"], data: "x", private: false }),
    "hub.updates": ({ lone }) => lone.updates("t").return!(),
    "hub.subscriptions": ({ lone }) => lone.subscriptions("t"),
    "hub.onSubscription": ({ lone }) => lone.onSubscription(() => {})(),
    "hub.disconnect": ({ lone }) => lone.disconnect({ subject: "7" }),
  }),
  "kit.close": { kind: "returns", closes: true, call: ({ running: { kit } }) => kit.close({ drainTimeout: 1 }) },
  "hub.close": { kind: "returns", closes: true, call: ({ running: { kit } }) => kit.hub.close({ retrySpread: 1 }) },
  ...each("renders", {
    "sse.authenticatedHubUrl": ({ running: { kit }, res }) =>
      kit.withResponse(res, () => kit.sse.authenticatedHubUrl("t")),
    "sse.authentifiedHubUrl": ({ running: { kit }, res }) =>
      kit.withResponse(res, () => kit.sse.authentifiedHubUrl("t")),
    ...inTemplates(privateTemplates),
  }),
  ...returning(inTemplates(publicTemplates)),
  ...each("tokens", {
    "sse.subscriberJwt": ({ running: { kit }, res }) => kit.withResponse(res, () => kit.sse.subscriberJwt("t")),
    ...inTemplates(tokenTemplates),
  }),
  ...each("cookies", {
    "sse.setAuthzCookie": ({ running: { kit }, res }) => kit.sse.setAuthzCookie(res, "t"),
    "sse.setAuthzCookie (a token)": ({ running: { kit }, res }) => kit.sse.setAuthzCookie(res, { jwt: "a.b.c" }),
    "sse.deleteAuthzCookie": ({ running: { kit }, res }) => kit.sse.deleteAuthzCookie(res),
  }),
  ...each("answers", {
    "res.render": ({ res }) => res.render("plain"),
    "res.component": ({ res }) => void res.component("Card"),
    "res.send": ({ res, running: { kit } }) => void res.send(kit.html`<p>`),
  }),
  // Node emits an error for a write after the end, with the library or without it.
  ...each("parts", {
    "res.write": ({ res, running: { kit } }) => {
      if (!res.writableEnded) res.write(String(kit.render("Card")));
      res.end();
    },
    "res.end": ({ res, running: { kit } }) => {
      if (!res.writableEnded) res.end(String(kit.render("Card")));
    },
  }),
  ...each("streams", {
    "sse.stream": ({ running: { kit }, req, res, next }) => kit.sse.stream("t")(req, res, next),
    "sse.stream (by query)": ({ running: { kit }, req, res, next }) => kit.sse.stream()(req, res, next),
    "sse.stream (by function)": ({ running: { kit }, req, res, next }) =>
      kit.sse.stream(async () => "t")(req, res, next),
    "hub.stream": ({ lone, req, res, next }) => lone.stream(req, res, { topics: "t" }, next),
    "hub.handle": ({ lone, req, res, next }) => lone.handle(subscribing(req, lone), res, next),
  }),
  ...each("alone", {
    "hub.stream (without next)": ({ lone, req, res }) => lone.stream(req, res, { topics: "t" }),
    "hub.handle (without next)": ({ lone, req, res }) => lone.handle(subscribing(req, lone), res),
  }),
};

const form = { "Content-Type": "application/x-www-form-urlencoded" };
const hubPath = "/.well-known/mercure";
const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

/** The requests that the library answers itself, besides the routes of an application. */
export const ownRequests: Readonly<Record<string, (kit: Kit) => Asked & { readonly path: string }>> = {
  "GET of the hub": () => ({ path: `${hubPath}?topic=t` }),
  "QUERY of the hub": () => ({ path: hubPath, method: "QUERY", body: "topic=t", headers: form }),
  "POST to the hub": ({ sse }) => ({
    path: hubPath,
    method: "POST",
    body: "topic=t&data=x",
    headers: { ...form, ...bearer(sse.createPublisherJwt("t")) },
  }),
  "GET of the subscriptions": ({ sse }) => {
    const path = `${hubPath}/subscriptions`;
    return { path, headers: bearer(sse.createSubscriberJwt(path)) };
  },
  "GET of the description": () => ({ path: `${hubPath}/openapi.json` }),
  "POST of the renewal": ({ sse }) => ({
    path: `${hubPath}/renewal`,
    method: "POST",
    headers: { ...bearer(sse.createSubscriberJwt("t")), "Sec-Fetch-Site": "same-origin" },
  }),
  "GET of a script": ({ environment }) => {
    const [, path = ""] = /src="([^"]+)"/.exec(environment.renderString("{{ mercure_scripts() }}", {})) ?? [];
    return { path };
  },
};

/** The names of all public functions of a kit, its hub, its responses and its templates. */
export function publicFunctions({ app, kit }: Application): string[] {
  const functionsOf = (prefix: string, object: object) =>
    Object.entries(object).flatMap(([name, value]) => (isPlainFunction(value) ? [`${prefix}${name}`] : []));
  const source = readFileSync("src/hub/hub.ts", "utf8");
  const internal = [...source.matchAll(/@internal\s+\*\/\s+(?:async |get )?(\w+)\(/g)].map(([, name]) => name!);
  const ofHub = Object.entries(Object.getOwnPropertyDescriptors(Hub.prototype)).flatMap(([name, { value }]) =>
    typeof value === "function" && !["constructor", ...internal].includes(name) ? [`hub.${name}`] : [],
  );
  const { globals } = kit.environment as unknown as { globals: object };
  return [
    // An application has one kit, made before its first request.
    ...functionsOf("", library).filter((name) => name !== "mercure"),
    ...functionsOf("kit.", kit),
    "kit.components",
    ...readdirSync("components").map((file) => parse(file).name),
    ...functionsOf("sse.", kit.sse),
    ...ofHub,
    ...functionsOf("hub.", kit.hub),
    ...functionsOf("res.", (app as unknown as { response: object }).response).filter((name) => name !== "res.app"),
    ...Object.keys(globals).filter((name) => !["range", "cycler", "joiner"].includes(name)),
  ];
}

function isPlainFunction(value: unknown): boolean {
  return typeof value === "function" && !(value.prototype instanceof Error);
}

function each(kind: Kind, calls: Readonly<Record<string, Use["call"]>>): Record<string, Use> {
  return Object.fromEntries(Object.entries(calls).map(([name, call]) => [name, { kind, call }]));
}

function returning(calls: Readonly<Record<string, Use["call"]>>): Record<string, Use> {
  return each("returns", calls);
}

/** Renders each template for the response, and sends nothing. */
function inTemplates(templates: Readonly<Record<string, string>>): Record<string, Use["call"]> {
  return Object.fromEntries(
    Object.keys(templates).map((name) => [
      name,
      ({ res, next }) => res.render(name, (error: unknown) => error && next(error)),
    ]),
  );
}

function subscribing(req: Request, { path }: Hub): Request {
  req.url = `${path}?topic=t`;
  return req;
}
