import assert from "node:assert/strict";
import { request } from "node:http";
import { connect } from "node:net";
import { describe, test } from "node:test";
import type { Transport } from "../../../src/transport/transport.js";
import { draft, publisherKey, type RunningHub, resource, startHub, subscribe, token, until } from "../fixture.js";

const options = { allowPublish: true, maxPublishBytes: 1000 };
const anything = token({ publish: ["*"] }, {}, publisherKey);

async function post(
  { origin, hub }: RunningHub,
  body: string | Uint8Array | URLSearchParams | ReadableStream,
  headers: Record<string, string> = {},
  jwt: string | null | Promise<string> = anything,
): Promise<{ status: number; body: string; headers: Headers }> {
  const authorization = (await jwt) === null ? {} : { Authorization: `Bearer ${await jwt}` };
  const answer = await fetch(`${origin}${hub.path}`, {
    method: "POST",
    body,
    headers: { "Content-Type": "application/x-www-form-urlencoded", ...authorization, ...headers },
    duplex: "half",
  } as RequestInit);
  return { status: answer.status, body: await answer.text(), headers: answer.headers };
}

/** Returns the number of stored updates. */
async function countOf(transport: Transport): Promise<number> {
  return (await transport.read({ topics: "*", after: 0 })).updates.length;
}

