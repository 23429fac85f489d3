// Shows what docs/browser.md says about htmx and its extension alone. test/docs/situations.test.ts compares its table.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Page } from "playwright-core";
import { eventually, onBothLines, outlivesServer, shows } from "./client-fixture.js";
import { type Situation, situations } from "./situations.js";

onBothLines((fixture) => {
  const { line, stream } = fixture;
  const connect = "/hub?topic=messages&lastEventID=start";
  const item = (text: string, id = "") => `<p${id && ` id="${id}"`}>${text}</p>`;
  const texts = (page: Page) => page.locator("#feed p").allTextContents();

  const scriptsOf = (how: string) =>
    ["htmx.js", "sse.js"].map((name) => `<script ${how} src="/${name}"></script>`).join("");
  const pageOf = (body: string, how = "") => `<!doctype html><title>x</title>${scriptsOf(how)}${body}`;
  const refusals: [Situation, status: number][] = [
    ["The hub refuses with 401", 401],
    ["A 404 or a page of a proxy during a deployment", 404],
    ["A 404 or a page of a proxy during a deployment", 200],
  ];
  const shownSituations = new Set<string>();

  /**
   * Shows a cell of the table. Its test has the name of the situation and what docs/browser.md says.
   *
   * @param part - The part of the cell, where several tests show it.
   */
  function cell(situation: Situation, check: () => Promise<void>, part = ""): void {
    shownSituations.add(situation);
    it(`${situation}: ${situations[situation][line === 2 ? 0 : 1]}${part && ` (${part})`}`, check);
  }

  /**
   * Opens a page with the scripts of htmx alone.
   *
   * @param script - Runs before all others.
   */
  async function open(body: string, script = ""): Promise<Page> {
    fixture.server.serve("/", () => ({ status: 200, body: pageOf(body) }));
    const page = await fixture.newPage();
    await page.addInitScript(script);
    await page.goto(`${fixture.server.origin}/`);
    return page;
  }

  describe("with htmx and its extension alone, a stream", () => {
    cell("Updates between rendering and connecting", async () => {
      const body = stream({ connect });
      fixture.server.publish(item("before"));
      const page = await open(body);
      await fixture.connected();
      fixture.server.publish(item("after"));
      await shows(page, "#feed p", line === 2 ? ["before", "after"] : ["after"]);
    });

    cell("The first answer is 502", async () => {
      fixture.expectErrors(/502|sse|htmx|\[object Event\]/);
      fixture.server.refuse({ status: 502, body: item("bad gateway") });
      const page = await open(stream({ connect }));
      if (line === 2) await fixture.connected();
      else await shows(page, "#feed p", ["bad gateway"]);
      assert.equal(fixture.server.subscriptions.length, line === 2 ? 2 : 1);
    });

    cell("A message has a type", async () => {
      const page = await open(
        `<div ${fixture.connection(connect)}><div id="feed" ${fixture.types("news")} hx-swap="beforeend"></div></div>`,
      );
      await fixture.connected();
      await page.evaluate("heard = []; addEventListener('news', () => heard.push('news'), true)");
      fixture.server.publish(item("typed"), { type: "news" });
      if (line === 2) await shows(page, "#feed p", ["typed"]);
      else {
        await eventually(async () => assert.deepEqual(await page.evaluate("heard"), ["news"]));
        assert.deepEqual(await texts(page), []);
      }
    });

    cell("An item arrives again", async () => {
      const page = await open(stream({ connect }));
      await fixture.connected();
      fixture.server.publish(item("old", "a"));
      fixture.server.publish(item("new", "a"));
      await shows(page, "#feed p", ["old", "new"]);
    });

    cell("A message of out-of-band elements only", async () => {
      const page = await open(`${stream({ connect, swap: "innerHTML", content: item("old") })}<b id="n">1</b>`);
      await fixture.connected();
      fixture.server.publish('<b id="n" hx-swap-oob="true">2</b>');
      await shows(page, "#n", ["2"]);
      assert.deepEqual(await texts(page), line === 2 ? [] : ["old"]);
    });

    cell("A shape for a drawing", async () => {
      const page = await open(`<svg>${stream({ connect, tag: "g" })}</svg>`);
      await fixture.connected();
      fixture.server.publish('<circle id="c" r="5"/>');
      await page.locator("#c").waitFor({ state: "attached" });
      assert.equal(await page.evaluate("c.namespaceURI"), "http://www.w3.org/1999/xhtml");
    });

    cell("Content arrives where the visitor types", async () => {
      const field = (text: string) => `<p>${text}</p><input id="draft">`;
      const page = await open(stream({ connect, swap: "innerHTML", content: field("old") }));
      await fixture.connected();
      await page.focus("#draft");
      await page.keyboard.type("my words");
      fixture.server.publish(field("new"));
      await shows(page, "#feed p", ["new"]);
      assert.equal(await page.inputValue("#draft"), "");
    });

    cell("An element with `autofocus` arrives while the visitor types", async () => {
      const page = await open(`${stream({ connect })}<input id="draft">`);
      await fixture.connected();
      await page.focus("#draft");
      await page.keyboard.type("my words");
      fixture.server.publish('<input id="other" autofocus>');
      await page.locator("#other:focus").waitFor();
    });

    cell("An input method composes text there", async () => {
      const field = (text: string) => `<p>${text}</p><input id="draft">`;
      const page = await open(stream({ connect, swap: "innerHTML", content: field("old") }));
      await fixture.connected();
      await page.focus("#draft");
      const keyboard = await page.context().newCDPSession(page);
      await keyboard.send("Input.imeSetComposition", { text: "に", selectionStart: 1, selectionEnd: 1 });
      assert.equal(await page.inputValue("#draft"), "に");
      fixture.server.publish(field("new"));
      await shows(page, "#feed p", ["new"]);
      assert.equal(await page.inputValue("#draft"), "");
    });

    cell("The browser renders the page in advance", async () => {
      const script = "Object.defineProperty(document, 'prerendering', { value: true })";
      const page = await open(stream({ connect }), script);
      await fixture.connected();
      assert.equal(await page.evaluate("document.prerendering"), true);
    });

    cell("A stream inside `hx-disable` or `hx-ignore`", async () => {
      const ignored = line === 2 ? "hx-disable" : "hx-ignore";
      await open(`${stream({ connect })}<div ${ignored}>${stream({ connect, id: "ignored" })}</div>`);
      await fixture.connected(line === 2 ? 1 : 2);
      assert.equal(fixture.server.subscriptions.length, line === 2 ? 1 : 2);
    });

    cell('Messages in a burst replace their receiver, `hx-swap="outerHTML"`', async () => {
      const receiver = (text: string) => `<p id="a" ${fixture.types("a")} hx-swap="outerHTML">${text}</p>`;
      const page = await open(`<div ${fixture.connection(connect)}>${receiver("0")}<b id="n"></b></div>`);
      await fixture.connected();
      // htmx 2 processes new elements by a timer, which would fire between the messages on a slow machine.
      await page.clock.install({ time: 0 });
      await page.clock.pauseAt(1_000);
      await page.evaluate("heard = 0; addEventListener('a', () => (heard += 1), true)");
      const burst = ["1", "2", "3"].map((text) => `id: urn:${text}\nevent: a\ndata: ${receiver(text)}\n\n`);
      fixture.server.write(burst.join(""));
      if (line === 4) await eventually(async () => assert.equal(await page.evaluate("heard"), 3));
      await shows(page, "#a", [line === 2 ? "1" : "0"]);
    });

    cell("The server has evicted the position", async () => {
      const page = await open(stream({ connect: "/hub?topic=messages&lastEventID=gone", content: item("old") }));
      await fixture.connected();
      fixture.server.publish(item("new"));
      await shows(page, "#feed p", ["old", "new"]);
    });

    cell("The server restarts", async () => {
      fixture.expectErrors(/sse|htmx|ERR_|\[object Event\]/);
      await outlivesServer(fixture, await open(stream({ connect })));
    });

    cell(
      "The server restarts",
      async () => {
        fixture.expectErrors(/502|sse|htmx|ERR_|\[object Event\]/);
        const page = await open(stream({ connect }));
        await fixture.connected();
        fixture.server.publish(item("before"));
        await shows(page, "#feed p", ["before"]);
        fixture.server.refuse({ status: 502 });
        fixture.server.cut();
        await fixture.server.when(() => fixture.server.subscriptions.length === 3);
        await fixture.connected();
        fixture.server.publish(item("after"));
        await shows(page, "#feed p", line === 2 ? ["before", "before", "after"] : ["before", "after"]);
      },
      "with a proxy that answers",
    );

    for (const [situation, status] of refusals) {
      cell(
        situation,
        async () => {
          fixture.expectErrors(/40[14]|sse|htmx|ERR_|MIME|\[object Event\]/);
          const page = await open(stream({ connect }));
          await fixture.connected();
          await page.clock.install();
          fixture.server.refuse(...Array.from({ length: 8 }, () => ({ status, body: item("refused") })));
          fixture.server.cut();
          await eventually(async () => {
            // The max pause of both scripts is about a minute.
            await page.clock.runFor(80_000);
            assert.ok(fixture.server.subscriptions.length > 9);
          });
          assert.deepEqual(await texts(page), []);
        },
        `${status} later`,
      );

      cell(
        situation,
        async () => {
          fixture.expectErrors(/40[14]|sse|htmx|MIME|\[object Event\]/);
          fixture.server.refuse({ status, body: item("refused") });
          const page = await open(stream({ connect }));
          if (line === 2) return fixture.connected();
          await shows(page, "#feed p", ["refused"]);
          assert.equal(await page.evaluate("feed._htmx.sse"), undefined);
          assert.equal(fixture.server.subscriptions.length, 1);
        },
        `${status} first`,
      );
    }

    cell("The connection is silent", async () => {
      const requests = (topic: string) =>
        fixture.server.subscriptions.filter(({ query }) => query.get("topic") === topic).length;
      fixture.server.headers = { "Mercure-Keep-Alive": "0.2" };
      await open(stream({ connect }));
      await fixture.connected();
      await fixture.open(stream({ connect: "/hub?topic=watched&lastEventID=start" }));
      await fixture.server.when(() => requests("watched") === 3);
      assert.equal(requests("messages"), 1);
    });

    cell("Another element with the same stream is rendered", async () => {
      fixture.server.serve("/fresh", () => {
        const position = fixture.server.publish(item("rendered"));
        fixture.server.publish(item("during"));
        const content = item("all so far");
        return { status: 200, body: stream({ connect: `/hub?topic=messages&lastEventID=${position}`, content }) };
      });
      const page = await open(`${stream({ connect })}<button hx-get="/fresh" hx-target="#feed" hx-swap="outerHTML">`);
      await fixture.connected();
      await page.getByRole("button").click();
      await page.getByText("all so far").waitFor();
      await fixture.server.when(() => fixture.server.subscriptions.length === 2);
      fixture.server.publish(item("after"));
      await shows(page, "#feed p", line === 2 ? ["all so far", "during", "after"] : ["all so far", "after"]);
    });

    cell("The back button, with a snapshot of the page", async () => {
      const link = '<a href="/lobby" hx-get="/lobby" hx-push-url="true" hx-target="main">Lobby</a>';
      const cache = line === 2 ? "" : '<script src="/history.js"></script>';
      fixture.server.serve("/lobby", "<h1>Lobby</h1>");
      const page = await open(
        `${cache}<main>${stream({ connect: `${connect}&authorization=the.token` })}</main>${link}`,
      );
      await fixture.connected();
      fixture.server.publish(item("here"));
      await shows(page, "#feed p", ["here"]);
      await page.getByRole("link").click();
      await page.getByRole("heading").waitFor();
      assert.match(String(await page.evaluate("JSON.stringify({ ...sessionStorage })")), /the\.token/);
      fixture.server.publish(item("away"));
      await page.goBack();
      await fixture.server.when(() => fixture.server.subscriptions.length === 2);
      fixture.server.publish(item("back"));
      await shows(page, "#feed p", line === 2 ? ["here", "here", "away", "back"] : ["here", "back"]);
    });

    cell("Subscription events, which are JSON", async () => {
      const page = await open(stream({ connect }));
      await fixture.connected();
      const event = JSON.stringify({ type: "Subscription", active: true });
      fixture.server.publish(event);
      await shows(page, "#feed", [event]);
    });

    cell("A token expires", async () => {
      const attribute = line === 2 ? "sse-close" : "hx-sse:close";
      const page = await open(stream({ connect, attributes: `${attribute}="mercure:close"` }));
      await fixture.connected();
      await page.clock.install();
      fixture.server.write("event: mercure:close\ndata: expired\n\n");
      await fixture.connected(0);
      await page.clock.runFor(300_000);
      assert.equal(fixture.server.subscriptions.length, 1);
    });

    cell("`auto_scroll`", async () => {
      const attributes = 'data-auto-scroll style="height: 40px; overflow-y: auto"';
      const page = await open(stream({ connect, attributes, content: item("old").repeat(9) }));
      await fixture.connected();
      fixture.server.publish(item("new"));
      await page.getByText("new").waitFor();
      await page.evaluate("new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))");
      assert.equal(await page.evaluate("feed.scrollTop"), 0);
    });

    cell("The script tags have `defer`", async () => {
      const { server } = fixture;
      let deliver!: () => void;
      const isDue = new Promise<void>((resolve) => {
        deliver = resolve;
      });
      const extension = await (await fetch(`${server.origin}/sse.js`)).text();
      server.serve("/sse.js", async () => {
        await isDue;
        return { status: 200, headers: { "Content-Type": "text/javascript" }, body: extension };
      });
      server.serve("/", () => ({ status: 200, body: pageOf(stream({ connect }), "defer") }));
      const page = await fixture.newPage();
      await page.goto(`${server.origin}/`, { waitUntil: "commit" });
      await page.waitForFunction("'htmx' in window");
      // htmx 4 starts by a timer.
      await page.evaluate("new Promise((resolve) => setTimeout(resolve))");
      deliver();
      await page.waitForLoadState();
      if (line === 2) return fixture.connected();
      await page.evaluate("fetch('/favicon.ico')");
      assert.equal(server.subscriptions.length, 0);
      // The extension connects what htmx processes from now on.
      await page.evaluate("htmx.process(document.body)");
      await fixture.connected();
    });

    cell("The URL of the page has credentials", async () => {
      if (line === 4) fixture.expectErrors(/credentials|htmx|sse/);
      fixture.server.serve("/", () => ({ status: 200, body: pageOf(stream({ connect })) }));
      const page = await fixture.newPage();
      const refused = page.waitForEvent("console", (message) => line === 4 && /credentials/.test(message.text()));
      await page.goto(fixture.server.origin.replace("//", "//user:password@"));
      await Promise.race([fixture.connected(), refused]);
      assert.equal(fixture.server.subscriptions.length, line === 2 ? 1 : 0);
    });

    cell("Content is replaced after the visitor has typed, scrolled or opened `details`", async () => {
      const content = (text: string) =>
        `<p>${text}</p><details><summary>More</summary>x</details><input id="draft"><button id="elsewhere">x</button>`;
      const page = await open(stream({ connect, swap: "innerHTML", content: content("old") }));
      await fixture.connected();
      await page.click("summary");
      await page.fill("#draft", "my words");
      await page.focus("#elsewhere");
      fixture.server.publish(content("new"));
      await shows(page, "#feed p", ["new"]);
      assert.deepEqual(await page.evaluate("[document.querySelector('details').open, draft.value]"), [false, ""]);
    });

    cell("A dialog or popover in replaced content is open", async () => {
      const content = (text: string) => `<p>${text}</p><dialog id="modal">x</dialog><div popover id="hint">x</div>`;
      const page = await open(stream({ connect, swap: "innerHTML", content: content("old") }));
      await fixture.connected();
      await page.evaluate("modal.showModal(), hint.showPopover()");
      fixture.server.publish(content("new"));
      await shows(page, "#feed p", ["new"]);
      // htmx 2 gives an arriving element the attributes of the present one of its id for a moment.
      await page.waitForSelector("#feed:not(.htmx-settling)");
      await page.waitForFunction("!modal.open");
      assert.equal(await page.locator(":modal, :popover-open").count(), 0);
    });

    it("has a test for each situation", () => {
      assert.deepEqual([...shownSituations].sort(), Object.keys(situations).sort());
    });
  });
});
