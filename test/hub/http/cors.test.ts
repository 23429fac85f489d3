import assert from "node:assert/strict";
import { request } from "node:http";
import { describe, type TestContext, test } from "node:test";
import { publisherKey, startHub, subscribe, token } from "../fixture.js";

const listed = "https://shop.example";
const evil = "https://evil.example";

describe("pages of other origins", () => {
  test("that are listed can use the hub with cookies, and read its cursors", async (t) => {
    const { url } = await startHub(t, { corsOrigins: [listed] });
    const { headers } = await subscribe(t, url("a"), { Origin: listed });
    assert.equal(headers["access-control-allow-origin"], listed);
    assert.equal(headers["access-control-allow-credentials"], "true");
    const exposed = headers["access-control-expose-headers"]!.split(", ");
    for (const name of ["Last-Event-ID", "Mercure-Last-Event-ID"]) assert.ok(exposed.includes(name));
    assert.equal(headers.vary, "Origin");
  });

  test("can read error answers too", async (t) => {
    const { url } = await startHub(t, { corsOrigins: [listed], allowAnonymous: false });
    const { status, headers } = await subscribe(t, url("a"), { Origin: listed });
    assert.equal(status, 401);
    assert.equal(headers["access-control-allow-origin"], listed);
  });

  // A page whose origin is reflected reads its visitors' private updates.
  test("that are not listed are never reflected", async (t) => {
    const { url } = await startHub(t, { corsOrigins: [listed] });
    const others = [
      evil,
      "null",
      `${listed}.evil.example`,
      `${listed}:8443`,
      "http://shop.example",
      "https://SHOP.example",
    ];
    for (const Origin of others) {
      const { headers } = await subscribe(t, url("a"), { Origin });
      assert.equal(headers["access-control-allow-origin"], undefined, Origin);
      assert.equal(headers["access-control-allow-credentials"], undefined);
      // Otherwise a cache would give a listed origin this answer.
      assert.equal(headers.vary, "Origin");
    }
  });

  test("are allowed without cookies by *", async (t) => {
    const { url } = await startHub(t, { corsOrigins: ["*", listed] });
    const other = (await subscribe(t, url("a"), { Origin: evil })).headers;
    assert.equal(other["access-control-allow-origin"], "*");
    assert.equal(other["access-control-allow-credentials"], undefined);
    const { headers } = await subscribe(t, url("a"), { Origin: listed });
    assert.equal(headers["access-control-allow-origin"], listed);
    assert.equal(headers["access-control-allow-credentials"], "true");
  });

  test("get no CORS headers without the option", async (t) => {
    const { url } = await startHub(t);
    const { headers } = await subscribe(t, url("a"), { Origin: listed });
    assert.ok(!Object.keys(headers).some((name) => name.startsWith("access-control-")));
    assert.equal((await preflight(t, url("a"), listed)).statusCode, 405);
  });

  test("get Authorization and Last-Event-ID from a preflight when they are listed", async (t) => {
    const { url } = await startHub(t, { corsOrigins: [listed], allowAnonymous: false });
    const { statusCode, headers } = await preflight(t, url("a"), listed);
    assert.equal(statusCode, 204);
    assert.equal(headers["access-control-allow-origin"], listed);
    assert.equal(headers["access-control-allow-credentials"], "true");
    assert.match(headers["access-control-allow-headers"]!, /Authorization, Last-Event-ID/);
    assert.match(headers["access-control-allow-methods"]!, /GET.*QUERY.*POST/);
    assert.equal(headers.vary, "Origin");
    const other = await preflight(t, url("a"), evil);
    assert.ok(!Object.keys(other.headers).some((name) => name.startsWith("access-control-")));
  });
});

describe("publishing by cookie", () => {
  const post = async (t: TestContext, publishOrigins: string[], headers: Record<string, string>) => {
    const { origin, hub } = await startHub(t, { allowPublish: true, publishOrigins });
    const Cookie = `mercureAuthorization=${await token({ publish: ["*"] }, {}, publisherKey)}`;
    const form = { "Content-Type": "application/x-www-form-urlencoded" };
    const own = { origin: headers.Origin === "own" ? { Origin: origin } : {} }.origin;
    return send(t, origin + hub.path, "POST", { Cookie, ...form, ...headers, ...own }, "topic=a");
  };

  // Cross-site request forgery: the browser attaches the cookie to every form, whichever site sends it.
  test("is allowed to pages of the hub's origin and of listed origins", async (t) => {
    assert.equal((await post(t, [], { Origin: "own" })).statusCode, 200);
    assert.equal((await post(t, [listed], { Origin: listed })).statusCode, 200);
    assert.equal((await post(t, [listed], { Referer: `${listed}/page` })).statusCode, 200);
    for (const headers of [
      {},
      { Origin: evil },
      { Origin: "null" },
      { Origin: "null", Referer: `${listed}/page` },
      { Origin: evil, Referer: `${listed}/page` },
      { Referer: `${evil}/?${listed}` },
      { Referer: `${listed}.evil.example/` },
      { Origin: evil, "Sec-Fetch-Site": "cross-site" },
    ]) {
      const { statusCode } = await post(t, [listed], headers as Record<string, string>);
      assert.equal(statusCode, 403, JSON.stringify(headers));
    }
  });

  test("needs its own list of origins, beside the one for reading", async (t) => {
    const { origin, hub } = await startHub(t, { allowPublish: true, corsOrigins: [listed] });
    const Cookie = `mercureAuthorization=${await token({ publish: ["*"] }, {}, publisherKey)}`;
    const headers = { Cookie, Origin: listed, "Content-Type": "application/x-www-form-urlencoded" };
    assert.equal((await send(t, origin + hub.path, "POST", headers, "topic=a")).statusCode, 403);
  });
});

function preflight(t: TestContext, url: string, origin: string) {
  return send(t, url, "OPTIONS", { Origin: origin, "Access-Control-Request-Method": "GET" });
}

/** fetch() cannot send these headers. */
function send(t: TestContext, url: string, method: string, headers: Record<string, string>, body = "") {
  return new Promise<import("node:http").IncomingMessage>((resolve, reject) => {
    const req = request(url, { method, headers, agent: false }, (res) => resolve(res.resume()));
    t.after(() => req.destroy());
    req.on("error", reject).end(body);
  });
}