describe("publishing over HTTP", () => {
  test("is disabled by default, and says so", async (t) => {
    const answer = await post(await startHub(t), "topic=a");
    assert.equal(answer.status, 405);
    assert.equal(answer.headers.get("allow"), "GET, HEAD, QUERY");
    assert.match(answer.body, /accepts no updates over HTTP/);
  });

  test("answers with the id, and subscribers receive the update", async (t) => {
    const running = await startHub(t, options);
    const subscriber = await subscribe(t, running.url(["a", "é b"]));
    const answer = await post(running, "topic=a&data=one%0Atwo+%2B");
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("content-type"), "text/plain; charset=utf-8");
    const fields = new URLSearchParams([
      ["topic", "x"],
      ["topic", "é b"],
      ["data", "3"],
      ["id", "urn:é"],
      ["type", "note"],
      ["retry", "20"],
      ["unknown", "ignored"],
    ]);
    assert.equal((await post(running, fields)).body, "urn:é");
    assert.equal((await post(running, "topic=a&id=&type=&retry=")).status, 200);
    await subscriber.until(({ events }) => events.length === 3);
    assert.deepEqual(subscriber.events.slice(0, 2), [
      { id: answer.body, event: undefined, data: "one\ntwo +" },
      { id: "urn:é", event: "note", data: "3" },
    ]);
    assert.equal(subscriber.events[2]!.data, "");
  });

  test("uses an id of the hub's own that publishers cannot choose", async (t) => {
    const running = await startHub(t, options);
    const ids = [(await post(running, "topic=a")).body, (await post(running, "topic=a&id=")).body];
    for (const id of ids) assert.match(id, /^#[\w-]{22}$/);
    assert.notEqual(ids[0], ids[1]);
    for (const id of [ids[0]!, "earliest"]) {
      assert.equal((await post(running, new URLSearchParams({ topic: "a", id }))).status, 400);
    }
  });

  test("accepts every type but the hub's own", async (t) => {
    const running = await startHub(t, options);
    const subscriber = await subscribe(t, running.url("a"));
    for (const type of ["error", "open", "message", "Mercure", "a b"]) {
      assert.equal((await post(running, new URLSearchParams({ topic: "a", type }))).status, 200);
    }
    await subscriber.until(({ events }) => events.length === 5);
    assert.deepEqual(
      subscriber.events.map(({ event }) => event),
      ["error", "open", "message", "Mercure", "a b"],
    );
  });

  // A line break in the data would start another field, and forge an event with another type, id or retry.
  test("keeps line breaks in the data from injecting fields", async (t) => {
    const running = await startHub(t, options);
    const subscriber = await subscribe(t, running.url("a"));
    const data = "1\nid: forged\r\nevent: mercure\rretry: 1\n\ndata: 2\r\r\n: no comment\n";
    const { body } = await post(running, new URLSearchParams({ topic: "a", data }));
    await post(running, "topic=a&data=end");
    await subscriber.until(({ events }) => events.at(-1)?.data === "end");
    assert.equal(subscriber.events.length, 2);
    assert.deepEqual(subscriber.events[0], { id: body, event: undefined, data: data.replaceAll(/\r\n|\r/g, "\n") });
    assert.equal(subscriber.comments.length, 1);
  });

  // Characters that end a line of the stream, or that nobody sees.
  test("rejects control and format characters, and bytes other than UTF-8, in topics, ids and types", async (t) => {
    const running = await startHub(t, options);
    for (const field of ["topic", "id", "type"]) {
      const before = field === "topic" ? "" : "topic=a&";
      for (const code of [
        "%00",
        "%0A",
        "%0D",
        "%1F",
        "%7F",
        "%C2%80",
        "%C2%9F",
        "%E2%80%8D",
        "%E2%80%AE",
        "%EF%BB%BF",
      ]) {
        assert.equal((await post(running, `${before}${field}=a${code}b`)).status, 400, `${field} ${code}`);
      }
      for (const bytes of ["%FF", "%C3", "%ED%A0%80", "%C0%AF"]) {
        assert.equal((await post(running, `${before}${field}=a${bytes}`)).status, 400, `${field} ${bytes}`);
      }
    }
    assert.equal((await post(running, "topic=a&%FF=x")).status, 400);
    assert.equal(running.transport.head, 0);
  });

  // A publisher with a wildcard grant forges the hub's own events, in a spelling that passes a simple check.
  test("reserves the hub's namespace in every spelling, for any of the topics", async (t) => {
    const running = await startHub(t, { ...options, resource });
    for (const topic of [
      "/.well-known/mercure",
      "/.well-known/mercure/subscriptions/exact/a/b",
      "https://hub.example/.well-known/mercure/x",
      "http://other.example:81/.well-known/mercure/x?y#z",
      "//other.example/.well-known/mercure",
      "/.well-known/%6Dercure/x",
      "/%2ewell-known/mercure",
      "/.well-known/mercure/../mercure/x",
      "/a/../.well-known/./mercure",
      "\\.well-known\\mercure",
      "mercure",
      "mercure/subscriptions",
      "./mercure/x",
      "?x",
      "#x",
      "https:mercure",
    ]) {
      for (const topics of [[topic], ["a", topic]]) {
        const answer = await post(
          running,
          new URLSearchParams(topics.map((each): [string, string] => ["topic", each])),
        );
        assert.equal(answer.status, 400, topic);
        assert.match(answer.body, /reserved/);
      }
    }
    for (const topic of [
      "/.well-known/mercurex",
      "/.well-known",
      "/x/.well-known/mercure",
      "http://[",
      "/.well-known/mercure%2Fx",
    ]) {
      assert.equal((await post(running, new URLSearchParams({ topic }))).status, 200, topic);
    }
  });

  test("disables caching of answers to a token in the URL", async (t) => {
    const { origin, hub, url } = await startHub(t, options);
    const published = await fetch(`${origin}${hub.path}?authorization=${await anything}`, {
      method: "POST",
      body: new URLSearchParams({ topic: "a" }),
    });
    assert.equal(published.status, 200);
    const subscribed = await subscribe(t, url("a", { authorization: await token({ subscribe: ["a"] }) }));
    for (const value of [published.headers.get("cache-control"), subscribed.headers["cache-control"]]) {
      assert.match(value!, /\bprivate\b.*\bno-store\b/);
    }
  });

  test("takes the presence of private, whatever its value", async (t) => {
    const running = await startHub(t, options);
    const subscriber = await subscribe(t, running.url("a"));
    for (const field of ["private=on", "private=", "private", "private=false"]) {
      assert.equal((await post(running, `topic=a&data=secret&${field}`)).status, 200);
    }
    await post(running, "topic=a&data=public");
    await subscriber.until(({ data }) => data.length > 0);
    assert.deepEqual(subscriber.data, ["public"]);
  });

  test("requires a token that allows every topic", async (t) => {
    const running = await startHub(t, options);
    const some = token({ publish: ["a", "b"] }, {}, publisherKey);
    assert.equal((await post(running, "topic=a&topic=b", {}, some)).status, 200);
    for (const jwt of [some, token({ publish: [] }, {}, publisherKey), token({ subscribe: ["*"] }, {}, publisherKey)]) {
      const answer = await post(running, "topic=a&topic=c", {}, jwt);
      assert.equal(answer.status, 403);
      assert.match(answer.headers.get("www-authenticate")!, /insufficient_scope/);
    }
    const missing = await post(running, "topic=a", {}, null);
    assert.equal(missing.status, 401);
    assert.equal(missing.headers.get("www-authenticate"), 'Bearer realm="mercure"');
    // A subscriber's token, signed with the other key, publishes nothing.
    assert.equal((await post(running, "topic=a", {}, token({ publish: ["*"] }))).status, 401);
    assert.equal(await countOf(running.transport), 1);
  });

  test("rejects protocol violations with the reason", async (t) => {
    const running = await startHub(t, options);
    for (const [body, reason] of [
      ["data=x", /topic is missing/],
      ["topic=", /non-empty/],
      ["topic=*", /reserved/],
      ["topic=/.well-known/mercure/subscriptions/a/b", /reserved/],
      ["topic=a%0Ab", /U\+000A/],
      ["topic=a&id=%23x", /must not start with/],
      ["topic=a&id=x%0Adata:forged", /U\+000A/],
      ["topic=a&type=x%0Ddata:forged", /U\+000D/],
      ["topic=a&type=mercure", /reserved/],
      ["topic=a&retry=-1", /digits/],
      ["topic=a&retry=1e3", /digits/],
      ["topic=a&retry=99999999999999999999", /milliseconds/],
      ["topic=a&data=%FF", /UTF-8/],
      [Buffer.from("topic=a&data=\xff", "latin1"), /UTF-8/],
    ] as const) {
      const answer = await post(running, body);
      assert.equal(answer.status, 400, String(body));
      assert.match(answer.body, reason);
    }
    assert.equal(running.transport.head, 0);
    assert.deepEqual(running.errors, []);
  });

  // An endless body, or one that understates its size, fills the hub's memory.
  test("rejects a body above the max size before it is read", async (t) => {
    const running = await startHub(t, options);
    const announced = await post(running, `topic=a&data=${"x".repeat(1000)}`);
    assert.equal(announced.status, 413);
    let sent = 0;
    const endless = new ReadableStream({
      // The hub gets a turn between two parts, so the count tells when it stopped to read and not how busy the machine is.
      async pull(controller) {
        await new Promise(setImmediate);
        sent++;
        controller.enqueue(Buffer.alloc(500, "x"));
      },
    });
    const answer = await post(running, endless).catch(() => undefined);
    // The hub closes the connection while the client still sends, so the client can see that before the answer.
    if (answer) assert.equal(answer.status, 413);
    assert.ok(sent < 100_000);
    assert.equal(running.transport.head, 0);
  });

  // One small request makes the hub match thousands of topics, or a topic of one megabyte, against everybody's
  // patterns.
  test("rejects more topics or longer fields than the max with 413", async (t) => {
    const usual = await startHub(t, { ...options, maxPublishBytes: 100_000 });
    const smaller = await startHub(t, { ...options, maxPublishTopics: 2, maxPublishFieldLength: 10 });
    for (const [running, topics, length] of [
      [usual, 100, 4096],
      [smaller, 2, 10],
    ] as const) {
      const long = "b".repeat(length + 1);
      assert.equal((await post(running, "topic=a&".repeat(topics))).status, 200);
      assert.equal((await post(running, "topic=a&".repeat(topics + 1))).status, 413);
      for (const field of ["topic", "id", "type", "retry"]) {
        assert.equal((await post(running, `topic=a&${field}=${long}`)).status, 413);
      }
      assert.equal((await post(running, `topic=a&data=${long}`.slice(0, 5000))).status, 200);
    }
  });

  test("rejects other content types", async (t) => {
    const running = await startHub(t, options);
    const answer = await post(running, '{"topic":"a"}', { "Content-Type": "application/json" });
    assert.equal(answer.status, 415);
    assert.equal(answer.headers.get("accept-post"), "application/x-www-form-urlencoded");
    const charset = { "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8" };
    assert.equal((await post(running, "topic=a", charset)).status, 200);
  });

  // A page of another site makes the visitor's browser publish, with the cookie that it attaches.
  test("accepts a token in a cookie from pages of the same origin only", async (t) => {
    const running = await startHub(t, options);
    const Cookie = `mercureAuthorization=${await anything}`;
    const host = new URL(running.origin).host;
    const publish = (headers: Record<string, string>) =>
      new Promise((resolve, reject) => {
        const type = { "Content-Type": "application/x-www-form-urlencoded" };
        const req = request(`${running.origin}${running.hub.path}`, {
          method: "POST",
          headers: { ...type, Cookie, ...headers },
        });
        req.on("response", (res) => resolve(res.resume().statusCode)).on("error", reject);
        req.end("topic=a");
      });
    assert.equal(await publish({ Origin: `http://${host}` }), 200);
    assert.equal(await publish({ Referer: `http://${host}/page` }), 200);
    assert.equal(await publish({ "Sec-Fetch-Site": "same-origin", Origin: "https://public.example" }), 200);
    for (const headers of [
      {},
      { Origin: "https://evil.example" },
      { Origin: "null" },
      { Origin: "https://evil.example", Referer: `http://${host}/` },
      { Referer: `https://evil.example/?${host}` },
      { "Sec-Fetch-Site": "cross-site", Origin: `https://${host}.evil.example` },
      { "Sec-Fetch-Site": "cross-site", Origin: `http://${host}` },
      { "Sec-Fetch-Site": "same-site", Origin: `http://${host}` },
    ]) {
      assert.equal(await publish(headers as Record<string, string>), 403);
    }
  });

  test("discards the update of a publisher that disconnects mid-body", async (t) => {
    const running = await startHub(t, options);
    const { hostname, port } = new URL(running.origin);
    const socket = connect(Number(port), hostname);
    socket.write(
      `POST ${running.hub.path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${await anything}\r\n` +
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ntopic=a&data=half",
    );
    await until(() => running.sockets.some(({ bytesRead }) => bytesRead > 200));
    socket.destroy();
    await until(() => running.sockets.every(({ destroyed }) => destroyed));
    assert.equal((await post(running, "topic=a")).status, 200);
    assert.equal(await countOf(running.transport), 1);
    assert.deepEqual(running.errors, []);
  });
});

