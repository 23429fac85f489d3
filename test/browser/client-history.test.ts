import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Page } from "playwright-core";
import { onBothLines, shows } from "./client-fixture.js";

const item = (text: string) => `<p>${text}</p>`;

onBothLines((fixture) => {
  const { stream } = fixture;

  const connect = "/hub?topic=messages&lastEventID=start&authorization=the.secret.token";
  const link = (path: string, target = "main") =>
    `<a href="${path}" hx-get="${path}" hx-push-url="true" hx-target="${target}">Go to ${path}</a>`;

  /** A room with a stream, which htmx leaves for a lobby. Both are whole documents for a direct request. */
  async function openRoom(): Promise<Page> {
    fixture.server.serve("/lobby", `<h1>Lobby</h1>`);
    fixture.serve("/room", () => `<main>${stream({ connect, content: item("rendered") })}</main>${link("/lobby")}`);
    const page = await fixture.newPage();
    await page.goto(`${fixture.server.origin}/room`);
    await fixture.connected();
    return page;
  }

  async function goToLobby(page: Page): Promise<void> {
    await page.getByRole("link").click();
    await page.getByRole("heading").waitFor();
    await fixture.connected(0);
  }

  describe("a page that htmx restores from its history", () => {
    it("resumes from its position, each time that the reader has left it", async () => {
      const page = await openRoom();
      const texts = ["rendered"];
      for (const round of [1, 2, 3]) {
        fixture.server.publish(item(`here ${round}`));
        await shows(page, "#feed p", [...texts, `here ${round}`]);
        await goToLobby(page);
        fixture.server.publish(item(`away ${round}`));
        await page.goBack();
        texts.push(`here ${round}`, `away ${round}`);
        await shows(page, "#feed p", texts);
        await fixture.connected();
      }
    });

    it("keeps its token, and writes none to the session storage", async () => {
      const page = await openRoom();
      await goToLobby(page);
      const stored = await page.evaluate("JSON.stringify({ ...sessionStorage })");
      assert.match(String(stored), /rendered/);
      assert.doesNotMatch(String(stored), /the\.secret\.token/);
      await page.goBack();
      await fixture.connected();
      assert.deepEqual(
        fixture.server.subscriptions.map(({ headers }) => headers.authorization),
        ["Bearer the.secret.token", "Bearer the.secret.token"],
      );
    });

    it("comes from the server when a reload has lost its token", async () => {
      const page = await openRoom();
      fixture.server.publish(item("not in the fresh rendering"));
      await goToLobby(page);
      fixture.serve("/lobby", "<h1>Lobby, reloaded</h1>");
      await page.reload();
      await page.getByText("reloaded").waitFor();
      await page.goBack();
      await fixture.connected();
      fixture.server.publish(item("live"));
      await shows(page, "#feed p", ["rendered", "not in the fresh rendering", "live"]);
      assert.equal(fixture.server.subscriptions.at(-1)?.headers.authorization, "Bearer the.secret.token");
    });

    it("keeps a stream that stays in the page connected", async () => {
      fixture.server.serve("/lobby", "<h1>Lobby</h1>");
      const page = await fixture.open(`${stream({ connect })}<main></main>${link("/lobby")}`);
      await fixture.connected();
      await page.getByRole("link").click();
      await page.getByRole("heading").waitFor();
      await page.evaluate("htmx.process(document.body)");
      fixture.server.publish(item("live"));
      await shows(page, "#feed p", ["live"]);
      assert.equal(fixture.server.subscriptions.length, 1);
    });

    for (const [name, swap] of [
      ["a delay", "beforeend swap:60s"],
      ["a view transition", "beforeend transition:true"],
    ] as const) {
      it(`shows the messages that waited for ${name} when the reader left it`, async () => {
        fixture.server.serve("/lobby", `<h1>Lobby</h1>`);
        const page = await fixture.open(
          `<main>${stream({ connect, swap, content: item("rendered") })}</main>${link("/lobby")}`,
        );
        await fixture.connected();
        // A message waits, and the reader leaves at once. The page has no delay when it comes back.
        await page.evaluate(`{
        document.startViewTransition &&= () => ({ ready: Promise.resolve() });
        addEventListener("${fixture.line === 2 ? "htmx:sseBeforeMessage" : "htmx:sse:before:message"}", () => setTimeout(() => {
          feed.setAttribute("hx-swap", "beforeend");
          document.querySelector("a").click();
        }), { once: true });
      }`);
        fixture.server.publish(item("late"));
        await page.getByRole("heading").waitFor();
        await fixture.connected(0);
        await page.evaluate("delete document.startViewTransition");
        await page.goBack();
        await fixture.connected();
        fixture.server.publish(item("live"));
        await shows(page, "#feed p", ["rendered", "late", "live"]);
      });
    }

    it("keeps one connection for a stream in hx-preserve, on each page and back", async () => {
      const kept = (n: number) =>
        `<div id="kept" hx-preserve>${stream({ connect: `/hub?topic=messages&lastEventID=start&page=${n}` })}</div>`;
      for (const n of [1, 2, 3])
        fixture.server.serve(`/${n}`, `${kept(n)}<h1>Page ${n}</h1>${link(`/${n + 1}`, "body")}`);
      const page = await fixture.open(`${kept(0)}<h1>Page 0</h1>${link("/1", "body")}`);
      await fixture.connected();
      for (const n of [1, 2, 3]) {
        await page.getByRole("link").click();
        await page.getByRole("heading", { name: `Page ${n}` }).waitFor();
        fixture.server.publish(item(`on ${n}`));
        await shows(
          page,
          "#feed p",
          Array.from({ length: n }, (_, at) => `on ${at + 1}`),
        );
      }
      await page.goBack();
      await page.getByRole("heading", { name: "Page 2" }).waitFor();
      fixture.server.publish(item("back"));
      await shows(page, "#feed p", ["on 1", "on 2", "on 3", "back"]);
      assert.equal(fixture.server.subscriptions.length, 1);
    });
  });
});

onBothLines(
  (fixture) => {
    describe("a page in the back/forward cache", () => {
      it("closes its streams when it enters the cache, and resumes when it leaves it", async () => {
        fixture.serve("/other", "<h1>Other</h1>");
        const page = await fixture.open(fixture.stream());
        await fixture.connected();
        fixture.server.publish(item("before"));
        await shows(page, "#feed p", ["before"]);
        await page.evaluate("window.unloaded = false");
        await page.goto(`${fixture.server.origin}/other`);
        await fixture.connected(0);
        fixture.server.publish(item("meanwhile"));
        // A restored page does not load again, and the driver has no event for it.
        await page.goBack({ waitUntil: "commit" });
        await fixture.connected();
        fixture.server.publish(item("after"));
        await shows(page, "#feed p", ["before", "meanwhile", "after"]);
        assert.equal(await page.evaluate("window.unloaded"), false, "the page came from the cache");
      });
    });
  },
  // The browser that the test files share has no such cache.
  { ignoreDefaultArgs: ["--disable-back-forward-cache"] },
);
