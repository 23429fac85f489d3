import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { grantCookieName } from "../../src/protocol/authz-cookies.js";
import { ManualClock } from "../support/manual-clock.js";
import { draft, startHub, subscribe, token } from "./fixture.js";

const name = "mercureAuthorization";
const grant = createHash("sha256").update("a").digest().subarray(0, 16).toString("base64url");
const header = (cookies: Record<string, string>) => ({
  Cookie: Object.entries(cookies)
    .map(([key, value]) => `${key}=${value}`)
    .join("; "),
});
const inSeconds = (clock: ManualClock, seconds: number) => ({ exp: Math.floor(clock.now() / 1000) + seconds });

describe("a stream that ends for good", () => {
  test("is told so when its token expires, after all that came before", async (t) => {
    const clock = new ManualClock();
    const { hub, url } = await startHub(t, { connectionLifetime: 0 }, clock);
    const authorization = await token({ subscribe: ["a"] }, inSeconds(clock, 60));
    const subscriber = await subscribe(t, url("a", { authorization }));
    const update = await hub.publish(draft("a", "private", { private: true }));
    clock.advance(59);
    assert.equal(hub.connections, 1);
    clock.advance(1);
    await subscriber.until(({ ended }) => ended);
    assert.deepEqual(
      subscriber.events.map(({ event, data, id }) => [event, data, id]),
      [
        [undefined, "private", update.id],
        ["mercure:close", "expired", undefined],
      ],
      "the event of closing moves no cursor",
    );
  });

  test("is not told so when it has only been open for long, or the hub shuts down", async (t) => {
    const clock = new ManualClock();
    const { hub, url } = await startHub(t, { connectionLifetime: 60 }, clock);
    const authorization = await token({ subscribe: ["a"] }, inSeconds(clock, 3600));
    const long = await subscribe(t, url("a", { authorization }));
    clock.advance(60);
    await long.until(({ ended }) => ended);
    const late = await subscribe(t, url("a", { authorization }));
    await hub.close();
    await late.until(({ ended }) => ended);
    assert.deepEqual([...long.events, ...late.events], []);
  });

  test("is refused by the event where its URL says that it knows it, and by the status elsewhere", async (t) => {
    const clock = new ManualClock();
    const { url } = await startHub(t, {}, clock);
    const authorization = await token({ subscribe: ["a"] }, inSeconds(clock, 60));
    clock.advance(60);
    for (const parameters of [{ authorization, grant }, { authorization: "made-up", grant }, { grant }]) {
      const subscriber = await subscribe(t, url("a", parameters));
      await subscriber.until(({ ended }) => ended);
      assert.equal(subscriber.status, 200);
      assert.deepEqual(
        subscriber.events.map(({ event, data }) => [event, data]),
        [["mercure:close", "expired"]],
      );
    }
    assert.equal((await subscribe(t, url("a", { authorization }))).status, 401);
  });

  // A publisher would end other people's streams, for good.
  test("is never ended by a publisher", async (t) => {
    const { hub } = await startHub(t);
    await assert.rejects(hub.publish(draft("a", "expired", { type: "mercure:close" })), { code: "ERR_UPDATE" });
  });
});

