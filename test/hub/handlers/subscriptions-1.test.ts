import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { HubOptions } from "../../../src/hub/index.js";
import { detailType } from "../../../src/protocol/tokens/authorization-details.js";
import {
  accessToken,
  draft,
  issuer,
  type RunningHub,
  resource,
  startHub,
  subscribe,
  token,
  until,
} from "../fixture.js";

const base = "/.well-known/mercure/subscriptions";

interface Detail {
  readonly topics: readonly { readonly match: string; readonly match_type?: string }[];
  readonly payload?: object;
}

async function bearer(...details: Detail[]): Promise<{ Authorization: string }> {
  const authorization_details = details.map((each) => ({ type: detailType, actions: ["subscribe"], ...each }));
  return { Authorization: `Bearer ${await accessToken({ authorization_details })}` };
}

const detail = (match: string) => ({ type: detailType, actions: ["subscribe"], topics: [{ match }] });
const exact = (...topics: string[]): Detail => ({ topics: topics.map((match) => ({ match })) });
const pattern = (match: string): Detail => ({ topics: [{ match, match_type: "urlpattern" }] });

interface Running extends RunningHub {
  /** A stream for matchers, given as a query. */
  readonly open: (query: string, headers?: Record<string, string>) => ReturnType<typeof subscribe>;
  readonly get: (path: string, ...details: Detail[]) => Promise<Response>;
}

async function start(t: TestContext, options: Partial<Omit<HubOptions, "transport">> = {}): Promise<Running> {
  const running = await startHub(t, { issuer, resource, ...options });
  const open = (query: string, headers = {}) => subscribe(t, `${running.origin}${running.hub.path}?${query}`, headers);
  const get = async (path: string, ...details: Detail[]) =>
    fetch(`${running.origin}${path}`, { headers: await bearer(...details) });
  return { ...running, open, get };
}

interface Document {
  readonly id: string;
  readonly match: string;
  readonly subscriber: string;
  readonly active: boolean;
  readonly payload?: unknown;
}

const parsed = (data: readonly string[]) => data.map((text) => JSON.parse(text) as Document);
const listed = async (answer: Response) => ((await answer.json()) as { subscriptions: Document[] }).subscriptions;

