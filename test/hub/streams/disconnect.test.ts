import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { distinctTime } from "../../../src/shared/distinct-time.js";
import { MemoryTransport } from "../../../src/transport/memory/memory.js";
import type { Replay, ReplayQuery } from "../../../src/transport/transport.js";
import { cases } from "../../support/cases.js";
import {
  Deaf,
  draft,
  publisherKey,
  type RunningHub,
  type Subscriber,
  startHub,
  subscribe,
  token,
  until,
} from "../fixture.js";

const bearer = (value: string) => ({ Authorization: `Bearer ${value}` });

/** The library signs fractions of a second too. */
const fresh = (sub: string | undefined, topics: string[]) =>
  token({ subscribe: topics }, { ...(sub && { sub }), iat: distinctTime() / 1000, exp: Date.now() / 1000 + 60 });

async function ended(stream: Subscriber): Promise<void> {
  if (!stream.ended) await stream.until((s) => s.ended).catch(() => {});
}

/** Two nodes of one hub. */
async function nodes(t: TestContext): Promise<[RunningHub, RunningHub]> {
  const transport = new MemoryTransport();
  return [await startHub(t, { transport }), await startHub(t, { transport })];
}

describe("hub.disconnect", () => {
  // A user who was signed out keeps the page open, and its token.
  test("ends a subject's streams on every node, stops their reconnection, and revokes their token everywhere", async (t) => {
    const [here, there] = await nodes(t);
    const ada = bearer(await fresh("ada", ["a"]));
    const grace = bearer(await fresh("grace", ["a"]));
    const streams = [await subscribe(t, here.url("a"), ada), await subscribe(t, there.url("b"), ada)];
    const others = [await subscribe(t, there.url("a"), grace), await subscribe(t, there.url("a"))];

    await here.hub.disconnect({ subject: "ada" });
    for (const stream of streams) {
      await ended(stream);
      assert.deepEqual(
        stream.events.map(({ event, data, id }) => [event, data, id]),
        [["mercure:close", "disconnected", undefined]],
      );
    }
    for (const { url } of [here, there]) {
      const refused = await subscribe(t, url("a"), ada);
      assert.equal(refused.status, 401);
      assert.match(String(refused.headers["www-authenticate"]), /error="invalid_token"/);
      assert.equal((await subscribe(t, url("a", { authorization: ada.Authorization.slice(7) }))).status, 401);
    }
    await there.hub.publish(draft("a", "still here"));
    for (const stream of others) await stream.until(({ data }) => data.includes("still here"));
  });

  // Without the fraction of a second, both tokens would pass, or neither.
  test("admits a new sign-in of the same moment, and rejects the earlier token", async (t) => {
    const { hub, url } = await startHub(t);
    for (let i = 0; i < 50; i++) {
      const before = await fresh("ada", ["a"]);
      await hub.disconnect({ subject: "ada" });
      const after = await fresh("ada", ["a"]);
      const [old, young] = await Promise.all([before, after].map((each) => subscribe(t, url("a"), bearer(each))));
      assert.deepEqual([old!.status, young!.status], [401, 200]);
      young!.close();
    }
  });

  test("keeps a stream whose token was issued after the time of a delayed message", async (t) => {
    const transport = new MemoryTransport();
    const { hub, url } = await startHub(t, { transport });
    const before = Date.now() - 10;
    const stream = await subscribe(t, url("a"), bearer(await fresh("ada", ["a"])));
    await transport.publish(
      {
        topics: ["/.well-known/mercure/orders/all"],
        data: JSON.stringify({ kind: "subject", name: "ada", before }),
        private: true,
      },
      { namespace: "/.well-known/mercure/orders/", keep: "orders" },
    );
    await hub.publish(draft("a", "1"));
    await stream.until(({ data }) => data.includes("1"));
  });

  test("rejects tokens without their time of issue", async (t) => {
    const { hub, url } = await startHub(t);
    const undated = bearer(await token({ subscribe: ["a"] }, { sub: "ada" }));
    const stream = await subscribe(t, url("a"), undated);
    await hub.disconnect({ subject: "ada" });
    await ended(stream);
    assert.equal((await subscribe(t, url("a"), undated)).status, 401);
  });

  test("ends the streams of a topic, by name and by pattern; public ones can reconnect", async (t) => {
    const [here, there] = await nodes(t);
    const grants = [["orders/7"], ["orders/{id}"], ["*"]];
    const tokens = await Promise.all(grants.map(async (topics) => bearer(await fresh(undefined, topics))));
    const streams = [
      await subscribe(t, here.url("orders/7"), tokens[0]),
      await subscribe(t, there.url("orders/{id}"), tokens[1]),
      await subscribe(t, there.url("*"), tokens[2]),
    ];
    const open = await subscribe(t, there.url("orders/7"));
    const elsewhere = await subscribe(t, there.url("orders/8"));
    await here.hub.disconnect({ topic: "orders/7" });
    for (const stream of streams) {
      await ended(stream);
      assert.equal(stream.events.at(-1)?.event, "mercure:close");
    }
    await ended(open);
    assert.deepEqual(open.events, [], "it is not told to stay away");
    for (const each of tokens) assert.equal((await subscribe(t, there.url("news"), each)).status, 401);
    assert.equal((await subscribe(t, there.url("orders/7"))).status, 200);
    assert.equal((await subscribe(t, here.url("orders/7"), bearer(await fresh(undefined, ["orders/7"])))).status, 200);
    await there.hub.publish(draft("orders/8", "1"));
    await elsewhere.until(({ data }) => data.includes("1"));
  });

  // The client of the ended stream connects to another node with the same token.
  test("ends one subscriber's stream on whichever node holds it, and revokes its token on all", async (t) => {
    const [here, there] = await nodes(t);
    const one = bearer(await fresh("ada", ["a"]));
    const other = bearer(await fresh("ada", ["a"]));
    const stream = await subscribe(t, there.url("a"), one);
    const [{ subscriber } = assert.fail()] = there.hub.subscriptions("a");
    const second = await subscribe(t, there.url("a"), other);
    await here.hub.disconnect({ subscriber });
    await ended(stream);
    for (const { url } of [here, there]) {
      assert.equal((await subscribe(t, url("a"), one)).status, 401);
      assert.equal((await subscribe(t, url("a"), other)).status, 200);
    }
    await here.hub.publish(draft("a", "1"));
    await second.until(({ data }) => data.includes("1"));
  });

  test("ends the streams that the application authorized for a subject", async (t) => {
    const transport = new MemoryTransport();
    const { hub } = await startHub(t, { transport });
    const { createServer } = await import("node:http");
    const server = createServer((req, res) => hub.stream(req, res, { topics: ["a"], subject: req.url!.slice(1) }));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => {
      server.close();
      server.closeAllConnections();
    });
    const origin = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
    const [ada, grace] = [await subscribe(t, `${origin}/ada`), await subscribe(t, `${origin}/grace`)];
    await hub.disconnect({ subject: "ada" });
    await ended(ada);
    await hub.publish(draft("a", "1"));
    await grace.until(({ data }) => data.includes("1"));
  });

  // A thief uses a stolen token before the sign-out, and the hub still reads history for it.
  test("ends a stream that is still opening", async (t) => {
    const transport = new SlowToRead();
    const { hub, url } = await startHub(t, { transport });
    await hub.publish(draft("a", "secret", { private: true }));
    const ada = bearer(await fresh("ada", ["a"]));
    const opening = subscribe(t, url("a", { lastEventID: "earliest" }), ada);
    await until(() => transport.waiting !== undefined);
    await hub.disconnect({ subject: "ada" });
    transport.waiting!();
    assert.equal((await opening).status, 401);
  });

  // A publisher's token of the same user would stay valid.
  test("revokes a subject's publishing tokens too", async (t) => {
    const { hub, origin } = await startHub(t, { allowPublish: true });
    const publisher = await token({ publish: ["*"] }, { sub: "ada" }, publisherKey);
    const publish = () =>
      fetch(`${origin}${hub.path}`, {
        method: "POST",
        headers: bearer(publisher),
        body: new URLSearchParams({ topic: "a", data: "1" }),
      });
    const first = await publish();
    await hub.disconnect({ subject: "ada" });
    const second = await publish();
    assert.deepEqual([first.status, second.status], [200, 401]);
  });

  // A new node behind a load balancer would admit users who were signed out before it started.
  test("is known to a node that joins later", async (t) => {
    const transport = new MemoryTransport();
    const { hub, url } = await startHub(t, { transport });
    const ada = bearer(await fresh("ada", ["a"]));
    const stream = await subscribe(t, url("a"), ada);
    const [{ subscriber } = assert.fail()] = hub.subscriptions("a");
    await hub.disconnect({ subscriber });
    await hub.disconnect({ subject: "grace" });
    await ended(stream);
    const later = await startHub(t, { transport });
    const open = await subscribe(t, later.url("a"));
    assert.equal((await subscribe(t, later.url("a"), ada)).status, 401);
    assert.equal((await subscribe(t, later.url("a"), bearer(await token({}, { sub: "grace" })))).status, 401);
    await later.hub.publish(draft("a", "1"));
    await open.until(({ data }) => data.includes("1"));
  });

  // A node that accepts tokens without the control messages would sign people in again whenever the database fails.
  test("rejects every token on a node that cannot read the control messages, until it can", async (t) => {
    const transport = new Unreadable();
    const { url, errors } = await startHub(t, { transport });
    const ada = bearer(await fresh("ada", ["a"]));
    assert.equal((await subscribe(t, url("a"), ada)).status, 503);
    assert.equal(errors.length, 1);
    transport.isBroken = false;
    assert.equal((await subscribe(t, url("a"), ada)).status, 200);
  });

  test("requires exactly one name", async (t) => {
    const { hub } = await startHub(t);
    for (const target of [{}, { subject: "" }, { subject: "a", topic: "b" }, { user: "a" }, undefined]) {
      await assert.rejects(hub.disconnect(target as never), { code: "ERR_OPTION" });
    }
    await hub.close();
    await assert.rejects(hub.disconnect({ subject: "a" }), { code: "ERR_CLOSED" });
  });
});

