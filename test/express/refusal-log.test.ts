import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingHttpHeaders, request } from "node:http";
import { describe, type TestContext, test } from "node:test";
import { SignJWT } from "jose";
import type { MercureOptions } from "../../src/index.js";
import { application, secret } from "../support/application.js";
import { openStream } from "../support/event-stream.js";

const hubPath = "/.well-known/mercure";

/** An application on its own port, and the answers of its hub to its pages. */
async function start(t: TestContext, options: MercureOptions = {}) {
  const { warnings, ...started } = application(t, {}, options);
  const origin = await started.listen();
  /** `fetch` sets these headers itself. */
  const ask = async (query: string, headers: IncomingHttpHeaders, method = "GET", body = ""): Promise<number> => {
    const sent = request(origin + hubPath + query, { method, headers, agent: false });
    const [response] = await once(sent.end(body), "response");
    response.destroy();
    return response.statusCode;
  };
  const page = (path = "/chat") => ({ "sec-fetch-site": "same-origin", referer: origin + path });
  const logged = () => warnings.filter((line) => line.includes("the hub rejected"));
  return { ...started, origin, ask, page, logged };
}

const line = (page: string, status: number, reason: string, method = "GET") =>
  `htmx-mercure: the hub rejected a ${method} request from ${page} with ${status}: ${reason}`;

describe("a refusal for a page of the application", () => {
  test("is logged in development with the URL of the page and the reason", async (t) => {
    const { origin, ask, page, logged } = await start(t);
    assert.equal(await ask("?topic=a%0Ab", page("/chat?room=1")), 400);
    const reason = "A topic must not contain U+000A, a control or format character.";
    assert.deepEqual(logged(), [line(`the page ${origin}/chat?room=1`, 400, reason)]);
  });

  const form = { "content-type": "application/x-www-form-urlencoded" };
  const kinds: Record<
    string,
    readonly [status: number, query: string, options: MercureOptions, method?: string, body?: string]
  > = {
    "a missing token": [401, "?topic=a", { hub: { allowAnonymous: false } }],
    "a forged token": [401, "?topic=a&authorization=e30.e30.e30", {}],
    "a body that is too large": [413, "", { hub: { maxQueryBytes: 10 } }, "QUERY", "topic=1234567890"],
    "an update over HTTP where publishing is off": [405, "", {}, "POST", "topic=a"],
  };
  for (const [what, [status, query, options, method, body]] of Object.entries(kinds)) {
    test(`is logged for ${what}`, async (t) => {
      const { origin, ask, page, logged } = await start(t, options);
      assert.equal(await ask(query, { ...page(), ...form }, method, body), status);
      assert.equal(logged().length, 1);
      assert.ok(logged()[0]!.startsWith(line(`the page ${origin}/chat`, status, "", method)), logged()[0]);
    });
  }

  test("is logged for one stream too many", async (t) => {
    const { origin, ask, page, logged } = await start(t, { hub: { maxConnectionsPerAddress: 1 } });
    await openStream(t, `${origin + hubPath}?topic=a`);
    assert.equal(await ask("?topic=a", page()), 429);
    assert.ok(logged()[0]?.startsWith(line(`the page ${origin}/chat`, 429, "")), logged()[0]);
  });

  test("is logged for a hub that has closed", async (t) => {
    const { origin, kit, ask, page, logged } = await start(t);
    await kit.close();
    assert.equal(await ask("?topic=a", page()), 503);
    assert.deepEqual(logged(), [line(`the page ${origin}/chat`, 503, "The hub is shutting down.")]);
  });

  test("is logged for a stream that is ended by an event instead", async (t) => {
    const authorize = () => false;
    const { origin, ask, page, logged, kit } = await start(t, { authorize, tokenMode: "cookie" });
    assert.equal(await ask("?topic=a&grant=0123456789abcdef", page()), 200);
    assert.deepEqual(logged(), [line(`the page ${origin}/chat`, 401, "A token is required.")]);
    const token = kit.sse.createSubscriberJwt("a");
    const cookie = { cookie: `mercureAuthorization=${token}` };
    assert.equal(await ask("?topic=a", { ...page(), ...cookie }), 403);
    const reason = "The application does not grant these topics.";
    assert.deepEqual(logged().slice(1), [line(`the page ${origin}/chat`, 403, reason)]);
  });

  test("is logged once for each page and reason", async (t) => {
    const { origin, ask, page, logged } = await start(t);
    for (const query of ["?topic=a%0Ab", "?topic=c%0Ad", ""]) {
      for (const path of ["/chat?a", "/chat?b", "/todos"]) assert.equal(await ask(query, page(path)), 400);
    }
    const pages = logged().map((each) => each.replace(/^.*the page (\S+) with 400: (.{7}).*$/, "$1 $2"));
    assert.equal(new Set(pages).size, 4);
    assert.equal(pages.length, 4);
    assert.ok(pages[0]!.startsWith(`${origin}/chat?a `));
  });

  test("is logged with the origin where the page's policy hides its URL", async (t) => {
    const { origin, ask, logged } = await start(t);
    const at = (known: string) => `a page of ${known} (its Referrer-Policy hides the URL)`;
    await ask("?topic=a%0Ab", { "sec-fetch-site": "same-origin" });
    await ask("?topic=", { "sec-fetch-site": "same-origin", origin: "null" });
    assert.deepEqual(
      logged().map((each) => each.slice(0, each.indexOf(" with 400"))),
      Array(2).fill(`htmx-mercure: the hub rejected a GET request from ${at(origin)}`),
    );
  });

  test("is logged where the browser tells the Referer alone, as with plain HTTP in a network", async (t) => {
    const { origin, ask, logged } = await start(t);
    await ask("?topic=a%0Ab", { referer: `${origin}/chat` });
    assert.equal(logged().length, 1);
  });

  test("is logged for a page of the public origin behind a proxy", async (t) => {
    const { ask, logged } = await start(t, { publicHubUrl: `https://shop.example${hubPath}` });
    await ask("?topic=a%0Ab", { referer: "https://shop.example/chat" });
    assert.ok(logged()[0]?.includes("the page https://shop.example/chat with 400"));
  });

  test("is logged for a route of sse.stream", async (t) => {
    const { app, kit, origin, logged } = await start(t, { hub: { maxConnectionsPerAddress: 1 } });
    app.get("/news", kit.sse.stream("news"));
    await openStream(t, `${origin}/news`);
    const headers = { "sec-fetch-site": "same-origin", referer: `${origin}/chat` };
    const [response] = await once(request(`${origin}/news`, { headers, agent: false }).end(), "response");
    assert.equal(response.statusCode, 429);
    assert.ok(logged()[0]?.includes(`the page ${origin}/chat with 429`));
  });

  test("is not logged in production", async (t) => {
    const { ask, page, logged } = await start(t, { development: false });
    assert.equal(await ask("?topic=a%0Ab", page()), 400);
    assert.deepEqual(logged(), []);
  });
});

