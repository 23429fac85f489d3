import assert from "node:assert/strict";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { describe, type TestContext, test } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import express from "express";
import { SignJWT } from "jose";
import { Hub, type HubOptions } from "../../../src/hub/index.js";
import { detailType } from "../../../src/protocol/tokens/authorization-details.js";
import { MemoryTransport } from "../../../src/transport/memory/memory.js";
import { listening } from "../../support/listening.js";
import { publisherKey, startHub, subscriberKey, token } from "../fixture.js";

const resource = "https://hub.example/.well-known/mercure";
const form = { "Content-Type": "application/x-www-form-urlencoded" };

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required?: boolean }[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema: { readonly properties: object } }> };
  readonly responses: Record<string, Described>;
}

interface Described {
  readonly headers?: Record<string, { readonly required?: boolean }>;
  readonly content?: Record<string, { readonly schema?: object; readonly itemSchema?: object }>;
}

interface Document {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: {
    readonly securitySchemes: Record<string, { readonly in?: string; readonly name?: string }>;
    readonly schemas: Record<string, object>;
    readonly responses: Record<string, Described>;
  };
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
}

/** The names that the hub has read since this was last emptied. */
interface Seen {
  readonly parameters: Set<string>;
  readonly headers: Set<string>;
}

/** Records the parameters, fields and headers that the hub reads by name. */
function watch(t: TestContext): Seen {
  const seen: Seen = { parameters: new Set(), headers: new Set() };
  for (const method of ["get", "getAll", "has"] as const) {
    const original = URLSearchParams.prototype[method] as (name: string) => unknown;
    t.mock.method(URLSearchParams.prototype, method, function (this: URLSearchParams, name: string) {
      seen.parameters.add(name);
      return original.call(this, name);
    });
  }
  return seen;
}

/** A hub that records its headers too; its streams end when the client disconnects. */
async function start(t: TestContext, seen: Seen, options: Partial<HubOptions> = {}) {
  const hub = new Hub({
    transport: new MemoryTransport(),
    subscriberKey,
    publisherKey,
    allowPublish: true,
    maxPublishBytes: 1000,
    resource,
    logger: { warn() {}, error() {} },
    ...options,
  });
  const server = createServer((req: IncomingMessage, res: ServerResponse) => {
    const headers = new Proxy(req.headers, {
      get(target, name) {
        seen.headers.add(String(name));
        return Reflect.get(target, name) as unknown;
      },
    });
    Object.defineProperty(req, "headers", { value: headers });
    hub.handle(req, res);
  });
  t.after(() => hub.close());
  return { hub, origin: await listening(t, server) };
}

/** One request; a stream is read up to its first event. */
function ask(t: TestContext, url: string, method = "GET", headers: Record<string, string> = {}, body = "") {
  return new Promise<Answer>((resolve, reject) => {
    const req = request(url, { method, headers, agent: false }, (res) => {
      const { statusCode: status = 0, headers: received } = res;
      let text = "";
      res.setEncoding("utf8");
      res.on("data", (chunk: string) => {
        text += chunk;
        if (received["content-type"] === "text/event-stream") resolve({ status, headers: received, body: text });
      });
      res.on("end", () => resolve({ status, headers: received, body: text }));
    });
    t.after(() => req.destroy());
    req.on("error", reject);
    req.end(body);
  });
}

async function documentOf(t: TestContext, origin: string): Promise<Document> {
  const { status, headers, body } = await ask(t, `${origin}/.well-known/mercure/openapi.json`);
  assert.equal(status, 200);
  assert.equal(headers["content-type"], "application/json");
  return JSON.parse(body) as Document;
}

function bearer(value: string) {
  return { Authorization: `Bearer ${value}` };
}

async function etagOf(t: TestContext, url: string, headers: Record<string, string> | undefined) {
  return { "If-None-Match": (await ask(t, url, "GET", headers)).headers.etag as string };
}

/** A token of Mercure 1.0. */
function newer(action: string, key: string) {
  const topics = [{ match: "*" }];
  return new SignJWT({ authorization_details: [{ type: detailType, actions: [action], topics }] })
    .setProtectedHeader({ alg: "HS256", typ: "at+jwt" })
    .setIssuer("https://hub.example")
    .setAudience(resource)
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode(key));
}