describe("revocations over a transport", () => {
  /** Publishes subscription events as streams that come and go do. */
  async function publishEvents(transport: MemoryTransport, count: number) {
    const namespace = "/.well-known/mercure/subscriptions/";
    for (let i = 0; i < count; i++) {
      const event = { topics: [`${namespace}a/${i}`, `${namespace}a`], data: `${i}`, private: true };
      await transport.publish(event, { namespace, keep: "events" });
    }
  }

  // A signed-out user opens and closes streams until the sign-out has left the store, and then connects to a node that
  // has just started.
  test("outlive any number of subscription events, and a history of length 0", async (t) => {
    for (const transport of [new MemoryTransport(), new MemoryTransport({ historyLength: 0, maxHistoryBytes: 0 })]) {
      const first = await startHub(t, { transport });
      const ada = bearer(await fresh("ada", ["a"]));
      await first.hub.disconnect({ subject: "ada" });
      await publishEvents(transport, cases(100_000));
      const late = await startHub(t, { transport });
      assert.equal((await subscribe(t, first.url("a"), ada)).status, 401);
      assert.equal((await subscribe(t, late.url("a"), ada)).status, 401);
      assert.equal((await subscribe(t, late.url("a"), bearer(await fresh("ada", ["a"])))).status, 200);
    }
  });

  // A signed-out user signs in and out until the store evicts the message that revoked an earlier token.
  test("apply to every token of their time once the store has evicted them", async (t) => {
    const transport = new MemoryTransport();
    const [ada, grace] = [await fresh("ada", ["a"]), await fresh("grace", ["a"])];
    const first = await startHub(t, { transport });
    await first.hub.disconnect({ subject: "ada" });
    const long = "x".repeat(100_000);
    // Long strings of one length have one hash, so the numbers come first: they tell the topics apart at once.
    for (let i = 0; i < 400; i++) await first.hub.disconnect({ topic: `${i}${long}` });
    const late = await startHub(t, { transport });
    for (const each of [ada, grace]) assert.equal((await subscribe(t, late.url("a"), bearer(each))).status, 401);
    assert.equal((await subscribe(t, late.url("a"), bearer(await fresh("grace", ["a"])))).status, 200);
  });

  // Two nodes disagree about the time: a token of the node that is ahead would outlive its revocation.
  test("carry the time of the store, whatever this machine's clock says", async (t) => {
    class Ahead extends MemoryTransport {
      override now(): number {
        return Date.now() + 20_000;
      }
    }
    const { hub, url } = await startHub(t, { transport: new Ahead() });
    const issued = (sub: string, offset: number) =>
      token({ subscribe: ["a"] }, { sub, iat: (Date.now() + offset) / 1000, exp: Date.now() / 1000 + 60 });
    const earlier = bearer(await issued("ada", 19_000));
    await hub.disconnect({ subject: "ada" });
    const later = bearer(await issued("ada", 25_000));
    assert.equal((await subscribe(t, url("a"), earlier)).status, 401);
    assert.equal((await subscribe(t, url("a"), later)).status, 200);
  });

  test("that a node has missed take effect once it learns of its gap", async (t) => {
    const transport = new Deaf();
    const { url, hub } = await startHub(t, { transport });
    const ada = bearer(await fresh("ada", ["a"]));
    const streams = [
      await subscribe(t, url("a"), ada),
      await subscribe(t, url("a"), bearer(await fresh("bob", ["a"]))),
    ];
    transport.isDeaf = true;
    const message = { kind: "subject", name: "ada", before: distinctTime() };
    await transport.publish(
      { topics: ["/.well-known/mercure/orders/all"], data: JSON.stringify(message), private: true },
      { namespace: "/.well-known/mercure/orders/", keep: "orders" },
    );
    assert.equal(streams[0]!.ended, false);
    transport.catchUp();
    await ended(streams[0]!);
    assert.equal((await subscribe(t, url("a"), ada)).status, 401);
    await hub.publish(draft("a", "1"));
    await streams[1]!.until(({ data }) => data.includes("1"));
  });
});