describe("several cookies", () => {
  const other = grant.replace(/^./, (letter) => (letter === "A" ? "B" : "A"));
  const hashed = grantCookieName(name, grant);
  const hashedOther = grantCookieName(name, other);

  test("grant together what each of them grants", async (t) => {
    const { hub, url } = await startHub(t);
    const cookies = {
      [name]: await token({ subscribe: ["a"] }),
      [hashed]: await token({ subscribe: ["b"] }),
      [hashedOther]: await token({ subscribe: ["c"] }),
      [`${name}_theme`]: "dark",
    };
    const subscriber = await subscribe(t, url(["a", "b", "c", "d"]), header(cookies));
    for (const topic of ["a", "b", "c", "d"]) await hub.publish(draft(topic, topic, { private: true }));
    await hub.publish(draft("a", "end"));
    await subscriber.until(({ data }) => data.includes("end"));
    assert.deepEqual(subscriber.data, ["a", "b", "c", "end"]);
  });

  test("may hold bad ones, unless none is good", async (t) => {
    const { hub, url } = await startHub(t);
    const good = await token({ subscribe: ["a"] });
    const subscriber = await subscribe(t, url("a"), header({ [name]: "bad", [hashed]: good }));
    await hub.publish(draft("a", "private", { private: true }));
    await subscriber.until(({ data }) => data.length === 1);
    assert.equal((await subscribe(t, url("a"), header({ [name]: "bad", [hashed]: "bad" }))).status, 401);
  });

  test("end a stream with the first that expires, for good with the last", async (t) => {
    const clock = new ManualClock();
    const { url } = await startHub(t, { connectionLifetime: 0 }, clock);
    const cookies = header({
      [hashed]: await token({ subscribe: ["a"] }, inSeconds(clock, 60)),
      [hashedOther]: await token({ subscribe: ["b"] }, inSeconds(clock, 120)),
    });
    const first = await subscribe(t, url("a"), cookies);
    clock.advance(60);
    await first.until(({ ended }) => ended);
    assert.deepEqual(first.events, []);
    const last = await subscribe(t, url("a"), cookies);
    clock.advance(60);
    await last.until(({ ended }) => ended);
    assert.deepEqual(last.data, ["expired"]);
  });

  // Another tab's token would keep a stream open whose own has expired, and that no longer gets what it is there for.
  test("count alone where the stream's URL names one", async (t) => {
    const clock = new ManualClock();
    const { hub, url } = await startHub(t, {}, clock);
    const cookies = header({
      [hashed]: await token({ subscribe: ["a"] }, inSeconds(clock, 60)),
      [hashedOther]: await token({ subscribe: ["b"] }, inSeconds(clock, 3600)),
    });
    const named = await subscribe(t, url(["a", "b"], { grant }), cookies);
    await hub.publish(draft("b", "of the other", { private: true }));
    await hub.publish(draft("a", "its own", { private: true }));
    await named.until(({ data }) => data.length === 1);
    assert.deepEqual(named.data, ["its own"]);
    clock.advance(60);
    await named.until(({ ended }) => ended);
    assert.deepEqual(named.data, ["its own", "expired"]);
  });

  // Somebody fills a visitor's cookies from a neighbouring host, to make the hub verify for long.
  test("are looked at to a bound, the youngest", async (t) => {
    const { hub, url } = await startHub(t);
    const good = await token({ subscribe: ["a"] });
    const many = Array.from({ length: 50 }, (_, i): [string, string] => [
      grantCookieName(name, createHash("sha256").update(`${i}`).digest().subarray(0, 16).toString("base64url")),
      "bad",
    ]);
    assert.equal((await subscribe(t, url("a"), header({ [hashed]: good, ...Object.fromEntries(many) }))).status, 401);
    const subscriber = await subscribe(t, url("a"), header({ ...Object.fromEntries(many), [hashed]: good }));
    await hub.publish(draft("a", "private", { private: true }));
    await subscriber.until(({ data }) => data.length === 1);
  });

  // Each of many tokens would be held against each of many keys, by a hash: thousands for one request.
  test("are held against a bounded number of keys, the youngest", async (t) => {
    const { url } = await startHub(t);
    const hash = createHash("sha256").update("key").digest("base64url");
    const bound = await token({ subscribe: ["a"] }, { cnf: { "cookie#S256": hash } });
    const others = Array.from({ length: 30 }, () => `${name}_key=other`);
    const status = async (keys: string[]) => {
      const cookie = [`${hashed}=${bound}`, ...keys].join("; ");
      return (await subscribe(t, url("a"), { Cookie: cookie })).status;
    };
    assert.equal(await status([...others, `${name}_key=key`]), 200);
    assert.equal(await status([`${name}_key=key`, ...others]), 401);
  });

  // Token replay after logout: the page that signs out does not see the cookies below the hub's path, and leaves them.
  test("that need a key are worth nothing without it, or with another", async (t) => {
    const { url } = await startHub(t);
    const hash = createHash("sha256").update("key").digest("base64url");
    const bound = await token({ subscribe: ["a"] }, { cnf: { "cookie#S256": hash } });
    const status = async (cookies: Record<string, string>) => (await subscribe(t, url("a"), header(cookies))).status;
    assert.equal(await status({ [hashed]: bound, [`${name}_key`]: "key" }), 200);
    assert.equal(await status({ [hashed]: bound }), 401);
    assert.equal(await status({ [hashed]: bound, [`${name}_key`]: "other" }), 401);
    assert.equal((await subscribe(t, url("a"), { Authorization: `Bearer ${bound}` })).status, 401);
  });
});

describe("the application", () => {
  test("is asked about what cookies grant, and not about other tokens", async (t) => {
    const asked: (readonly string[])[] = [];
    const authorize = async (_request: unknown, topics: readonly string[]) => {
      asked.push(topics);
      return !topics.includes("b");
    };
    const { hub, url } = await startHub(t, { authorize });
    const granted = await token({ subscribe: ["a", "b"] });
    const status = async (topic: string, headers: Record<string, string>) =>
      (await subscribe(t, url(topic), headers)).status;
    assert.equal(await status("b", { Authorization: `Bearer ${granted}` }), 200);
    assert.deepEqual(asked, []);
    const rest = await subscribe(t, url(["a", "c"]), header({ [name]: granted }));
    assert.deepEqual(asked, [["a", "b"], ["a"], ["b"]]);
    await hub.publish(draft(["c", "b"], "by b alone", { private: true }));
    await hub.publish(draft("a", "by a", { private: true }));
    await rest.until(({ data }) => data.length > 0);
    assert.deepEqual(rest.data, ["by a"]);
    assert.equal(await status("b", header({ [name]: granted })), 403);
    assert.equal(await status("b", header({ [name]: await token({ subscribe: ["b"] }) })), 403);
    const closed = await subscribe(t, url("b", { grant }), header({ [grantCookieName(name, grant)]: granted }));
    await closed.until(({ ended }) => ended);
    assert.deepEqual(closed.data, ["forbidden"]);
  });
});
