import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { askForSubscriptions } from "../../../src/publisher/remote/remote-subscriptions.js";

/** A server in the place of a hub. */
async function hub(t: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hub`;
}

const ask = (hubUrl: string, patience?: number, limit?: number) => {
  return askForSubscriptions(
    { hubUrl, protocol: 0, selector: { text: "a/b" }, makeToken: (topic) => `for ${topic}` },
    patience,
    limit,
  );
};

describe("a query for a remote hub's subscriptions", () => {
  test("presents a token for the list alone", async (t) => {
    const tokens: unknown[] = [];
    const url = await hub(t, (req, res) => {
      tokens.push(req.url, req.headers.authorization);
      res.end('{"subscriptions":[]}');
    });
    assert.deepEqual(await ask(url), { subscriptions: [] });
    assert.deepEqual(tokens, ["/hub/subscriptions/a%2Fb", "Bearer for /hub/subscriptions/a%2Fb"]);
  });

  const failures: [what: string, answer: RequestListener, message: RegExp, patience?: number][] = [
    ["accepts and never answers", () => {}, /cannot be reached: .*timeout/, 200],
    ["never ends its answer", (_req, res) => void res.write("{"), /cannot be reached: .*timeout/, 200],
    ["breaks the connection", (req) => req.socket.destroy(), /cannot be reached: /],
    ["tells nobody", (_req, res) => res.writeHead(404).end(), /answered 404; the hub has no subscription API/],
    ["is broken", (_req, res) => res.writeHead(500).end(), /answered 500\.$/],
    ["is a page", (_req, res) => void res.end("<p>"), /without a list of subscriptions/],
    [
      "answers with something else",
      (_req, res) => void res.end('{"subscriptions":{}}'),
      /without a list of subscriptions/,
    ],
    [
      "refuses the token",
      (_req, res) => res.writeHead(403, { "WWW-Authenticate": "Bearer" }).end(),
      /answered 403 \(Bearer\); the token must be valid for the hub/,
    ],
  ];
  for (const [what, answer, message, patience] of failures) {
    test(`fails with an error that names the hub when it ${what}`, async (t) => {
      const url = await hub(t, answer);
      await assert.rejects(ask(url, patience), (error: Error & { code: string }) => {
        assert.equal(error.code, "ERR_SUBSCRIPTIONS");
        assert.match(error.message, message);
        assert.ok(error.message.includes(url));
        return true;
      });
    });
  }

  // A hub, or a server in its place, sends until the memory of the application is full.
  test("reads up to a bound", async (t) => {
    let closed = () => {};
    const connectionClosed = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const url = await hub(t, (_req, res) => {
      res.once("close", closed);
      const send = () => {
        while (!res.destroyed && res.write(" ".repeat(10_000)));
      };
      res.on("drain", send);
      send();
    });
    await assert.rejects(ask(url, undefined, 1_000_000), {
      code: "ERR_SUBSCRIPTIONS",
      message: /answered with more than 1000000 bytes/,
    });
    await connectionClosed;
  });

  // A hub, or a server in its place, redirects to a host that collects tokens.
  test("does not follow a redirect, with its token", async (t) => {
    let asked = 0;
    const elsewhere = await hub(t, (_req, res) => {
      asked++;
      res.end("{}");
    });
    const url = await hub(t, (_req, res) => res.writeHead(307, { Location: elsewhere }).end());
    await assert.rejects(ask(url), { code: "ERR_SUBSCRIPTIONS", message: /answered 307/ });
    assert.equal(asked, 0);
  });
});
