import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import express from "express";
import type { MercureOptions } from "../../src/index.js";
import { application, streamUrlOf } from "../support/application.js";
import { openStream } from "../support/event-stream.js";
import { startHaproxy, startNginx, withoutHaproxy, withoutNginx } from "../support/proxies.js";

const files = {
  "templates/index.njk": `{{ mercure_scripts() }}<% MercureStream topic="a" private %>`,
  "templates/panel.njk": `{{ mercure_scripts() }}`,
  "components/Board.njk": `<div><% MercureStream topic="a" %></div>`,
};

const proxies = [
  {
    proxy: "an nginx",
    skip: withoutNginx,
    start: (t: TestContext, upstream: string, sendsPrefix: boolean) =>
      startNginx(
        t,
        `location /app/ { proxy_pass ${upstream}/; proxy_http_version 1.1; proxy_set_header Host $http_host;
          ${sendsPrefix ? "proxy_set_header X-Forwarded-Prefix /app;" : ""} }`,
      ),
  },
  {
    proxy: "an HAProxy",
    skip: withoutHaproxy,
    start: (t: TestContext, upstream: string, sendsPrefix: boolean) =>
      startHaproxy(t, upstream, [
        "http-request deny deny_status 404 unless { path_beg /app/ }",
        "http-request replace-path /app(/.*) \\1",
        `http-request ${sendsPrefix ? "set" : "del"}-header X-Forwarded-Prefix${sendsPrefix ? " /app" : ""}`,
      ]),
  },
];

function urlsIn(html: string): string[] {
  return [...html.matchAll(/(?:src|href|connect|renew)="([^"]+)"/g)].map(([, url]) => url!.replaceAll("&amp;", "&"));
}

function cookiePathsOf(page: Response): (string | undefined)[] {
  return page.headers.getSetCookie().map((cookie) => /; Path=([^;]*)/.exec(cookie)?.[1]);
}

