import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { jwtVerify } from "jose";
import { carriedName } from "../../src/protocol/carried-name.js";
import { token } from "../hub/fixture.js";
import { type Running, run, secret, start, startHub, temporaryFolder } from "./fixture.js";

const env = { SECRET_KEY: secret };

/** A hub with the features that a test needs. */
async function fakeHub(t: TestContext, answer: (req: IncomingMessage, res: ServerResponse) => void): Promise<string> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/.well-known/mercure`;
}

/** A URL without a listening server. */
async function nowhere(t: TestContext): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  t.diagnostic(`the hub at ${port} is unreachable`);
  return `http://127.0.0.1:${port}/.well-known/mercure`;
}

function linesOf(running: Running): string[] {
  return running.stdout().split("\n").slice(0, -1);
}

describe("publish and subscribe", () => {
  test("carry data from an argument and from the standard input to every line", async (t) => {
    const { url } = await startHub(t);
    const at = { env: { ...env, MERCURE_HUB_URL: url } };
    const first = await run(t, ["publish", "a", "<b>hello</b>", "--type", "greeting", "--id", "urn:1"], at);
    assert.deepEqual(first, { code: 0, stdout: "urn:1\n", stderr: "" });
    const second = await run(t, ["publish", "b", "--alternate", "a", "--private"], { ...at, input: "two\nlines" });
    assert.deepEqual([second.code, second.stderr], [0, ""]);

    const from = ["--last-event-id", "earliest", "--count", "2"];
    const plain = await run(t, ["subscribe", "a", ...from], at);
    assert.deepEqual(plain, { code: 0, stdout: "<b>hello</b>\ntwo\\nlines\n", stderr: "" });
    const json = await run(t, ["subscribe", "a", "--json", ...from], at);
    assert.deepEqual(
      json.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
      [
        { id: "urn:1", type: "greeting", data: "<b>hello</b>" },
        { id: second.stdout.trim(), type: "message", data: "two\nlines" },
      ],
    );
  });

  test("carry a name with joiners as pages do", async (t) => {
    const { url } = await startHub(t);
    const at = { env: { ...env, MERCURE_HUB_URL: url } };
    const name = "users/علی\u200Cرضا";
    const published = await run(t, ["publish", name, "hello", "--private"], at);
    assert.deepEqual([published.code, published.stderr], [0, ""]);
    const received = await run(t, ["subscribe", name, "--last-event-id", "earliest", "--count", "1"], at);
    assert.deepEqual(received, { code: 0, stdout: "hello\n", stderr: "" });
    const listed = await run(t, ["subscriptions", name], at);
    assert.deepEqual(listed, { code: 0, stdout: "", stderr: "" });
  });

  // Otherwise a publisher could control the terminal of a reader.
  test("keep control characters from the terminal", async (t) => {
    const { url } = await startHub(t);
    const at = { env: { ...env, MERCURE_HUB_URL: url } };
    await run(t, ["publish", "a", "-"], { ...at, input: "\u001b]0;title\u0007 \u009b2J \u202e" });
    const { stdout } = await run(t, ["subscribe", "a", "--last-event-id", "earliest", "--count", "1"], at);
    assert.equal(stdout, "\\u{1b}]0;title\\u{7} \\u{9b}2J \\u{202e}\n");
  });

  test("use a token as it is given, and report the reason of a refusal", async (t) => {
    const { url } = await startHub(t);
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, "jwt"), `${await token({ publish: ["a"] }, {}, secret)}\n`);
    const flags = ["--hub-url", url, "--jwt-file", "jwt"];
    assert.equal((await run(t, ["publish", "a", "x", ...flags], { cwd: folder })).code, 0);
    const refused = await run(t, ["publish", "b", "x", ...flags], { cwd: folder });
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /rejected the update: 403 .*insufficient_scope/);
    const subscriber = await run(t, ["subscribe", "a", "--hub-url", url, "--jwt", "wrong"]);
    assert.equal(subscriber.code, 1);
    assert.match(subscriber.stderr, /refused the subscription: 401 .*invalid_token/);
  });

  test("exit with 2 when an argument is missing", async (t) => {
    const missing = async (args: string[], message: RegExp, options = {}) => {
      const { code, stdout, stderr } = await run(t, args, options);
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr, message);
    };
    await missing(["publish"], /Name the topic/);
    await missing(["publish", "a", "x"], /needs the hub's secret .*gen-secret-key.* or a token/);
    await missing(["publish", "a", "--secret-file", "-"], /cannot be both/, { input: secret });
    await missing(["publish", "a", "x", "--retry", "soon"], /--retry needs a number/);
    await missing(["publish", "a", "x", "--hub-url", "/hub"], /must be absolute/);
    await missing(["subscribe"], /Name the topics/);
    await missing(["subscriptions"], /needs the hub's secret .*gen-secret-key.* or a token/);
  });

  test("exit with 1 when the hub is unreachable", async (t) => {
    const url = await nowhere(t);
    for (const command of [["publish", "a", "x"], ["subscribe", "a"], ["subscriptions"]]) {
      const { code, stderr } = await run(t, [...command, "--hub-url", url], { env });
      assert.equal(code, 1);
      assert.match(stderr, /127\.0\.0\.1.*ECONNREFUSED/);
    }
  });
});

