import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { alwaysOnBothLines, eventually, shows } from "./client-fixture.js";

alwaysOnBothLines((fixture) => {
  const { stream } = fixture;

  const connect = "/hub?topic=messages&lastEventID=urn:gone";
  const item = (text: string, more = "") => `<p id="${text}">${text}${more}</p>`;

  /** The page's first rendering has a position that the server's history lacks; later ones are up to date. */
  function rendered(content: string, more = ""): () => string {
    let count = 0;
    return () => {
      count += 1;
      const { lastEventId } = fixture.server;
      const url = count === 1 ? connect : `/hub?topic=messages&lastEventID=${lastEventId}`;
      const body = count === 1 ? item("old") : content;
      return `${stream({ connect: url, content: body })}${more}<output id="log"></output>`;
    };
  }

  describe("a stream whose position the server has evicted", () => {
    it("is replaced by its fresh rendering, and continues from there", async () => {
      const page = await fixture.open(rendered(item("fresh")));
      await shows(page, "#feed p", ["fresh"]);
      await page.waitForSelector("#feed[data-mercure-state=open]");
      fixture.server.publish(item("after"));
      await shows(page, "#feed p", ["fresh", "after"]);
      await shows(page, "#log", ["mercure:gap feed urn:gone earliest;"]);
      await fixture.connected(1);
    });

    it("is found by its URL where it has no id", async () => {
      let count = 0;
      const page = await fixture.open(() => {
        count += 1;
        const url = count === 1 ? connect : "/hub?topic=messages&lastEventID=start";
        return stream({ id: "", connect: url, content: count === 1 ? item("old") : item("fresh") });
      });
      await shows(page, ".mercure-stream p", ["fresh"]);
    });

    it("stays as it is when the page prevents the refetch, or fetches the content itself", async () => {
      let count = 0;
      const prevent = '<script src="/prevent.js"></script>';
      fixture.server.serve("/prevent.js", () => ({
        status: 200,
        headers: { "Content-Type": "text/javascript" },
        body: 'addEventListener("mercure:gap", (event) => event.target.id === "feed" && event.preventDefault());',
      }));
      fixture.server.serve("/own", () => ({ status: 200, body: item("own") }));
      const page = await fixture.open(() => {
        count += 1;
        const own = stream({ id: "other", connect, content: item("other") });
        const region = `<div hx-get="/own" hx-trigger="mercure:gap" hx-swap="innerHTML" hx-disinherit="*">${own}</div>`;
        return `${prevent}${stream({ connect, content: item("old") })}${region}`;
      });
      await shows(page, "#own", ["own"]);
      await page.waitForSelector("#feed[data-mercure-state=stale]");
      assert.deepEqual([count, await page.locator("#feed p").allTextContents()], [1, ["old"]]);
    });

    it("keeps the region when the page's answer lacks it, as after the end of a session", async () => {
      let isAskedAgain = false;
      fixture.serve("/sign-in", "<h1>Sign in</h1>");
      const page = await fixture.open(() => {
        fixture.server.serve("/", () => {
          isAskedAgain = true;
          return { status: 302, headers: { Location: "/sign-in" } };
        });
        return stream({ connect, content: item("old") });
      });
      await eventually(() => assert.ok(isAskedAgain));
      fixture.server.publish(item("after"));
      await shows(page, "#feed p", ["old", "after"]);
      await page.waitForSelector("#feed[data-mercure-state=stale]");
    });

    it("is fetched less and less often while the page is stale again at once, as from a cache", async () => {
      let asked = 0;
      const page = await fixture.newPage();
      // The page's clock stands still, except when this test advances it, however slow the machine is.
      await page.clock.install({ time: 0 });
      await page.clock.pauseAt(1_000);
      fixture.serve("/", () => {
        asked += 1;
        return stream({ connect, content: item("old") });
      });
      const pass = async (done: () => boolean | Promise<boolean>) => {
        while (!(await done())) await page.clock.runFor(5);
      };
      const settle = (count: number) => pass(() => fixture.server.subscriptions.length === count);
      await page.goto(`${fixture.server.origin}/`);
      await settle(2);
      for (const [count, pause] of [
        [3, 2_000],
        [4, 4_000],
        [5, 8_000],
      ] as const) {
        await pass(() => page.locator("#feed[data-mercure-state=stale]").isVisible());
        await page.clock.runFor(pause / 2 - 100);
        await page.evaluate("fetch('/favicon.ico')");
        assert.equal(fixture.server.subscriptions.length, count - 1);
        await page.clock.runFor(pause / 2 + 200);
        await settle(count);
      }
      assert.equal(asked, 5);
    });

    it("keeps the field that the visitor is changing, and says so", async () => {
      const field = (value: string) => `<form><input id="draft" value="${value}"></form>`;
      const page = await fixture.newPage();
      let asked = 0;
      fixture.serve("/", () => {
        asked += 1;
        const { lastEventId } = fixture.server;
        const content = asked === 1 ? `${item("old")}${field("")}` : `${item("fresh")}${field("from the server")}`;
        return stream({ connect: `/hub?topic=messages&lastEventID=${lastEventId}`, content });
      });
      fixture.expectErrors(/reconnects in|htmx:sse:?[eE]rror|Failed to load resource/);
      await page.goto(`${fixture.server.origin}/`);
      await fixture.connected();
      fixture.server.publish(item("seen"));
      await shows(page, "#feed > p", ["old", "seen"]);
      await page.evaluate("kept = []; addEventListener('mercure:kept', ({ target }) => kept.push(target.id))");
      await page.focus("#draft");
      await page.keyboard.type("my words");
      await page.keyboard.press("ArrowLeft");
      fixture.server.forgetHistory();
      fixture.server.cut();
      await shows(page, "#feed > p", ["fresh"]);
      assert.equal(await page.inputValue("#draft"), "my words");
      assert.deepEqual(await page.evaluate("[document.activeElement.id, draft.selectionStart, kept]"), [
        "draft",
        7,
        ["draft"],
      ]);
    });
  });
});