describe("control messages between nodes", () => {
  const topic = "/.well-known/mercure/orders/all";

  // The messages name signed-out users, and a subscriber with a wildcard token requests everything.
  test("reach no subscriber, live or replayed, and no reader in the process", async (t) => {
    const { hub, url } = await startHub(t);
    const all = bearer(await token({ subscribe: ["*"] }));
    const live = [
      await subscribe(t, url("*"), all),
      await subscribe(t, url([topic, "a"]), all),
      await subscribe(t, url("/.well-known/mercure/{+rest}"), all),
    ];
    const reader = hub.updates({ match: "*", match_type: "uritemplate" });
    await hub.disconnect({ subject: "lovelace" });
    await hub.publish(draft("a", "1"));
    const late = await subscribe(t, url(["*", topic], { lastEventID: "earliest" }), all);
    for (const stream of [live[0]!, live[1]!, late]) await stream.until(({ data }) => data.includes("1"));
    for (const stream of [...live, late]) assert.doesNotMatch(stream.data.join(), /lovelace/);
    for (;;) {
      const { value } = await reader.next();
      assert.doesNotMatch(value!.data, /lovelace/);
      if (value!.data === "1") break;
    }
  });

  // A forged message would sign out everybody.
  test("can come from the hub's nodes alone", async (t) => {
    const { hub, origin } = await startHub(t, { allowPublish: true });
    await assert.rejects(hub.publish(draft(topic, "{}")), { code: "ERR_UPDATE" });
    const response = await fetch(`${origin}${hub.path}`, {
      method: "POST",
      headers: bearer(await token({ publish: ["*"] }, {}, publisherKey)),
      body: new URLSearchParams({ topic, data: "{}", private: "on" }),
    });
    assert.equal(response.status, 400);
    await response.body?.cancel();
  });
});

/** Reads the first bytes of a stream only when told to. */
class SlowToRead extends MemoryTransport {
  waiting: (() => void) | undefined;

  override read(query: ReplayQuery): Replay {
    if (query.topics !== "*" && query.topics.has("a")) {
      return new Promise<void>((resolve) => {
        this.waiting = resolve;
      }).then(() => super.read(query)) as unknown as Replay;
    }
    return super.read(query);
  }
}

class Unreadable extends MemoryTransport {
  isBroken = true;

  override read(query: ReplayQuery): Replay {
    if (this.isBroken) throw new Error("The database is away.");
    return super.read(query);
  }
}
