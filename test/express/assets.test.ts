import assert from "node:assert/strict";
import { createHook } from "node:async_hooks";
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { buffer } from "node:stream/consumers";
import { describe, type TestContext, test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { accepted } from "../../src/express/assets.js";
import { application } from "../support/application.js";

describe("the encoding of a script", () => {
  test("is the best that a client accepts", () => {
    assert.equal(accepted("gzip, deflate, br"), "br");
    assert.equal(accepted("GZIP ; q=0.5"), "gzip");
    assert.equal(accepted("br;q=0, gzip;q=1"), "gzip");
    assert.equal(accepted("br ;q=0.000, identity"), undefined);
    assert.equal(accepted(undefined), undefined);
  });

  // A regular expression for the text between its parts takes minutes on this header.
  test("is chosen in time linear in the header's length", () => {
    assert.equal(accepted(`gzip${" ".repeat(1_000_000)}x, ${"\t".repeat(1_000_000)}y`), undefined);
  });
});

/** Counts the compressions of this process that the thread pool runs, until the test ends. */
function compressions(t: TestContext) {
  const counts = {
    begun: 0,
    running: () => process.getActiveResourcesInfo().filter((type) => /zlib/i.test(type)).length,
  };
  const hook = createHook({
    init(_id, type) {
      if (type === "ZLIB") counts.begun++;
    },
  }).enable();
  t.after(() => hook.disable());
  return counts;
}

/** Fetches an asset without decompression, which would count too. */
async function fetchEncoded(url: string, encoding: string): Promise<[IncomingMessage, Buffer]> {
  const request = get(url, { headers: { "Accept-Encoding": encoding }, agent: false });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return [response, await buffer(response)];
}

describe("the compression of the scripts", () => {
  const decoders = { br: brotliDecompressSync, gzip: gunzipSync };

  for (const [name, development, atStart] of [
    ["at the start in production, before any visitor waits for it", false, 12],
    ["at the first request in development", true, 0],
  ] as const) {
    test(`runs once, in the thread pool, ${name}`, async (t) => {
      // The first application of a process unpacks scripts.
      application(t, {}, { development: true });
      const counts = compressions(t);
      const { app, listen } = application(t, { "templates/page.njk": "{{ mercure_scripts() }}" }, { development });
      app.get("/", (_req, res) => res.render("page"));
      assert.equal(counts.begun, atStart);
      const origin = await listen();
      const [, page] = await fetchEncoded(origin, "identity");
      const urls = [...String(page).matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => origin + url);
      const client = urls.find((url) => /\/mercure[^/]*\.js$/.test(url))!;
      const [, script] = await fetchEncoded(client, "identity");
      urls.push(String(new URL(/"(\.\/ui[^"]*\.js)"/.exec(String(script))![1]!, client)));
      urls.push(origin + /<meta name="mercure-shared" [^>]*="([^"]+shared[^"]*\.js)"/.exec(String(page))![1]!);
      assert.equal(urls.length, 6);
      for (const round of [1, 2]) {
        for (const url of urls) {
          const [, plain] = await fetchEncoded(url, "identity");
          for (const [encoding, decode] of Object.entries(decoders)) {
            const [response, body] = await fetchEncoded(url, encoding);
            assert.equal(response.headers["content-encoding"], encoding, `round ${round}`);
            assert.ok(body.length < plain.length);
            assert.ok(decode(body).equals(plain));
          }
        }
      }
      // The decoders of this test count too.
      const decoded = 2 * urls.length * 2;
      assert.equal(counts.begun - decoded, 12);
    });
  }
});