describe("subscribe", () => {
  test("reconnects after the hub's retry time, and resumes", async (t) => {
    const asked: unknown[] = [];
    const url = await fakeHub(t, (req, res) => {
      asked.push(req.headers["last-event-id"]);
      if (asked.length === 2) return void res.writeHead(503).end();
      const headers = { "Content-Type": "text/event-stream" };
      if (asked.length === 1) res.writeHead(200, headers).end("retry: 1\n\nid: urn:1\ndata: one\n\ndata: cut off");
      else res.writeHead(200, { ...headers, "Last-Event-ID": "earliest" }).write("id: urn:2\ndata: two\n\n");
    });
    const { code, stdout, stderr } = await run(t, ["subscribe", "a", "--count", "2", "--hub-url", url]);
    assert.equal(stdout, "one\ntwo\n");
    assert.equal(code, 0);
    assert.deepEqual(asked, [undefined, "urn:1", "urn:1"]);
    assert.match(stderr, /next attempt is in 1 ms/);
    assert.match(stderr, /some updates may be missing/);
  });

  test("exits quietly when its output is closed", async (t) => {
    const { url } = await startHub(t);
    const at = { env: { ...env, MERCURE_HUB_URL: url } };
    await run(t, ["publish", "a", "one"], at);
    const subscriber = start(t, ["subscribe", "a", "--last-event-id", "earliest"], at);
    await subscriber.until(() => linesOf(subscriber).length === 1);
    subscriber.child.stdout!.destroy();
    await run(t, ["publish", "a", "two"], at);
    assert.deepEqual(await subscriber.ended, { code: 0, stdout: "one\n", stderr: "" });
  });
});