const limited = { maxConnections: 1 };

describe("the description of the hub's API", () => {
  test("is valid OpenAPI for every configuration of the hub", async (t) => {
    const seen = watch(t);
    const configurations: Partial<HubOptions>[] = [
      {},
      { allowPublish: false, subscriptions: false, allowAnonymous: false },
      { protocol: 0, cookieName: "own" },
      { protocol: 1, path: "/hub", resource: "/hub" },
    ];
    // A validator compiles the schema of OpenAPI at its first use.
    const validator = new Validator();
    for (const options of configurations) {
      const { origin, hub } = await start(t, seen, options);
      const { body } = await ask(t, `${origin}${hub.path}/openapi.json`);
      const { valid, errors } = await validator.validate(JSON.parse(body));
      assert.ok(valid, JSON.stringify(errors));
      assert.equal(validator.version, "3.2");
    }
  });

  test("names the hub's URL where the application mounts it", async (t) => {
    const transport = new MemoryTransport();
    const hub = new Hub({ transport });
    const app = express();
    app.use("/shop", hub.handle);
    const origin = await listening(t, createServer(app));
    const { body } = await ask(t, `${origin}/shop/.well-known/mercure/openapi.json`);
    assert.ok(Object.keys((JSON.parse(body) as Document).paths).includes("/shop/.well-known/mercure"));
  });

  // The document and the hub must agree: each described status occurs, and each status that occurs is described.
  test("every operation answers with each described status, and reads each described field", async (t) => {
    const seen = watch(t);
    const { origin, hub } = await start(t, seen);
    const full = await start(t, seen, limited);
    const closed = await start(t, seen);
    await closed.hub.close();
    const document = await documentOf(t, origin);
    const hubUrl = `${origin}${hub.path}`;
    const list = `${hubUrl}/subscriptions`;

    const all = bearer(await token({ subscribe: ["*"] }));
    const none = bearer(await token({ subscribe: [] }));
    const allNewer = bearer(await newer("subscribe", subscriberKey));
    const publishing = { ...form, ...bearer(await token({ publish: ["*"] }, {}, publisherKey)) };
    const bad = bearer("bad");
    await ask(t, `${full.origin}${hub.path}?topic=a`);
    await ask(t, `${hubUrl}?topic=a`);
    await ask(t, `${hubUrl}?match=a`);
    const [older] = hub.subscriptions("a");
    const subscriber = encodeURIComponent(older!.subscriber);
    const matcher = hub.subscriptions().find(({ match }) => match === "a")!;
    const [ofTopic, ofSubscriber] = [`${list}/a`, `${list}/a/${subscriber}`];
    const ofMatcher = `${origin}${matcher.id}`;

    type Step = readonly [
      status: number,
      url: string,
      method?: string,
      headers?: Record<string, string>,
      body?: string,
    ];
    const walks: Record<string, readonly Step[]> = {
      subscribe: [
        [200, `${hubUrl}?topic=a&lastEventID=earliest`],
        [200, `${hubUrl}?match=a`, "GET", { "Last-Event-ID": "earliest", ...allNewer }],
        [400, hubUrl],
        [400, `${hubUrl}?topic=a`, "GET", { Authorization: "Bearer" }],
        [401, `${hubUrl}?topic=a`, "GET", bad],
        [429, `${full.origin}${hub.path}?topic=a`],
        [503, `${closed.origin}${hub.path}?topic=a`],
      ],
      subscribeByForm: [
        [200, hubUrl, "QUERY", form, "match=a"],
        [400, hubUrl, "QUERY", form],
        [401, hubUrl, "QUERY", { ...form, ...bad }, "match=a"],
        [413, hubUrl, "QUERY", form, `match=${"a".repeat(300_000)}`],
        [415, hubUrl, "QUERY", { "Content-Type": "text/plain" }, "a"],
        [429, `${full.origin}${hub.path}`, "QUERY", form, "match=a"],
        [503, `${closed.origin}${hub.path}`, "QUERY", form, "match=a"],
      ],
      publish: [
        [200, hubUrl, "POST", publishing, "topic=b&data=x"],
        [400, hubUrl, "POST", publishing],
        [401, hubUrl, "POST", form],
        [401, hubUrl, "POST", { ...form, ...bad }],
        [403, hubUrl, "POST", { ...form, ...bearer(await token({ publish: [] }, {}, publisherKey)) }, "topic=b"],
        [413, hubUrl, "POST", publishing, `topic=${"a".repeat(2000)}`],
        [415, hubUrl, "POST", { ...publishing, "Content-Type": "text/plain" }, "a"],
        [503, `${closed.origin}${hub.path}`, "POST", publishing, "topic=b"],
      ],
      listSubscriptions: [
        [200, list, "GET", all],
        [200, list, "GET", allNewer],
        [304, list, "GET", all],
        [400, list, "GET", { Authorization: "Bearer" }],
        [401, list],
        [403, list, "GET", none],
        [503, `${closed.origin}${hub.path}/subscriptions`, "GET", all],
      ],
      listSubscriptionsOfTopic: [
        [200, ofTopic, "GET", all],
        [304, ofTopic, "GET", all],
        [400, ofTopic, "GET", { Authorization: "Bearer" }],
        [401, ofTopic],
        [403, ofTopic, "GET", none],
        [404, `${list}/%ff`, "GET", all],
        [503, `${closed.origin}${hub.path}/subscriptions/a`, "GET", all],
      ],
      getSubscriptions: [
        [200, ofSubscriber, "GET", all],
        [200, `${list}/exact/a`, "GET", allNewer],
        [304, ofSubscriber, "GET", all],
        [400, ofSubscriber, "GET", { Authorization: "Bearer" }],
        [401, ofSubscriber],
        [403, ofSubscriber, "GET", none],
        [404, `${list}/a/nobody`, "GET", all],
        [503, `${closed.origin}${hub.path}/subscriptions/a/b`, "GET", all],
      ],
      getSubscription: [
        [200, ofMatcher, "GET", allNewer],
        [304, ofMatcher, "GET", allNewer],
        [400, ofMatcher, "GET", { Authorization: "Bearer" }],
        [401, ofMatcher],
        [403, ofMatcher, "GET", bearer(await newer("publish", subscriberKey))],
        [404, `${list}/exact/a/nobody`, "GET", allNewer],
        [503, `${closed.origin}${hub.path}/subscriptions/exact/a/b`, "GET", allNewer],
      ],
      describeResource: [
        [200, `${origin}/.well-known/oauth-protected-resource/.well-known/mercure`],
        [503, `${closed.origin}/.well-known/oauth-protected-resource/.well-known/mercure`],
      ],
      describeApi: [
        [200, `${hubUrl}/openapi.json`],
        [503, `${closed.origin}${hub.path}/openapi.json`],
      ],
    };

    const check = checker(document);
    const operations = Object.values(document.paths).flatMap((item) => Object.values(item));
    const schemes = Object.values(document.components.securitySchemes);
    const inQuery = schemes.flatMap((scheme) => (scheme.in === "query" ? (scheme.name ?? []) : []));
    assert.deepEqual(operations.map(({ operationId }) => operationId).sort(), Object.keys(walks).sort());
    for (const operation of operations) {
      seen.parameters.clear();
      seen.headers.clear();
      const statuses = new Set<string>();
      for (const [status, url, method, headers, body] of walks[operation.operationId]!) {
        const known = status === 304 ? await etagOf(t, url, headers) : {};
        const answer = await ask(t, url, method, { ...headers, ...known }, body);
        assert.equal(answer.status, status, `${operation.operationId}: ${method} ${url} ${answer.body}`);
        check(operation, answer);
        statuses.add(`${status}`);
      }
      assert.deepEqual([...statuses].sort(), Object.keys(operation.responses).sort(), operation.operationId);

      const parameters = operation.parameters ?? [];
      const fields = Object.values(operation.requestBody?.content ?? {}).flatMap(({ schema }) =>
        Object.keys(schema.properties),
      );
      const named = (place: string) => parameters.filter((each) => each.in === place).map(({ name }) => name);
      const expected = new Set([...named("query"), ...fields, ...inQuery]);
      for (const name of seen.parameters) assert.ok(expected.has(name), `${operation.operationId} reads ${name}`);
      const readHeaders = [...seen.headers].filter((name) => !ofHttp.has(name));
      assert.deepEqual(
        readHeaders.sort(),
        named("header")
          .map((name) => name.toLowerCase())
          .sort(),
        operation.operationId,
      );
    }
  });

  // The hub finds these names by listing those of the request, not by asking for each.
  test("every described parameter has its described effect", async (t) => {
    const { hub, origin } = await startHub(t);
    const document = await documentOf(t, origin);
    const { get, query } = document.paths[hub.path]!;
    const names = get!.parameters!.filter((each) => each.in === "query").map(({ name }) => name);
    const fields = Object.keys(query!.requestBody!.content[form["Content-Type"]]!.schema.properties);
    assert.deepEqual(fields, names);
    const last = (await hub.publish({ topics: ["a"], data: "first", private: false })).id;
    await hub.publish({ topics: ["a"], data: "second", private: false });
    // Without that cookie the request opens a stream, which ends at once.
    assert.match((await ask(t, `${origin}${hub.path}?topic=a&grant=x`)).body, /event: mercure:close/);
    const named = `topic=a&stream=${"0".repeat(32)}`;
    await ask(t, `${origin}${hub.path}?${named}`);
    await ask(t, `${origin}${hub.path}?${named}`);
    await ask(t, `${origin}${hub.path}`, "QUERY", form, named);
    assert.equal(hub.subscriptions().length, 1);
    for (const name of names.filter((each) => each !== "grant" && each !== "stream")) {
      const isMatcher = /^(topic|match)/.test(name);
      const topic = name === "last_event_id" ? "match=a" : "topic=a";
      const parameters = isMatcher ? `${name}=a` : `${topic}&${name}=${encodeURIComponent(last)}`;
      for (const [url, method, body] of [
        [`${origin}${hub.path}?${parameters}`, "GET", ""],
        [`${origin}${hub.path}`, "QUERY", parameters],
      ] as const) {
        const { status, headers } = await ask(t, url, method, form, body);
        assert.equal(status, 200, name);
        const preceding = headers["last-event-id"] ?? headers["mercure-last-event-id"];
        assert.equal(preceding, isMatcher ? undefined : last, name);
      }
    }
    for (const unknown of ["match_regexp", "matches", "Match"]) {
      assert.equal((await ask(t, `${origin}${hub.path}?${unknown}=a`)).status, 400);
    }
  });
});