describe("subscription events of Mercure 1.0", () => {
  test("are JSON of the type mercure, with the path of the subscription as topic", async (t) => {
    const { open } = await start(t);
    const watcher = await open("match_urlpattern=*", await bearer(pattern(`${base}/:type/:match/:subscriber`)));
    const subscriber = await open("match=a/b%20c&match_urlpattern=https://example.com/:x");
    subscriber.close();
    // The watcher's own subscription too.
    await watcher.until(({ events }) => events.length === 5);
    assert.ok(watcher.events.every(({ event, id }) => event === "mercure" && id));
    const [, begun, ofPattern, ended] = parsed(watcher.data);
    assert.deepEqual(begun, {
      id: `${base}/exact/a%2Fb%20c/${encodeURIComponent(begun!.subscriber)}`,
      type: "subscription",
      match_type: "exact",
      match: "a/b c",
      subscriber: begun!.subscriber,
      active: true,
    });
    assert.equal(
      ofPattern!.id,
      `${base}/urlpattern/https%3A%2F%2Fexample.com%2F%3Ax/${encodeURIComponent(begun!.subscriber)}`,
    );
    assert.deepEqual(ended, { ...begun, active: false });
  });

  test("encode the variables of their topic exactly once", async (t) => {
    const { open } = await start(t);
    const topic = `${base}/exact/50%2525`;
    const watcher = await open(`match=${encodeURIComponent(topic)}`, await bearer(exact(topic)));
    await open("match=50%2525");
    await watcher.until(({ events }) => events.length === 1);
    assert.equal(parsed(watcher.data)[0]!.match, "50%25");
  });

  // A wildcard token alone must not reveal other subscribers.
  test("are private", async (t) => {
    const { hub, open } = await start(t);
    const outsiders = [await open("match=*"), await open("match=*", await bearer(exact("a", base)))];
    await open("match=a");
    await hub.publish(draft("a", "done"));
    for (const outsider of outsiders) {
      await outsider.until(({ data }) => data.length > 0);
      assert.deepEqual(outsider.data, ["done"]);
    }
  });

  // An attacker who takes another subscriber's identifier ends, or feigns, that subscriber's subscriptions.
  test("use an identifier of the hub's own, whatever the client or its token says", async (t) => {
    const { hub, open } = await start(t);
    const forged = "urn:uuid:00000000-0000-4000-8000-000000000000";
    const headers = { ...(await bearer(exact("a"))), Subscriber: forged, "X-Subscriber": forged };
    const query = `match=a&match=b&subscriber=${forged}&id=${forged}`;
    await Promise.all([open(query, headers), open(query, headers)]);
    await until(() => hub.connections === 2);
    const documents = hub.subscriptions();
    assert.equal(documents.length, 4);
    const subscribers = new Set(documents.map(({ subscriber }) => subscriber));
    assert.equal(subscribers.size, 2, "one for each connection, though the token is one");
    for (const subscriber of subscribers) {
      assert.match(subscriber, /^urn:uuid:[0-9a-f-]{36}$/);
      assert.notEqual(subscriber, forged);
    }
  });

  test("follow the path of the hub's public URL", async (t) => {
    const { open, get, origin, hub } = await start(t, { resource: "https://hub.example/public/hub", path: "/hub" });
    const aud = "https://hub.example/public/hub";
    const claims = { aud, authorization_details: [detail("*")] };
    const headers = { Authorization: `Bearer ${await accessToken(claims)}` };
    await open("match=a");
    const answer = await fetch(`${origin}/hub/subscriptions`, { headers });
    assert.equal((await get("/hub/subscriptions", exact("*"))).status, 401, "for another hub");
    const [{ id } = assert.fail()] = await listed(answer);
    assert.match(id, /^\/public\/hub\/subscriptions\/exact\/a\//);
    assert.match(answer.headers.get("link")!, /^<https:\/\/hub\.example\/public\/hub>; rel="mercure"; last-event-id=/);
    for (const topic of [id, "/hub/x"]) await assert.rejects(hub.publish(draft(topic)), { code: "ERR_UPDATE" });
  });

  test("stay at the hub's path when the resource has no path", async (t) => {
    const { open, origin } = await start(t, { resource: "https://hub.example" });
    const claims = { aud: "https://hub.example", authorization_details: [detail("*")] };
    await open("match=a");
    const headers = { Authorization: `Bearer ${await accessToken(claims)}` };
    const answer = await fetch(origin + base, { headers });
    assert.match(answer.headers.get("link")!, /^<https:\/\/hub\.example\/\.well-known\/mercure>;/);
    const [{ id } = assert.fail()] = await listed(answer);
    assert.match(id, /^\/\.well-known\/mercure\/subscriptions\/exact\/a\//);
  });
});

describe("payloads of Mercure 1.0", () => {
  test("come from the first detail that matches the subscription's own matcher", async (t) => {
    const { open, get } = await start(t);
    const headers = await bearer(
      { ...exact("a"), payload: { of: "a" } },
      { ...pattern("https://example.com/:id"), payload: { of: "pattern" } },
      exact("silent"),
      { ...exact("*"), payload: { of: "all" } },
    );
    const watcher = await open(`match=${base}/exact/a`, await bearer(exact(`${base}/exact/a`)));
    await open("match=a&match=b&match=silent&match_urlpattern=https://example.com/:id", headers);
    await watcher.until(({ events }) => events.length === 1);
    assert.deepEqual(parsed(watcher.data)[0]!.payload, { of: "a" });
    const payloads = (await listed(await get(base, exact(base)))).map(({ match, payload }) => [match, payload]);
    assert.deepEqual(payloads.slice(1), [
      ["a", { of: "a" }],
      ["b", { of: "all" }],
      ["silent", undefined],
      ["https://example.com/:id", { of: "pattern" }],
    ]);
  });
});

describe("the web API of subscriptions of Mercure 1.0", () => {
  test("returns collections and single subscriptions as JSON, with the cursor in the Link header", async (t) => {
    const { hub, open, get } = await start(t);
    await open("match=a/b&match_urlpattern=https://example.com/:x");
    const link = `<${resource}>; rel="mercure"; last-event-id="${hub.lastEventId}"; type="mercure"; content-type="application/json"`;
    const all = await get(base, exact("*"));
    assert.equal(all.headers.get("content-type"), "application/json");
    assert.equal(all.headers.get("link"), link);
    const { subscriptions, ...rest } = (await all.json()) as { subscriptions: Document[] };
    assert.deepEqual(rest, { id: base, type: "subscriptions" });
    assert.deepEqual(
      subscriptions.map(({ match }) => match),
      ["a/b", "https://example.com/:x"],
    );
    for (const document of subscriptions) {
      const single = await get(document.id, exact(document.id));
      assert.equal(single.headers.get("link"), link);
      assert.equal(single.headers.get("content-type"), "application/json");
      assert.deepEqual(await single.json(), document);
    }
    const path = `${base}/urlpattern/https%3A%2F%2Fexample.com%2F%3Ax`;
    assert.deepEqual(await (await get(path, exact(path))).json(), {
      id: path,
      type: "subscriptions",
      subscriptions: [subscriptions[1]],
    });
  });

  test("returns the cursor earliest before the first event, so that none is missed", async (t) => {
    const { open, get } = await start(t);
    const path = `${base}/exact/a`;
    const link = (await get(path, exact(path))).headers.get("link")!;
    const cursor = /last-event-id="([^"]*)"/.exec(link)![1]!;
    assert.equal(cursor, "earliest");
    await open("match=a");
    const query = `match=${encodeURIComponent(path)}&last_event_id=${cursor}`;
    const watcher = await open(query, await bearer(exact(path)));
    await watcher.until(({ events }) => events.length === 1);
  });

  test("authorizes the requested URL in relative form, by every type of matcher", async (t) => {
    const { open, get } = await start(t);
    await open("match=a%2Fb");
    const path = `${base}/exact/a%2Fb`;
    const granting = [
      exact(path),
      pattern(`${base}/exact/:match`),
      pattern(`https://hub.example${base}/*`),
      exact("*"),
    ];
    for (const detail of granting) assert.equal((await get(`${path}?x=y`, detail)).status, 200, JSON.stringify(detail));
    const others = [
      exact(base),
      exact(`${base}/exact/a/b`),
      exact(`https://hub.example${path}`),
      pattern(`${base}/:match`),
      pattern(`https://other.example${base}/*`),
    ];
    for (const detail of others) {
      const refused = await get(path, detail);
      assert.equal(refused.status, 403, JSON.stringify(detail));
      assert.match(refused.headers.get("www-authenticate")!, /error="insufficient_scope", resource_metadata=/);
    }
    const publisher = [{ type: detailType, actions: ["publish"], topics: [{ match: "*" }] }];
    const headers = { Authorization: `Bearer ${await accessToken({ authorization_details: publisher })}` };
    assert.equal((await fetch(new URL(path, (await start(t)).origin), { headers })).status, 403);
  });

  test("answers 404 for an unknown subscription or URL", async (t) => {
    const { hub, open, get } = await start(t);
    const subscriber = await open("match=a");
    const [{ id } = assert.fail()] = await listed(await get(base, exact("*")));
    subscriber.close();
    await until(() => hub.connections === 0);
    for (const path of [id, `${base}/exact`, `${base}/regexp/a`, `${base}/a`, `${base}/exact/a/b/c`]) {
      assert.equal((await get(path, exact("*"))).status, 404, path);
    }
  });

  test("lets pages of other origins read the Link header", async (t) => {
    const { origin } = await start(t, { corsOrigins: ["https://shop.example"] });
    const headers = { ...(await bearer(exact("*"))), Origin: "https://shop.example" };
    const answer = await fetch(origin + base, { headers });
    const exposed = answer.headers.get("access-control-expose-headers")!.split(", ");
    for (const name of ["Link", "ETag", "Mercure-Last-Event-ID"]) assert.ok(exposed.includes(name), name);
  });

  test("lists each version's own subscriptions", async (t) => {
    const { open, get, origin } = await start(t);
    await open("match=newer");
    await open("topic=older");
    assert.deepEqual(
      (await listed(await get(base, exact("*")))).map(({ match }) => match),
      ["newer"],
    );
    const headers = { Authorization: `Bearer ${await token({ subscribe: ["*"] })}` };
    const older = (await (await fetch(origin + base, { headers })).json()) as { subscriptions: { topic: string }[] };
    assert.deepEqual(
      older.subscriptions.map(({ topic }) => topic),
      ["older"],
    );
  });
});