describe("token", () => {
  test("grants a name with joiners as the publisher and pages carry it", async (t) => {
    const args = ["token", "publisher", "--topic", "users/علی\u200Cرضا"];
    const { code, stdout } = await run(t, args, { env });
    assert.equal(code, 0);
    const claims = JSON.parse(Buffer.from(stdout.split(".")[1]!, "base64url").toString());
    assert.deepEqual(claims.mercure.publish, ["users/علی~u200C.رضا"]);
  });

  test("grants the topics to its role, and expires", async (t) => {
    const flags = ["--topic", "a", "--topic", "b", "--expires-in", "60"];
    for (const [role, grant] of [
      ["publisher", "publish"],
      ["subscriber", "subscribe"],
    ] as const) {
      const { code, stdout } = await run(t, ["token", role, ...flags], { env });
      assert.equal(code, 0);
      const { payload } = await jwtVerify(stdout.trim(), new TextEncoder().encode(secret));
      assert.deepEqual(payload.mercure, { [grant]: ["a", "b"] });
      assert.equal(payload.exp! - Math.floor(payload.iat!), 60);
    }
  });

  test("names issuer and hub in Mercure 1.0, and grants matchers", async (t) => {
    const flags = [
      "--protocol",
      "1",
      "--topic",
      "a",
      "--match-urlpattern",
      "/books/:id",
      "--payload",
      '{"name":"Ada"}',
    ];
    const claimsOf = async (more: string[], variables = {}) => {
      const { stdout } = await run(t, ["token", "subscriber", ...flags, ...more], { env: { ...env, ...variables } });
      const { payload } = await jwtVerify(stdout.trim(), new TextEncoder().encode(secret), { typ: "at+jwt" });
      return payload;
    };
    const resource = "https://hub.example/hub";
    const claims = await claimsOf(["--issuer", "https://issuer.example", "--resource", resource]);
    assert.deepEqual([claims.iss, claims.aud], ["https://issuer.example", resource]);
    assert.deepEqual(claims.authorization_details, [
      {
        type: "https://mercure.rocks/authorization-detail",
        actions: ["subscribe"],
        topics: [{ match: "a" }, { match: "/books/:id", match_type: "urlpattern" }],
        payload: { name: "Ada" },
      },
    ]);
    for (const [variables, aud] of [
      [{}, "http://127.0.0.1:5500/.well-known/mercure"],
      [{ MERCURE_HUB_URL: resource }, resource],
      [{ MERCURE_HUB_URL: "http://hub/", MERCURE_PUBLIC_HUB_URL: resource }, resource],
      [{ MERCURE_HUB_URL: resource, MERCURE_PUBLIC_HUB_URL: "/hub" }, resource],
      [{ MERCURE_HUB_URL: "http://hub/", MERCURE_RESOURCE: resource }, resource],
    ] as const) {
      const byDefault = await claimsOf([], variables);
      assert.deepEqual([byDefault.iss, byDefault.aud], [new URL(aud).origin, aud]);
    }
  });

  test("demands its required flags", async (t) => {
    for (const [args, message] of [
      [[], /publisher\|subscriber/],
      [["reader", "--topic", "a"], /publisher\|subscriber/],
      [["publisher"], /Name the topics/],
      [["publisher", "--topic", "a"], /needs the hub's secret/],
      [["subscriber", "--match-urlpattern", "/a"], /need Mercure 1.0: add --protocol 1/],
      [["subscriber", "--topic", "a", "--protocol", "2"], /--protocol is 0 or 1, not "2"/],
      [["subscriber", "--topic", "a", "--payload", "{"], /--payload needs JSON/],
      [["publisher", "--topic", "a", "--payload", "{}"], /--payload is only for subscribers/],
    ] as const) {
      const { code, stderr } = await run(t, ["token", ...args]);
      assert.equal(code, 2);
      assert.match(stderr, message);
    }
  });
});

describe("one .env for an application and the commands", () => {
  test("leads to the first trusted host where MERCURE_HUB_URL is true", async (t) => {
    const asked: unknown[] = [];
    const url = await fakeHub(t, (req, res) => {
      asked.push(req.url);
      res.writeHead(200).end(JSON.stringify({ subscriptions: [] }));
    });
    for (const word of ["True", "1"]) {
      const variables = { ...env, MERCURE_HUB_URL: word, MERCURE_TRUSTED_HOSTS: new URL(url).host };
      assert.deepEqual(await run(t, ["subscriptions"], { env: variables }), { code: 0, stdout: "", stderr: "" });
    }
    assert.deepEqual(asked, Array(2).fill("/.well-known/mercure/subscriptions"));
  });
});

describe("subscriptions", () => {
  const list = {
    type: "Subscriptions",
    lastEventID: "urn:1",
    subscriptions: [
      { topic: "a/b", subscriber: "urn:uuid:1", active: true, payload: { name: "Ada" } },
      { topic: "c\u001b", subscriber: "urn:uuid:2", active: true },
      { topic: "d", subscriber: "urn:uuid:3", active: true, node: "n\t1" },
    ],
  };

  test("prints a line for each, or the hub's error", async (t) => {
    const asked: unknown[] = [];
    const url = await fakeHub(t, (req, res) => {
      asked.push(req.url);
      res.writeHead(req.headers.authorization ? 200 : 401).end(JSON.stringify(list));
    });
    const at = { env: { ...env, MERCURE_HUB_URL: url } };
    const plain = await run(t, ["subscriptions"], at);
    assert.deepEqual(plain, {
      code: 0,
      stdout: 'a/b\turn:uuid:1\t{"name":"Ada"}\nc\\u{1b}\turn:uuid:2\t\nd\turn:uuid:3\t\tn\\t1\n',
      stderr: "",
    });
    const json = await run(t, ["subscriptions", "a/b", "--json"], at);
    assert.deepEqual(JSON.parse(json.stdout), list);
    assert.deepEqual(asked, ["/.well-known/mercure/subscriptions", "/.well-known/mercure/subscriptions/a%2Fb"]);
  });

  test("prints a name with joiners as its author wrote it", async (t) => {
    const family = "chat/\u{1f469}\u200d\u{1f467}";
    const subscriptions = ["topic", "match"].map((key) => ({ [key]: carriedName(family), subscriber: "urn:uuid:1" }));
    const url = await fakeHub(t, (_req, res) => void res.end(JSON.stringify({ subscriptions })));
    const { stdout } = await run(t, ["subscriptions", "--hub-url", url], { env });
    assert.equal(stdout, `${family}\turn:uuid:1\t\n`.repeat(2));
  });

  test("exits with 1 when the hub has no such list", async (t) => {
    const refusing = await fakeHub(t, (_req, res) => void res.writeHead(404).end());
    const other = await fakeHub(t, (_req, res) => void res.end("{}"));
    for (const [url, message] of [
      [refusing, /Cannot list the hub's subscriptions: \S+ answered 404/],
      [other, /without a list of subscriptions/],
    ] as const) {
      const { code, stderr } = await run(t, ["subscriptions", "--hub-url", url], { env });
      assert.equal(code, 1);
      assert.match(stderr, message);
    }
  });
});
