import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { grantCookieName } from "../../src/protocol/tokens/authz-cookies.js";
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

describe("the close event", () => {
  test("ends a stream for good when its token expires, after all earlier updates", async (t) => {
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

  test("is absent when a stream reaches its max lifetime, or the hub shuts down", async (t) => {
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

  test("refuses a client whose URL announces support for it; other clients get the status", async (t) => {
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

  // A publisher forges the event to end other people's streams for good.
  test("can never come from a publisher", async (t) => {
    const { hub } = await startHub(t);
    await assert.rejects(hub.publish(draft("a", "expired", { type: "mercure:close" })), { code: "ERR_UPDATE" });
  });
});

describe("several cookies", () => {
  const other = grant.replace(/^./, (letter) => (letter === "A" ? "B" : "A"));
  const hashed = grantCookieName(name, grant);
  const hashedOther = grantCookieName(name, other);

  test("together grant everything that each of them grants", async (t) => {
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

  test("can include invalid ones while one is valid", async (t) => {
    const { hub, url } = await startHub(t);
    const good = await token({ subscribe: ["a"] });
    const subscriber = await subscribe(t, url("a"), header({ [name]: "bad", [hashed]: good }));
    await hub.publish(draft("a", "private", { private: true }));
    await subscriber.until(({ data }) => data.length === 1);
    assert.equal((await subscribe(t, url("a"), header({ [name]: "bad", [hashed]: "bad" }))).status, 401);
  });

  test("end a stream for good when the last expires, else when the first does", async (t) => {
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

  // Another tab's token would keep a stream open after its own token expired, though its updates no longer arrive.
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

  // An attacker on a neighbouring host fills a visitor's cookies, so that the hub spends long on verifying.
  test("are verified up to a max number, the newest first", async (t) => {
    const { hub, url } = await startHub(t, { allowAnonymous: false });
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

  // Each of many tokens would be hashed against each of many keys: thousands of checks for one request.
  test("are checked against a max number of keys, the newest first", async (t) => {
    const { url } = await startHub(t, { allowAnonymous: false });
    const hash = createHash("sha256").update(`${name}_key=key`).digest("base64url");
    const bound = await token({ subscribe: ["a"] }, { cnf: { "cookie#S256": hash } });
    const others = Array.from({ length: 30 }, () => `${name}_key=other`);
    const status = async (keys: string[]) => {
      const cookie = [`${hashed}=${bound}`, ...keys].join("; ");
      return (await subscribe(t, url("a"), { Cookie: cookie })).status;
    };
    assert.equal(await status([...others, `${name}_key=key`]), 200);
    assert.equal(await status([`${name}_key=key`, ...others]), 401);
  });

  // An old page, or an application on another port of the host, would otherwise close the hub for the browser.
  test("leave public streams open when none is valid, unless the URL names one or the name has no hash", async (t) => {
    const { hub, url } = await startHub(t);
    const old = await token({ subscribe: ["a"] }, { exp: 1 });
    const foreign = `${name}_${"f".repeat(22)}`;
    const subscriber = await subscribe(t, url("a"), header({ [hashed]: old, [foreign]: "x.y.z" }));
    assert.equal(subscriber.status, 200);
    await hub.publish(draft("a", "private", { private: true }));
    await hub.publish(draft("a", "public"));
    await subscriber.until(({ data }) => data.length > 0);
    assert.deepEqual(subscriber.data, ["public"]);
    assert.equal((await subscribe(t, url("a"), header({ [name]: old }))).status, 401);
    const named = await subscribe(t, url("a", { grant: foreign.slice(-22) }), header({ [foreign]: old }));
    await named.until(({ ended }) => ended);
    assert.deepEqual(named.data, ["expired"]);
  });

  // Cookies of another application on the host must not hide those of the older version.
  test("are read under the next name when none of the first name is valid", async (t) => {
    const { hub, url } = await startHub(t);
    const good = await token({ subscribe: ["a"] });
    const cookies = { [`mercure_access_token_${"f".repeat(22)}`]: "x.y.z", [hashed]: good };
    const subscriber = await subscribe(t, url("a"), header(cookies));
    await hub.publish(draft("a", "private", { private: true }));
    await subscriber.until(({ data }) => data.length > 0);
    assert.deepEqual(subscriber.data, ["private"]);
  });

  // Token replay after logout: the page that signs out cannot see or delete the cookies below the hub's path.
  test("that are bound to a key are invalid without that key", async (t) => {
    const { url } = await startHub(t, { allowAnonymous: false });
    const hash = createHash("sha256").update(`${name}_key=key`).digest("base64url");
    const bound = await token({ subscribe: ["a"] }, { cnf: { "cookie#S256": hash } });
    const status = async (cookies: Record<string, string>) => (await subscribe(t, url("a"), header(cookies))).status;
    assert.equal(await status({ [hashed]: bound, [`${name}_key`]: "key" }), 200);
    assert.equal(await status({ [hashed]: bound }), 401);
    assert.equal(await status({ [hashed]: bound, [`${name}_key`]: "other" }), 401);
    assert.equal((await subscribe(t, url("a"), { Authorization: `Bearer ${bound}` })).status, 401);
  });
});

describe("the application's authorization", () => {
  test("applies to the grants of cookies, and not to other tokens", async (t) => {
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
