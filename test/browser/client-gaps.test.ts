import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { eventually, onBothLinesOr4, shows } from "./client-fixture.js";

onBothLinesOr4((fixture) => {
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

    it("stays unchanged when the page prevents the refetch, or fetches the content itself", async () => {
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
      // Only this test advances the page's clock, so a slow machine changes nothing.
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

  describe("a region that fetches itself again after a gap", () => {
    /** Opens a page whose region is the answer of `/region` after a gap. */
    async function open(content: string, answer: () => { status: number; body: string }) {
      const { lastEventId } = fixture.server;
      const region = (body: string) =>
        `<section id="region" hx-get="/region" hx-trigger="mercure:gap" hx-select="#region" hx-swap="outerHTML"
          hx-disinherit="*">${stream({ connect: `/hub?topic=messages&lastEventID=${lastEventId}` })}${body}</section>`;
      fixture.expectErrors(/reconnects in|htmx:sse:?[eE]rror|Failed to load resource|ERR_|sse|Response Status/);
      let isAsked = false;
      fixture.server.serve("/region", () => {
        isAsked = true;
        const { status, body } = answer();
        return { status, body: body.startsWith("<h1>") ? body : region(body) };
      });
      const page = await fixture.open(`${region(content)}<button id="elsewhere">x</button>`);
      await fixture.connected();
      await page.evaluate("kept = []; addEventListener('mercure:kept', ({ target }) => kept.push(target.id))");
      const gap = async () => {
        fixture.server.publish("<i>live</i>");
        await page.waitForSelector("#feed i");
        fixture.server.forgetHistory();
        fixture.server.cut();
        await eventually(() => assert.ok(isAsked));
      };
      return { page, gap };
    }
    const answer = (body: string) => () => ({ status: 200, body });
    const field = '<input id="draft">';

    it("keeps the field that the visitor is changing, and says so", async () => {
      const { page, gap } = await open(`${field}${item("old")}`, answer(`${field}${item("fresh")}`));
      await page.focus("#draft");
      await page.keyboard.type("my ");
      await gap();
      await shows(page, "#region > p", ["fresh"]);
      await page.keyboard.type("words");
      assert.deepEqual(await page.evaluate("[document.activeElement.id, draft.value, kept]"), [
        "draft",
        "my words",
        ["draft"],
      ]);
    });

    it("stays when the answer lacks the field that the visitor is changing", async () => {
      const { page, gap } = await open(`${field}${item("old")}`, answer(item("fresh")));
      await page.focus("#draft");
      await page.keyboard.type("my words");
      await gap();
      await eventually(async () => assert.deepEqual(await page.evaluate("kept"), ["draft"]));
      assert.deepEqual(await page.locator("#region > p").allTextContents(), ["old"]);
      assert.equal(await page.inputValue("#draft"), "my words");
    });

    it("keeps open details, scroll positions and the focus, even where the answer has autofocus", async () => {
      const rest = (text: string, more = "") =>
        `${item(text)}<details><summary>More</summary>x</details><div class="feed log">${"<i>line</i>".repeat(20)}</div>
          <input class="other" ${more}>`;
      const { page, gap } = await open(rest("old"), answer(rest("fresh", "autofocus")));
      await page.click("summary");
      await page.locator(".log").evaluate((log) => log.scrollTo(0, 120));
      await page.focus("#elsewhere");
      await gap();
      await shows(page, "#region > p", ["fresh"]);
      await page.waitForSelector("#region:not(.htmx-added)");
      const seen =
        "[document.querySelector('details').open, document.querySelector('.log').scrollTop, document.activeElement.id]";
      await eventually(async () => assert.deepEqual(await page.evaluate(seen), [true, 120, "elsewhere"]));
    });

    for (const [what, status] of [
      ["the answer lacks it, as after the end of a session", 200],
      ["the server cannot answer", 503],
    ] as const) {
      it(`stays when ${what}`, async () => {
        const { page, gap } = await open(item("old"), () => ({ status, body: "<h1>Sign in</h1>" }));
        const answered = page.waitForEvent("requestfinished", (request) => request.url().endsWith("/region"));
        await gap();
        await answered;
        await page.waitForFunction("mercure.state === 'stale'");
        fixture.server.publish("<i>after</i>");
        await shows(page, "#feed i", ["live", "after"]);
        assert.deepEqual(await page.locator("#region > p, h1").allTextContents(), ["old"]);
      });
    }
  });
});
