import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { metadataUrl } from "../../../src/hub/handlers/resource-metadata.js";
import { startHub } from "../fixture.js";

const resource = "https://hub.example/.well-known/mercure";
const path = "/.well-known/oauth-protected-resource/.well-known/mercure";

describe("protected resource metadata", () => {
  test("is served at the path derived from the hub's URL", async (t) => {
    const authorizationServers = ["https://login.example"];
    const { origin } = await startHub(t, { resource, authorizationServers, cookieName: "other" });
    const answer = await fetch(origin + path);
    assert.equal(answer.headers.get("content-type"), "application/json");
    assert.deepEqual(await answer.json(), {
      resource,
      authorization_servers: authorizationServers,
      authorization_details_types_supported: ["https://mercure.rocks/authorization-detail"],
      bearer_methods_supported: ["header"],
      mercure_cookie: "other",
      mercure_matcher_types_supported: ["exact", "urlpattern"],
      mercure_subscriptions: true,
    });
    assert.equal((await fetch(origin + path, { method: "HEAD" })).status, 200);
    assert.equal((await fetch(origin + path, { method: "POST" })).status, 405);
  });

  test("omits subscriptions when the hub publishes none", async (t) => {
    const { origin } = await startHub(t, { resource, subscriptions: false });
    assert.ok(!Object.hasOwn((await (await fetch(origin + path)).json()) as object, "mercure_subscriptions"));
  });

  // Clients assume that a hub without metadata speaks Mercure 0.x.
  test("is absent on a hub of Mercure 0.x alone", async (t) => {
    const { origin, url } = await startHub(t, { resource, protocol: 0, allowAnonymous: false });
    assert.equal((await fetch(origin + path)).status, 404);
    assert.equal((await fetch(url("a"))).headers.get("www-authenticate"), 'Bearer realm="mercure"');
  });

  test("is linked by every challenge", async (t) => {
    const { url, origin, hub } = await startHub(t, { resource, allowAnonymous: false, allowPublish: true });
    const metadata = `resource_metadata="https://hub.example${path}"`;
    const challenge = async (target: string, init?: RequestInit) =>
      (await fetch(target, init)).headers.get("www-authenticate");
    assert.equal(await challenge(url("a")), `Bearer realm="mercure", ${metadata}`);
    const headers = { Authorization: "Bearer bad" };
    assert.equal(await challenge(url("a"), { headers }), `Bearer realm="mercure", error="invalid_token", ${metadata}`);
    assert.equal(await challenge(origin + hub.path, { method: "POST" }), `Bearer realm="mercure", ${metadata}`);
  });

  test("is linked by no answer to a malformed request, which has no challenge", async (t) => {
    const { origin, hub } = await startHub(t, { resource });
    const answer = await fetch(origin + hub.path);
    assert.equal(answer.status, 400);
    assert.equal(answer.headers.get("www-authenticate"), null);
    assert.equal(answer.headers.get("content-type"), "application/problem+json");
  });

  // A client that sends its own Host header would write the metadata that others read from a cache.
  test("is absent on a hub without a URL, whatever the request says", async (t) => {
    const { origin, url } = await startHub(t, { allowAnonymous: false });
    assert.equal((await fetch(origin + path)).status, 404);
    assert.equal((await fetch(url("a"))).headers.get("www-authenticate"), 'Bearer realm="mercure"');
  });

  test("puts the well-known path before the path of the resource", () => {
    assert.equal(metadataUrl(resource)?.href, `https://hub.example${path}`);
    assert.equal(metadataUrl("https://a.example")?.pathname, "/.well-known/oauth-protected-resource");
    for (const none of ["/.well-known/mercure", "urn:x", "https://"]) assert.equal(metadataUrl(none), undefined);
  });
});
