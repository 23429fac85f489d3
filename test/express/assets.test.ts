import assert from "node:assert/strict";
import { createHook } from "node:async_hooks";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { get, type IncomingMessage } from "node:http";
import { buffer } from "node:stream/consumers";
import { describe, type TestContext, test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import type { Express } from "express";
import { Assets, accepted } from "../../src/express/assets.js";
import { application } from "../support/application.js";

describe("the encoding of a script", () => {
  test("is the best that a client accepts", () => {
    assert.equal(accepted("gzip, deflate, br"), "br");
    assert.equal(accepted("GZIP ; q=0.5"), "gzip");
    assert.equal(accepted("br;q=0, gzip;q=1"), "gzip");
    assert.equal(accepted("br ;q=0.000, identity"), undefined);
    assert.equal(accepted(undefined), undefined);
  });

  test("is the one that a client prefers", () => {
    assert.equal(accepted("br;q=0.5, gzip;q=0.8"), "gzip");
    assert.equal(accepted("gzip;q=0.8, br;q=0.8"), "br");
    assert.equal(accepted("identity, br;q=0.5"), undefined);
    assert.equal(accepted("identity;q=0, gzip"), "gzip");
    assert.equal(accepted("deflate, zstd"), undefined);
    assert.equal(accepted("br;q=nonsense"), undefined);
  });

  test("can be any that the header does not name, after a star", () => {
    assert.equal(accepted("*"), "br");
    assert.equal(accepted("br;q=0, *"), "gzip");
    assert.equal(accepted("gzip, *;q=0"), "gzip");
    assert.equal(accepted("gzip, *;q=0.5"), "gzip");
    assert.equal(accepted("*;q=0"), undefined);
  });

  // A regular expression for the text between its parts takes minutes on this header.
  test("is chosen in time linear in the header's length", () => {
    assert.equal(accepted(`gzip${" ".repeat(1_000_000)}x, ${"\t".repeat(1_000_000)}y`), undefined);
  });
});

let modules = 0;

/** Returns a copy of the module that no application has used. */
const freshModule = (): Promise<typeof import("../../src/express/assets.js")> =>
  import(`../../src/express/assets.ts?${++modules}`);

/** Counts the compressions of this process that the thread pool runs, until the test ends. */
function compressions(t: TestContext) {
  const counts = { begun: 0 };
  const hook = createHook({
    init(_id, type) {
      if (type === "ZLIB") counts.begun++;
    },
  }).enable();
  t.after(() => hook.disable());
  return counts;
}

/** Fetches an asset without decompression. */
async function fetchEncoded(url: string, encoding: string): Promise<[IncomingMessage, Buffer]> {
  const request = get(url, { headers: { "Accept-Encoding": encoding }, agent: false });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return [response, await buffer(response)];
}

/** The file of the build for each asset that the build compresses. The others differ between applications. */
const builtFiles: Readonly<Record<string, string>> = {
  "mercure.css": "style",
  "ui.js": "ui",
  "hints.js": "hints",
  "settings.js": "settings",
  "shared.js": "shared",
};

/** Returns the URLs of the assets of an application's page, and of those that they load. */
async function assetsOf(app: Express, listen: () => Promise<string>): Promise<Map<string, string>> {
  app.get("/", (_req, res) => res.render("page"));
  const origin = await listen();
  const [, body] = await fetchEncoded(origin, "identity");
  const page = String(body);
  const urls = [...page.matchAll(/(?:src|href|data-script)="([^"]+)"/g)].map(([, url]) => origin + url);
  const client = urls.find((url) => /\/mercure[^/]*\.js$/.test(url))!;
  const [, script] = await fetchEncoded(client, "identity");
  urls.push(String(new URL(/"(\.\/ui[^"]*\.js)"/.exec(String(script))![1]!, client)));
  return new Map(urls.map((url) => [/([^/]+)-[\w-]{12}(\.\w+)$/.exec(url)!.slice(1).join(""), url]));
}

const pageFiles = { "templates/page.njk": "{{ mercure_scripts() }}" };

describe("the scripts and styles", () => {
  const decoders = { br: brotliDecompressSync, gzip: gunzipSync };

  test("are compressed at the start in production, before any visitor waits for it", (t) => {
    const compress = t.mock.method(Assets.prototype, "compress");
    application(t, {}, { development: true });
    assert.equal(compress.mock.callCount(), 0);
    application(t, {}, { development: false });
    assert.equal(compress.mock.callCount(), 1);
  });

  test("are compressed once for all applications, in the thread pool, unless the build has compressed them", async (t) => {
    const { Assets } = await freshModule();
    const settings = { development: true, pauseHiddenAfter: 60 };
    const create = () => new Assets("/assets", 2, settings, () => "/shared");
    const [first, second] = [create(), create()];
    const counts = compressions(t);
    const compressed = first.compress();
    // Brotli and gzip for the client, htmx and its extension, gzip for the five files of the build.
    assert.equal(counts.begun, 11);
    await compressed;
    await Promise.all([first, second].map((assets) => assets.compress()));
    assert.equal(counts.begun, 11);
  });

  test("arrive as their own bytes in any encoding", async (t) => {
    const { app, listen } = application(t, pageFiles, { development: true });
    const urls = await assetsOf(app, listen);
    const names = ["hints.js", "htmx.js", "mercure.css", "mercure.js", "shared.js", "sse.js", "ui.js"];
    assert.deepEqual([...urls.keys()].sort(), names);
    for (const round of [1, 2]) {
      for (const url of urls.values()) {
        const [, plain] = await fetchEncoded(url, "identity");
        for (const [encoding, decode] of Object.entries(decoders)) {
          const [response, body] = await fetchEncoded(url, encoding);
          assert.equal(response.headers["content-encoding"], encoding, `round ${round}`);
          assert.ok(body.length < plain.length);
          assert.ok(decode(body).equals(plain));
        }
      }
    }
  });

  test("have the same bytes in all applications, which are those of the build", async (t) => {
    const quiet = application(t, pageFiles, { development: false });
    const full = application(t, pageFiles, { development: true, pauseHiddenAfter: 60 });
    const [few, all] = [await assetsOf(quiet.app, quiet.listen), await assetsOf(full.app, full.listen)];
    assert.deepEqual(
      [...all.keys()].filter((name) => !few.has(name)),
      ["settings.js", "hints.js"],
    );
    for (const [name, url] of few) assert.equal(new URL(all.get(name)!).pathname, new URL(url).pathname);
    for (const [name, file] of Object.entries(builtFiles)) {
      const [response, body] = await fetchEncoded(all.get(name)!, "gzip, deflate, br");
      assert.equal(response.headers["content-encoding"], "br");
      assert.equal(response.headers["cache-control"], "public, max-age=31536000, immutable");
      assert.equal(response.headers.vary, "Accept-Encoding");
      assert.ok(body.equals(readFileSync(new URL(`../../dist/client/${file}.br`, import.meta.url))), name);
      const [plain, text] = await fetchEncoded(all.get(name)!, "br;q=0");
      assert.equal(plain.headers["content-encoding"], undefined);
      assert.ok(text.equals(brotliDecompressSync(body)), name);
    }
  });
});
