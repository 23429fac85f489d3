import assert from "node:assert/strict";
import { it } from "node:test";
import { StreamSource } from "../../../src/client/core/source.js";
import { parseAddress } from "../../../src/client/core/stream-address.js";

const origin = "http://example.com";

it("pages are back at most four seconds after an outage of a minute, and come back spread over that time", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 0 });
  let isUp = true;
  const requests: number[] = [];
  t.mock.method(globalThis, "fetch", async (url: string, { signal }: RequestInit) => {
    requests.push(Date.now());
    if (!isUp) throw new TypeError("The server is away.");
    const body = new ReadableStream({
      start(controller) {
        signal?.addEventListener("abort", () => controller.error(signal.reason));
        cuts.push(() => controller.error(new TypeError("The server has gone.")));
      },
    });
    const answer = new Response(body, { headers: { "Content-Type": "text/event-stream" } });
    return Object.defineProperty(answer, "url", { value: url });
  });
  const cuts: (() => void)[] = [];
  const nothing = () => {};
  const sources = Array.from({ length: 200 }, () => {
    const reporter = { changed: nothing, failed: nothing, gap: nothing, ended: nothing, renew: async () => undefined };
    return new StreamSource(parseAddress("/hub?topic=a", origin), origin, reporter);
  });
  const openCount = () => sources.filter(({ state }) => state === "open").length;
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  const pass = async (milliseconds: number) => {
    for (let left = milliseconds; left > 0; left -= 50) {
      t.mock.timers.tick(50);
      await settle();
    }
  };

  for (const source of sources) source.start();
  await pass(10_000);
  assert.equal(openCount(), sources.length);
  isUp = false;
  for (const cut of cuts.splice(0)) cut();
  await pass(60_000);
  assert.equal(openCount(), 0);

  isUp = true;
  const returnedAt = Date.now();
  await pass(4_000);
  assert.equal(openCount(), sources.length);
  // Each page asks once, and no half second sees more than a third of them.
  const after = requests.filter((time) => time > returnedAt);
  assert.equal(after.length, sources.length);
  for (let from = returnedAt; from < returnedAt + 4_000; from += 500) {
    const share = after.filter((time) => time > from && time <= from + 500).length;
    assert.ok(share < sources.length / 3, `${share} requests in half a second`);
  }
  for (const source of sources) source.close();
});