describe("the prefix that a sender names in X-Forwarded-Prefix", () => {
  // A client sends the header to move the URLs of a page, which a cache then gives to others.
  for (const trust of [true, false]) {
    test(`${trust ? "begins all URLs and cookie paths if Express trusts the sender" : "changes no URL and no cookie path if Express does not trust the sender"}`, async (t) => {
      const { app, listen } = application(t, files, { authorize: () => true, tokenMode: "cookie" });
      app.set("trust proxy", trust);
      app.get("/", (_req, res) => res.render("index"));
      const page = await fetch(await listen(), { headers: { "X-Forwarded-Prefix": "//app'/" } });
      const urls = urlsIn(await page.text());
      assert.equal(urls.length, 7);
      assert.equal(urls.filter((url) => url.includes("/.well-known/mercure/renewal")).length, 1);
      for (const url of urls) assert.equal(url.startsWith("/app%27/"), trust, url);
      const [prefix, mark] = trust ? ["/app%27", "/app%27"] : ["", "/"];
      assert.deepEqual(cookiePathsOf(page).sort(), ["/", mark, `${prefix}/.well-known/mercure`].sort());
    });
  }

  test("takes precedence over publicPath and publicHubUrl, and joins the prefixes of several proxies", async (t) => {
    for (const options of [{ publicPath: "/set" }, { publicHubUrl: "/set/.well-known/mercure" }]) {
      const { app, listen } = application(t, files, { authorize: () => true, ...options });
      app.set("trust proxy", true);
      app.get("/", (_req, res) => res.render("index"));
      const page = await fetch(await listen(), { headers: { "X-Forwarded-Prefix": "/outer/, /inner" } });
      for (const url of urlsIn(await page.text()))
        assert.match(url, /^\/outer\/inner\/(mercure-assets|\.well-known)\//);
    }
  });
});

const ways: { name: string; options: MercureOptions; sendsPrefix?: true }[] = [
  { name: "publicPath", options: { publicPath: "/app/" } },
  { name: "publicHubUrl", options: { publicHubUrl: "/app/.well-known/mercure" } },
  {
    name: "publicHubUrl and paths within the application that begin like the prefix",
    options: {
      publicHubUrl: "/app/app/hub",
      assetsPath: "/app/assets",
      hub: { path: "/app/hub" },
    },
  },
  { name: "X-Forwarded-Prefix", options: {}, sendsPrefix: true },
];
for (const { proxy, skip, start } of proxies) {
  describe(`behind ${proxy} that strips a prefix`, { skip }, () => {
    for (const { name, options, sendsPrefix = false } of ways) {
      test(`scripts, style, stream, renewal and cookies are found by ${name}`, async (t) => {
        for (const tokenMode of ["url", "cookie"] as const) {
          const { app, kit, listen } = application(t, files, { authorize: () => true, tokenMode, ...options });
          app.set("trust proxy", sendsPrefix);
          app.get("/", (_req, res) => res.render("index"));
          const origin = await start(t, await listen(), sendsPrefix);
          const page = await fetch(`${origin}/app/`);
          const html = await page.text();
          for (const url of urlsIn(html.replaceAll(/sse-connect="[^"]*"|[\w-]*renew="[^"]*"/g, ""))) {
            assert.equal((await fetch(new URL(url, origin))).status, 200, url);
          }
          const streamUrl = streamUrlOf(html, origin);
          const renewal = urlsIn(html).find((url) => url.includes("/renewal"))!;
          const cookies = page.headers.getSetCookie().map((cookie) => cookie.split(";")[0]);
          if (tokenMode === "cookie") {
            const [hubPath] = cookiePathsOf(page).filter((path) => path !== "/" && path !== "/app");
            assert.equal(hubPath, new URL(streamUrl).pathname);
          }
          const token = new URL(streamUrl).searchParams.get("authorization");
          const headers =
            tokenMode === "cookie" ? { Cookie: cookies.join("; ") } : { Authorization: `Bearer ${token}` };
          const renewed = await fetch(new URL(renewal, origin), {
            method: "POST",
            headers: { ...headers, Origin: origin },
          });
          assert.equal(renewed.status, tokenMode === "cookie" ? 204 : 200);
          const stream = await openStream(t, streamUrl, tokenMode === "cookie" ? { headers } : {});
          await kit.sse.publish("a", "in", { private: true });
          assert.equal((await stream.next())?.data, "in");
        }
      });
    }
  });
}

describe("HTML that a job renders without a request", () => {
  for (const options of [{ publicPath: "/o'neil" }, { publicHubUrl: "/o'neil/.well-known/mercure" }]) {
    test(`begins with the prefix of ${Object.keys(options)[0]}, encoded, then the mount path`, (t) => {
      const { app, kit } = application(t, files, options);
      express().use("/shop", app);
      const scripts = kit.environment.render("panel.njk");
      const urls = urlsIn(`${kit.render("Board")}${scripts}`);
      assert.equal(urls.length, 6);
      for (const url of urls) assert.match(url, /^\/o%27neil\/shop\/(mercure-assets|\.well-known)\//);
    });
  }

  test('has no prefix with publicPath: "/", whatever publicHubUrl is', (t) => {
    const { kit } = application(t, files, { publicPath: "/", publicHubUrl: "/live/.well-known/mercure" });
    const [stream, ...assets] = urlsIn(`${kit.render("Board")}${kit.environment.render("panel.njk")}`);
    assert.match(stream!, /^\/live\/\.well-known\/mercure\?/);
    for (const url of assets) assert.match(url, /^\/mercure-assets\//);
  });
});

test("a public hub URL that holds the mount path has it once, in pages and in jobs", async (t) => {
  for (const prefix of ["", "/front"]) {
    const { app, kit, listen } = application(t, files, { publicHubUrl: `${prefix}/shop/.well-known/mercure` });
    app.get("/", (_req, res) => res.render("index"));
    const origin = await listen(express().use("/shop", app));
    const page = await (await fetch(`${origin}/shop/`)).text();
    for (const html of [page, String(kit.render("Board"))]) {
      assert.equal(new URL(streamUrlOf(html, origin)).pathname, `${prefix}/shop/.well-known/mercure`);
    }
  }
});

describe("an absolute publicHubUrl", () => {
  const seen = async (t: TestContext, options: MercureOptions, mount = "") => {
    const { app, kit, listen } = application(t, files, { authorize: () => true, tokenMode: "cookie", ...options });
    app.get("/", (_req, res) => res.render("index"));
    const origin = await listen(mount === "" ? app : express().use(mount, app));
    const page = await fetch(`${origin}${mount}/`);
    const html = await page.text();
    const job = `${kit.environment.render("panel.njk")}${kit.render("Board")}`;
    return { urls: urlsIn(html), cookiePaths: cookiePathsOf(page), jobUrls: urlsIn(job) };
  };
  const hub = "https://example.com/app/.well-known/mercure";

  test("moves scripts, style, renewal and cookie paths to its prefix, in pages and in jobs", async (t) => {
    const { urls, cookiePaths, jobUrls } = await seen(t, { publicHubUrl: hub });
    assert.equal(urls.length, 7);
    assert.equal(jobUrls.length, 6);
    for (const url of [...urls, ...jobUrls]) {
      assert.ok(url.startsWith(hub) || /^\/app\/(mercure-assets|\.well-known\/mercure\/renewal)/.test(url), url);
    }
    assert.deepEqual(new Set(cookiePaths), new Set(["/", "/app", "/app/.well-known/mercure"]));
  });

  test("adds the mount path once, whether or not it is in the URL", async (t) => {
    for (const path of ["/front/shop", "/front"]) {
      const publicHubUrl = `https://example.com${path}/.well-known/mercure`;
      const { urls, jobUrls } = await seen(t, { publicHubUrl }, "/shop");
      const own = [...urls, ...jobUrls].filter((url) => url.startsWith("/front/shop/mercure-assets/"));
      assert.equal(own.length, 10);
    }
  });

  // Browsers send a cookie to its path only, so the stream at the URL and its renewal would not get it.
  test("is the unchanged path of the cookies and of the renewal, wherever the application is mounted", async (t) => {
    for (const path of ["", "/front", "/front/shop", "/shop"]) {
      const hubPath = `${path}/.well-known/mercure`;
      const publicHubUrl = `https://example.com${hubPath}`;
      const { urls, cookiePaths } = await seen(t, { publicHubUrl }, "/shop");
      assert.ok(urls.some((url) => url.startsWith(`${publicHubUrl}?`)));
      assert.match(urls.find((url) => url.includes("/renewal"))!, new RegExp(`^${hubPath}/renewal\\?`));
      assert.ok(cookiePaths.includes(hubPath), String(cookiePaths));
      assert.ok(!cookiePaths.some((each) => each !== hubPath && each?.endsWith("/mercure")), String(cookiePaths));
    }
  });

  test("moves nothing with another publicPath, without a prefix, or with an external hub", (t) => {
    const unmoved: MercureOptions[] = [
      { publicHubUrl: hub, publicPath: "/" },
      { publicHubUrl: "https://example.com/.well-known/mercure" },
      { publicHubUrl: hub, hubUrl: "http://127.0.0.1:9/.well-known/mercure", secret: "s".repeat(32) },
    ];
    for (const options of unmoved) {
      const { kit } = application(t, files, options);
      const urls = urlsIn(kit.environment.render("panel.njk"));
      assert.equal(urls.length, 5);
      for (const url of urls) assert.match(url, /^\/mercure-assets\//);
    }
  });
});