/** Headers of HTTP itself, of token transport, or those that browsers add. */
const ofHttp = new Set([
  ...["host", "content-type", "content-length", "authorization", "cookie"],
  ...["origin", "referer", "sec-fetch-site", "access-control-request-method"],
]);

/** Compares an answer with the description of its status. */
function checker({ components }: Document) {
  const ajv = new Ajv2020({ strict: false, formats: { uri: (text: string) => URL.canParse(text) } });
  const compile = (schema: object) => ajv.compile({ components, ...schema });
  return ({ operationId, responses }: Operation, { status, headers, body }: Answer) => {
    const where = `${operationId} ${status}`;
    const found = responses[status]! as Described & { readonly $ref?: string };
    const described = found.$ref === undefined ? found : components.responses[found.$ref.split("/").at(-1)!]!;
    for (const [name, { required }] of Object.entries(described.headers ?? {})) {
      assert.ok(!required || headers[name.toLowerCase()] !== undefined, `${where}: ${name} is missing`);
    }
    for (const name of ["www-authenticate", "retry-after", "etag", "link", "last-event-id", "mercure-last-event-id"]) {
      const isDescribed = Object.keys(described.headers ?? {}).some((each) => each.toLowerCase() === name);
      assert.ok(isDescribed || headers[name] === undefined, `${where}: ${name} is not described`);
    }
    if (described.content === undefined) {
      assert.equal(body, "", where);
      return;
    }
    const media = described.content[headers["content-type"] as string];
    assert.ok(media, `${where}: ${headers["content-type"]} is not described`);
    if (media.schema === undefined) return;
    const value: unknown = /json/.test(String(headers["content-type"])) ? JSON.parse(body) : body;
    const validate = compile(media.schema);
    assert.ok(validate(value), `${where}: ${body} ${JSON.stringify(validate.errors)}`);
  };
}
