import assert from "node:assert/strict";
import { request } from "node:http";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import express from "express";
import { mountPathOf } from "../../src/express/mount-path.js";
import { application } from "../support/application.js";
import { openStream } from "../support/event-stream.js";

/** The answer to the raw path, which `fetch` would encode. */
function get(origin: string, path: string): Promise<{ body: string; cookies: string[]; link: string }> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    // A connection of its own: the server can close an idle one at the very moment of its next use.
    request({ hostname, port, path, agent: false }, (response) => {
      const { "set-cookie": cookies = [], link } = response.headers;
      text(response).then((body) => resolve({ body, cookies, link: String(link) }), reject);
    })
      .on("error", reject)
      .end();
  });
}

const templates = {
  "templates/single.njk": `<p data-url='{{ mercure_hub_url("t") }}'>`,
  "templates/script.njk": `<script>new EventSource('{{ mercure_hub_url("t") }}')</script>`,
  "templates/private.njk": `<script>new EventSource('{{ mercure_authenticated_hub_url("t") }}')</script>`,
  "templates/tag.njk": `{{ mercure_scripts() }}<% MercureStream topic="t" private %>`,
};

describe("an application that is mounted at a path of the visitor's choice", () => {
  // A link to a path with quotation marks runs a script in the visitor's page.
  test("keeps its path inside the quotation marks of markup and scripts", async (t) => {
    const { app, listen } = application(t, templates, { authorize: () => true });
    app.get("/:page", (req, res) => res.render(req.params.page));
    const origin = await listen(express().use("/:tenant", app));
    for (const tenant of [`'onpointerenter='alert(1)'a='`, `');alert(1);('`, `"><svg/onload=alert(1)>`, "`;a&lt;b*"]) {
      for (const page of ["single", "script", "private", "tag"]) {
        const { body, link } = await get(origin, `/${tenant.replace("/", "%2F")}/${page}`);
        const urls = [...body.matchAll(/(?:data-url='|EventSource\('|(?:src|href|connect|renew)=")([^'"]*)/g)];
        assert.notEqual(urls.length, 0);
        for (const [, url = ""] of urls) assert.match(url, /^\/[\w\-.~%!$+,=:@]+\/(\.well-known|mercure-assets)\//);
        assert.doesNotMatch(body, /alert\(|&lt;b/);
        assert.match(link, /^<\/[\w\-.~%!$+,=:@]+\/\.well-known\/mercure>; /);
      }
    }
  });

  // A link to //evil/ makes the page send its token to that host, and swap in its answer.
  test("stays on its own host in its URLs, however many slashes the path begins with", async (t) => {
    const { app, listen } = application(t, templates, { authorize: () => true });
    app.use((_req, res) => res.render("tag"));
    const origin = await listen(express().use("/*all", app));
    for (const path of ["//evil/", "///evil", "//", "/\\evil", "/x/../..//evil/"]) {
      const { body } = await get(origin, path);
      const urls = [...body.matchAll(/(?:src|href|connect|renew)="([^"]*)/g)];
      assert.equal(urls.length, 7);
      for (const [, url = ""] of urls) {
        assert.equal(new URL(url, origin).origin, origin);
        assert.match(url, /^\/[^/\\]/);
      }
    }
  });

  // A path with a semicolon sets the attributes of the cookie that holds a token.
  test("keeps the visitor's attributes out of cookie paths", async (t) => {
    const { app, listen } = application(t, templates, { tokenMode: "cookie" });
    app.get("/:page", (req, res) => res.render(req.params.page));
    const origin = await listen(express().use("/:tenant", app));
    const { cookies } = await get(origin, "/a;Domain=evil.example'/tag");
    const paths = cookies.map((cookie) => /; Path=([^;]*)/.exec(cookie)?.[1]);
    const mounted = "/a%3BDomain=evil.example%27";
    assert.deepEqual(paths.sort(), ["/", mounted, `${mounted}/.well-known/mercure`]);
  });

  test("streams at the URLs that it writes", async (t) => {
    const { app, kit, listen } = application(t, templates);
    app.get("/:page", (req, res) => res.render(req.params.page));
    const origin = await listen(express().use("/:tenant", app));
    const { body } = await get(origin, "/o'neil%20&%20s%C3%B6hne;(x)/single");
    const stream = await openStream(t, new URL(/data-url='([^']*)/.exec(body)![1]!, origin).href);
    await kit.sse.publish("t", "in");
    assert.equal((await stream.next())?.data, "in");
  });
});

describe("a mount path in URLs", () => {
  test("stays unchanged without special characters", () => {
    for (const path of ["", "/app", "/a/b-c_d.e~f", "/%C3%A4", "/@me:1,2+3=5!$"]) assert.equal(mountPathOf(path), path);
  });

  test("is percent-encoded in bytes beyond ASCII, and in a stray percent sign", () => {
    assert.equal(mountPathOf(Buffer.from("/ä").toString("latin1")), "/%C3%A4");
    assert.equal(mountPathOf("/漢"), "/%E6%BC%A2");
    assert.equal(mountPathOf("/100%/%zz"), "/100%25/%25zz");
  });
});