describe("the log of refusals", () => {
  // A page of another site, or a script, makes requests so that the log fills with lines of its choice.
  test("tells nothing of other sites and of requests without a page", async (t) => {
    const { origin, ask, logged } = await start(t);
    for (const headers of [
      {},
      { referer: "https://evil.example/" },
      { origin: "https://evil.example" },
      { "sec-fetch-site": "cross-site", referer: "https://evil.example/" },
      { "sec-fetch-site": "cross-site", referer: `${origin}/chat` },
      { "sec-fetch-site": "none" },
    ] as IncomingHttpHeaders[]) {
      assert.equal(await ask("?topic=a%0Ab", headers), 400);
    }
    assert.deepEqual(logged(), []);
  });

  test("tells nothing of a subscription that does not exist", async (t) => {
    const { ask, page, logged } = await start(t);
    assert.equal(await ask("/nothing", page()), 404);
    assert.deepEqual(logged(), []);
  });

  // A reader of the server's log takes a token from it, and receives private updates.
  test("holds no token of the page or of the stream", async (t) => {
    const { origin, ask, page, logged } = await start(t);
    const token = await new SignJWT({ mercure: { subscribe: ["a"] } })
      .setProtectedHeader({ alg: "HS256" })
      .setExpirationTime(1)
      .sign(new TextEncoder().encode(secret));
    for (const name of ["authorization", "Authorization", "%61uthorization"]) {
      await ask(`?topic=a&authorization=${token}`, page(`/${name.slice(0, 1)}?x=1&${name}=${token}`));
    }
    await ask("?topic=a", { ...page("/header"), authorization: `Bearer ${token}` });
    await ask("?topic=a", { ...page("/malformed"), authorization: `Bearer ${token}%` });
    await ask("?topic=a", { ...page("/cookie"), cookie: `mercureAuthorization=${token}` });
    await ask("?topic=", { ...page("/user"), referer: origin.replace("//", `//ada:${token}@`) });
    assert.equal(logged().length, 7);
    assert.ok(logged()[0]!.includes(`${origin}/a?x=1 with 401`), logged()[0]);
    for (const each of logged()) assert.ok(!each.includes(token) && !each.includes(token.split(".")[2]!), each);
  });

  // A stranger writes escape sequences or lines that look like the application's own into a developer's terminal.
  test("holds one short line without control characters, whatever the request says", async (t) => {
    const { ask, page, logged } = await start(t, { hub: { allowPublish: true } });
    await ask("?topic=a%0Ab", page(`/${"x".repeat(5000)}?\u009b2J`));
    for (const each of logged()) {
      assert.doesNotMatch(each, /\p{Cc}/u);
      assert.ok(each.length < 1500);
    }
    assert.equal(logged().length, 1);
  });

  // A script sends requests of new pages again and again, until the process that remembers them all runs out of memory.
  test("remembers at most the last thousand refusals", async (t) => {
    const { ask, page, logged } = await start(t);
    for (let index = 0; index <= 1000; index++) await ask("", page(`/${index}`));
    assert.equal(logged().length, 1001);
    await ask("", page("/1"));
    assert.equal(logged().length, 1001);
    await ask("", page("/0"));
    assert.equal(logged().length, 1002);
  });
});
