import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { decodeJwt } from "jose";
import type { Browser, BrowserContext } from "playwright-core";
import { application } from "../support/application.js";
import { htmxLines } from "../support/depth.js";
import { until } from "../support/until.js";
import { launchChromium, newWatchedPage } from "./chromium.js";
import { shows } from "./client-fixture.js";

const hubPath = "/.well-known/mercure";
const page =
  "<!doctype html><title>x</title>{{ mercure_scripts() }}" +
  '<% MercureStream topic="a" private tag="ul" id="feed" %><% endMercureStream %>';

let browser: Browser;
let certificate: { readonly cert: Buffer; readonly key: Buffer };

before(async () => {
  browser = await launchChromium();
  certificate = makeCertificate();
});

after(() => browser.close());

for (const [protocol, name] of [
  [0, "mercureAuthorization"],
  [1, "mercure_access_token"],
] as const) {
  describe(`the cookies of private streams in Mercure ${protocol}.x`, () => {
    for (const htmx of htmxLines)
      test(`are stored by a browser over TLS, with all their protections, on htmx ${htmx}`, async (t) => {
        const site = await start(t, protocol, htmx);
        const { page, context, errors } = await visit(t);
        await page.goto(`${site.origin}/`);
        await until(() => site.kit.hub.connections === 1);
        await site.kit.sse.publish("a", "<li>over TLS</li>", { private: true });
        await shows(page, "li", ["over TLS"]);

        const cookies = (await context.cookies(site.origin + hubPath)).sort((a, b) =>
          (a.path + a.name).localeCompare(b.path + b.name),
        );
        assert.deepEqual(
          cookies.map(({ name: each, path, domain, httpOnly, secure, sameSite }) => ({
            name: each.replace(/_[\w-]{22}$|_[\w-]{8}$/, "_…").replace(/_at_[\w-]{8}_…$/, "_at_…"),
            path,
            domain,
            httpOnly,
            secure,
            sameSite,
          })),
          [
            { name: `__Host-${name}_key_…`, path: "/", sameSite: "Lax" },
            // By its mark a page knows of a cookie that only the hub's path gets.
            { name: `__Secure-${name}_at_…`, path: "/", sameSite: "Lax" },
            { name: `__Secure-${name}_…`, path: hubPath, sameSite: "Strict" },
          ].map((each) => ({ domain: "www.example.org", httpOnly: true, secure: true, ...each })),
        );
        assert.equal(await page.evaluate("document.cookie"), "");
        assert.doesNotMatch(site.warnings.join(), /without Secure/);

        await page.goto(`${site.origin}/sign-out`);
        assert.deepEqual(await context.cookies(site.origin), []);
        assert.deepEqual(errors, []);
      });

    // Cookie tossing: an attacker on a neighbouring host sets a key that they know. They could then use tokens that are
    // bound to it, even after the visitor has signed out.
    test("stay unbound from a key that another host of the site has set", async (t) => {
      const site = await start(t, protocol);
      const { page, context } = await visit(t);
      const end = await keyNameEnd(t, site.origin);
      await until(() => site.kit.hub.connections === 0);
      await page.goto(`${site.origin.replace("www.", "evil.")}/toss?name=${name}&end=${end}`);
      const tossed = await context.cookies(`${site.origin}${hubPath}`);
      assert.ok(tossed.length > 0);
      assert.ok(tossed.every(({ value }) => value === "known-to-eve"));
      assert.ok(
        tossed.every(({ name: each }) => !each.startsWith("__Host-")),
        "the browser takes none with the prefix",
      );

      await page.goto(`${site.origin}/`);
      await until(() => site.kit.hub.connections === 1);
      await site.kit.sse.publish("a", "<li>private</li>", { private: true });
      await shows(page, "li", ["private"]);
      const token = (await context.cookies(site.origin + hubPath)).find(({ value }) => value.startsWith("eyJ"))!;
      const { cnf } = decodeJwt(token.value) as { cnf: object };
      assert.deepEqual(Object.values(cnf), [await hashOfKey(context, site.origin)]);

      await page.goto(`${site.origin}/sign-out`);
      await page.goto(
        `${site.origin}${hubPath}?${protocol === 0 ? "topic" : "match"}=a&grant=${token.name.slice(-22)}`,
      );
      assert.match(await page.innerText("body"), /expired/);
    });
  });
}

async function start(t: TestContext, protocol: 0 | 1, htmx: 2 | 4 = 2) {
  const options = { protocol, htmx, tokenMode: "cookie" } as const;
  const started = application(t, { "templates/index.njk": page }, options);
  const { app, kit } = started;
  app.get("/", (_req, res) => res.render("index"));
  app.get("/sign-out", (_req, res) => {
    kit.sse.deleteAuthzCookie(res);
    res.send("Signed out");
  });
  app.get("/toss", (req, res) => {
    const { name, end } = req.query;
    for (const each of [`__Host-${name}${end}`, `__Secure-${name}${end}`, `${name}${end}`]) {
      for (const path of ["/", hubPath]) {
        res.append("Set-Cookie", `${each}=known-to-eve; Domain=example.org; Path=${path}; Secure`);
      }
    }
    res.send("Welcome");
  });
  app.get("/favicon.ico", (_req, res) => void res.status(204).end());
  const server = createServer(certificate, app);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { ...started, origin: `https://www.example.org:${(server.address() as AddressInfo).port}` };
}

async function visit(t: TestContext) {
  const visitor = await newWatchedPage(browser, { ignoreHTTPSErrors: true });
  const context: BrowserContext = visitor.page.context();
  t.after(() => context.close());
  return { ...visitor, context };
}

/** No other host can set this cookie. */
async function keyOf(context: BrowserContext, origin: string) {
  const [key] = (await context.cookies(origin)).filter(({ name }) => name.startsWith("__Host-"));
  return key!;
}

async function hashOfKey(context: BrowserContext, origin: string): Promise<string> {
  const { name, value } = await keyOf(context, origin);
  return createHash("sha256").update(`${name}=${value}`).digest("base64url");
}

/** The part of the key's name that any visitor can see to be the application's. */
async function keyNameEnd(t: TestContext, origin: string): Promise<string> {
  const { page, context } = await visit(t);
  await page.goto(`${origin}/`);
  const { name } = await keyOf(context, origin);
  // Its stream would count beside that of the page under test.
  await page.close();
  return /_key_.*$/.exec(name)![0];
}

/** A self-signed certificate for this run. */
function makeCertificate(): { cert: Buffer; key: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), "htmx-mercure-tls-"));
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  try {
    execFileSync("openssl", ["req", "-x509", ...kind, "-subj", "/CN=example.org", "-keyout", key, "-out", cert], {
      stdio: "ignore",
    });
    return { cert: readFileSync(cert), key: readFileSync(key) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
