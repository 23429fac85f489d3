import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { publishToRemoteHub } from "../../../src/publisher/remote/remote-publish.js";
import { freePort } from "../../support/free-port.js";

const draft = { topics: ["a"], data: "x", private: false };
/** Far longer than any step takes on a busy machine. */
const patient = { answer: 120_000, repetition: 120_000 };

/** Replaces the timeouts of one length: they pass when the test calls the returned function. Node has others. */
function manualTimeout(t: TestContext, length: number): () => void {
  const controller = new AbortController();
  const { timeout } = AbortSignal;
  t.mock.method(AbortSignal, "timeout", (milliseconds: number) =>
    milliseconds === length ? controller.signal : timeout.call(AbortSignal, milliseconds),
  );
  return () => controller.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError"));
}

/** A hub with a test's answers; it records the bodies of its requests. */
async function hub(t: TestContext, answer: RequestListener, port = 0) {
  const bodies: URLSearchParams[] = [];
  const server = createServer(async (req, res) => {
    let body = "";
    for await (const chunk of req) body += chunk;
    bodies.push(new URLSearchParams(body));
    answer(req, res);
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port: chosen } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${chosen}/.well-known/mercure`, port: chosen, bodies };
}

describe("an update for a remote hub", () => {
  for (const [status, headers] of [
    [429, { "Retry-After": "0" }],
    [503, {}],
    [503, { "Retry-After": new Date(0).toUTCString() }],
  ] as const) {
    test(`is retried after ${status} ${JSON.stringify(headers)}, with the same id`, async (t) => {
      const { url, bodies } = await hub(t, (_req, res) => {
        if (bodies.length < 3) res.writeHead(status, headers).end();
        else res.end(bodies.at(-1)!.get("id"));
      });
      const id = await publishToRemoteHub(url, "token", draft, patient);
      assert.match(id, /^urn:uuid:/);
      assert.deepEqual(
        bodies.map((body) => body.get("id")),
        [id, id, id],
      );
    });
  }

  test("waits out the restart of a hub that refuses connections meanwhile", async (t) => {
    const port = await freePort();
    const publishing = publishToRemoteHub(`http://127.0.0.1:${port}/hub`, "token", draft, patient);
    // The hub also refuses a later attempt before it returns.
    await once(connect(port, "127.0.0.1"), "error");
    const { bodies } = await hub(t, (_req, res) => res.end(bodies.at(-1)!.get("id")), port);
    assert.match(await publishing, /^urn:uuid:/);
  });

  test("fails when the hub stays down, within the bound", async () => {
    const url = `http://127.0.0.1:${await freePort()}/hub`;
    await assert.rejects(publishToRemoteHub(url, "token", draft, { ...patient, repetition: 300 }), {
      code: "ERR_PUBLISH",
      message: /^The hub at http:\/\/127\.0\.0\.1:\d+\/hub cannot be reached: connect ECONNREFUSED/,
    });
  });

  test("fails at once when the hub asks to wait longer than the bound", async (t) => {
    const { url, bodies } = await hub(t, (_req, res) => res.writeHead(429, { "Retry-After": "60" }).end());
    await assert.rejects(publishToRemoteHub(url, "token", draft), { code: "ERR_PUBLISH", message: /: 429\.$/ });
    assert.equal(bodies.length, 1);
  });

  const refusals: [what: string, answer: RequestListener, message: RegExp][] = [
    [
      "401 with a challenge",
      (_req, res) => res.writeHead(401, { "WWW-Authenticate": 'Bearer error="invalid_token"' }).end(),
      /rejected the update: 401 \(Bearer error="invalid_token"\)\.$/,
    ],
    ["403", (_req, res) => res.writeHead(403).end(), /rejected the update: 403\.$/],
    [
      "413, and says why",
      (_req, res) =>
        res.writeHead(413, { "Content-Type": "application/problem+json" }).end('{"detail":"At most 1 MiB."}'),
      /rejected the update: 413: At most 1 MiB\.$/,
    ],
    [
      "an invalid problem",
      (_req, res) => res.writeHead(400, { "Content-Type": "application/problem+json" }).end('{"detail":'),
      /rejected the update: 400\.$/,
    ],
    ["500", (_req, res) => res.writeHead(500).end("secret stack"), /rejected the update: 500\.$/],
    ["502", (_req, res) => res.writeHead(502).end(), /rejected the update: 502\.$/],
    ["a page", (_req, res) => res.end("<!doctype html>\n<p>hello</p>"), /answered 200 without an update's id/],
    ["nothing", (_req, res) => res.end(), /answered 200 without an update's id/],
    [
      "a broken connection",
      (req) => req.socket.destroy(),
      /did not answer, and may have received the update: other side closed/,
    ],
  ];
  for (const [what, answer, message] of refusals) {
    test(`is not retried after ${what}, which is an error that names the hub`, async (t) => {
      const { url, bodies } = await hub(t, answer);
      await assert.rejects(publishToRemoteHub(url, "token", draft, patient), { code: "ERR_PUBLISH", message });
      assert.equal(bodies.length, 1);
    });
  }

  test("fails after a bounded time when the hub accepts and never answers", async (t) => {
    const { url, bodies } = await hub(t, manualTimeout(t, 100));
    await assert.rejects(publishToRemoteHub(url, "token", draft, { answer: 100, repetition: 120_000 }), {
      code: "ERR_PUBLISH",
      message: /did not answer, and may have received the update: The operation was aborted due to timeout/,
    });
    assert.equal(bodies.length, 1);
  });

  test("fails after a bounded time when the answer never ends", async (t) => {
    const { url } = await hub(t, (_req, res) => void res.write("urn:"));
    await assert.rejects(publishToRemoteHub(url, "token", draft, { answer: 100, repetition: 0 }), {
      code: "ERR_PUBLISH",
    });
  });

  // A hub, or a server in its place, redirects to a host that collects tokens.
  test("does not follow a redirect, with its token", async (t) => {
    const elsewhere = await hub(t, (_req, res) => res.end("id"));
    const { url } = await hub(t, (_req, res) => res.writeHead(307, { Location: elsewhere.url }).end());
    await assert.rejects(publishToRemoteHub(url, "token", draft), {
      code: "ERR_PUBLISH",
      message: new RegExp(`redirects to ${elsewhere.url} \\(307\\); redirects are not followed`),
    });
    assert.equal(elsewhere.bodies.length, 0);
  });

  test("must be valid for the hub in this process too", async () => {
    const publish = (wrong: object) => publishToRemoteHub("http://127.0.0.1:1/hub", "token", { ...draft, ...wrong });
    await assert.rejects(publish({ type: "a\ndata: injected" }), { code: "ERR_UPDATE" });
    await assert.rejects(publish({ topics: ["/hub/subscriptions/a/b"] }), { code: "ERR_UPDATE" });
    await assert.rejects(publishToRemoteHub("hub", "token", draft), {
      code: "ERR_PUBLISH",
      message: /hubUrl is not a valid URL: "hub"/,
    });
  });

  test("is sent as both specifications say: a form, private=on, the token in the header", async (t) => {
    const heads: unknown[] = [];
    const { url, bodies } = await hub(t, ({ method, headers }, res) => {
      heads.push([method, headers["content-type"], headers.authorization]);
      res.end("id");
    });
    const full = { topics: ["a", "é b"], data: "1\n2", private: true, id: "urn:1", type: "note", retry: 5 };
    for (const each of [full, { ...draft, id: "urn:2" }]) await publishToRemoteHub(url, "token", each);
    const head = ["POST", "application/x-www-form-urlencoded;charset=UTF-8", "Bearer token"];
    assert.deepEqual(heads, [head, head]);
    assert.deepEqual(
      bodies.map((body) => [...body]),
      [
        [
          ["topic", "a"],
          ["topic", "é b"],
          ["data", "1\n2"],
          ["private", "on"],
          ["id", "urn:1"],
          ["type", "note"],
          ["retry", "5"],
        ],
        [
          ["topic", "a"],
          ["data", "x"],
          ["id", "urn:2"],
        ],
      ],
    );
  });

  test("leaves its connection open for the next", async (t) => {
    const ports = new Set<number | undefined>();
    const { url } = await hub(t, (req, res) => {
      ports.add(req.socket.remotePort);
      res.end("id");
    });
    for (let count = 0; count < 5; count++) await publishToRemoteHub(url, "token", draft);
    assert.ok(ports.size < 5, `${ports.size} connections`);
  });
});