describe("Hub.publish", () => {
  test("validates the draft", async (t) => {
    const { hub } = await startHub(t);
    await assert.rejects(hub.publish(draft([], "")), { code: "ERR_TOPIC" });
    await assert.rejects(hub.publish(draft("a", "", { id: "#1" })), { code: "ERR_UPDATE" });
  });

  test("dispatches a repeated publish once, and answers with the same id", async (t) => {
    const { hub, url } = await startHub(t);
    const subscriber = await subscribe(t, url("a"));
    await hub.publish(draft("a", "1", { id: "urn:1" }));
    assert.equal((await hub.publish(draft("a", "1", { id: "urn:1" }))).id, "urn:1");
    await hub.publish(draft("a", "2"));
    await subscriber.until(({ data }) => data.at(-1) === "2");
    assert.deepEqual(subscriber.data, ["1", "2"]);
  });

  // A publisher uses the id of an entity as the id of its updates.
  test("dispatches different updates with one id", async (t) => {
    const { hub, url } = await startHub(t);
    const subscriber = await subscribe(t, url("a"));
    for (const data of ["open", "done", "open"]) await hub.publish(draft("a", data, { id: "urn:todo:7" }));
    await subscriber.until(({ data }) => data.length === 3);
    assert.deepEqual(subscriber.data, ["open", "done", "open"]);
  });
});
