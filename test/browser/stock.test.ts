// Shows what docs/browser.md says about htmx and its extension alone, so that its table stays true.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Page } from "playwright-core";
import { eventually, onBothLines, outlivesServer, shows } from "./client-fixture.js";

onBothLines((fixture) => {
  const { line, stream } = fixture;
  const connect = "/hub?topic=messages&lastEventID=start";
  const item = (text: string, id = "") => `<p${id && ` id="${id}"`}>${text}</p>`;
  const texts = (page: Page) => page.locator("#feed p").allTextContents();

  const scripts = ["htmx.js", "sse.js"].map((name) => `<script src="/${name}"></script>`).join("");
  const pageOf = (body: string) => `<!doctype html><title>x</title>${scripts}${body}`;

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
    it(`${line === 2 ? "receives" : "lacks"} the updates between rendering and connecting`, async () => {
      const body = stream({ connect });
      fixture.server.publish(item("before"));
      const page = await open(body);
      await fixture.connected();
      fixture.server.publish(item("after"));
      await shows(page, "#feed p", line === 2 ? ["before", "after"] : ["after"]);
    });

    it(
      line === 2 ? "retries after a first answer of 502" : "shows a first answer of 502, and nobody retries",
      async () => {
        fixture.expectErrors(/502|sse|htmx|\[object Event\]/);
        fixture.server.refuse({ status: 502, body: item("bad gateway") });
        const page = await open(stream({ connect }));
        if (line === 2) await fixture.connected();
        else await shows(page, "#feed p", ["bad gateway"]);
        assert.equal(fixture.server.subscriptions.length, line === 2 ? 2 : 1);
      },
    );

    it(`${line === 2 ? "swaps" : "only dispatches"} a message with a type`, async () => {
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

    it("appends an item that arrives again", async () => {
      const page = await open(stream({ connect }));
      await fixture.connected();
      fixture.server.publish(item("old", "a"));
      fixture.server.publish(item("new", "a"));
      await shows(page, "#feed p", ["old", "new"]);
    });

    it(`${line === 2 ? "empties" : "leaves"} its target at a message of out-of-band elements only`, async () => {
      const page = await open(`${stream({ connect, swap: "innerHTML", content: item("old") })}<b id="n">1</b>`);
      await fixture.connected();
      fixture.server.publish('<b id="n" hx-swap-oob="true">2</b>');
      await shows(page, "#n", ["2"]);
      assert.deepEqual(await texts(page), line === 2 ? [] : ["old"]);
    });

    it("makes an unknown HTML element of a shape for a drawing", async () => {
      const page = await open(`<svg>${stream({ connect, tag: "g" })}</svg>`);
      await fixture.connected();
      fixture.server.publish('<circle id="c" r="5"/>');
      await page.locator("#c").waitFor({ state: "attached" });
      assert.equal(await page.evaluate("c.namespaceURI"), "http://www.w3.org/1999/xhtml");
    });

    it("overwrites the text that the visitor types", async () => {
      const field = (text: string) => `<p>${text}</p><input id="draft">`;
      const page = await open(stream({ connect, swap: "innerHTML", content: field("old") }));
      await fixture.connected();
      await page.focus("#draft");
      await page.keyboard.type("my words");
      fixture.server.publish(field("new"));
      await shows(page, "#feed p", ["new"]);
      assert.equal(await page.inputValue("#draft"), "");
    });

    it("moves the focus from the field of a visitor who types to an arriving element with autofocus", async () => {
      const page = await open(`${stream({ connect })}<input id="draft">`);
      await fixture.connected();
      await page.focus("#draft");
      await page.keyboard.type("my words");
      fixture.server.publish('<input id="other" autofocus>');
      await page.locator("#other:focus").waitFor();
    });

    it("ends the composition of an input method", async () => {
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

    it("connects while the browser renders its page in advance", async () => {
      const script = "Object.defineProperty(document, 'prerendering', { value: true })";
      const page = await open(stream({ connect }), script);
      await fixture.connected();
      assert.equal(await page.evaluate("document.prerendering"), true);
    });

    it(`${line === 2 ? "stays off" : "connects"} inside an element that htmx ignores`, async () => {
      const ignored = line === 2 ? "hx-disable" : "hx-ignore";
      await open(`${stream({ connect })}<div ${ignored}>${stream({ connect, id: "ignored" })}</div>`);
      await fixture.connected(line === 2 ? 1 : 2);
      assert.equal(fixture.server.subscriptions.length, line === 2 ? 1 : 2);
    });

    it(`${line === 2 ? "loses" : "does not swap"} messages of a burst whose receiver the first one replaces`, async () => {
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

    it("does not notice that the server has evicted its position", async () => {
      const page = await open(stream({ connect: "/hub?topic=messages&lastEventID=gone", content: item("old") }));
      await fixture.connected();
      fixture.server.publish(item("new"));
      await shows(page, "#feed p", ["old", "new"]);
    });

    it("appends the updates while the server restarts, after a message with an id", async () => {
      fixture.expectErrors(/sse|htmx|ERR_|\[object Event\]/);
      await outlivesServer(fixture, await open(stream({ connect })));
    });

    it(
      line === 2
        ? "repeats updates after a restart during which a proxy answers"
        : "repeats nothing after a restart during which a proxy answers",
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
    );

    for (const status of [401, 404]) {
      it(`asks again forever when a stream that was open is refused by ${status}`, async () => {
        fixture.expectErrors(/40[14]|sse|htmx|ERR_|\[object Event\]/);
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
      });

      it(
        line === 2
          ? `asks again when its first answer is ${status}`
          : `shows its first answer of ${status}, and nobody asks again`,
        async () => {
          fixture.expectErrors(/40[14]|sse|htmx|\[object Event\]/);
          fixture.server.refuse({ status, body: item("refused") });
          const page = await open(stream({ connect }));
          if (line === 2) return fixture.connected();
          await shows(page, "#feed p", ["refused"]);
          assert.equal(await page.evaluate("feed._htmx.sse"), undefined);
          assert.equal(fixture.server.subscriptions.length, 1);
        },
      );
    }

    it("stays on a connection that is silent, while the script of htmx-mercure replaces its own", async () => {
      const requests = (topic: string) =>
        fixture.server.subscriptions.filter(({ query }) => query.get("topic") === topic).length;
      fixture.server.headers = { "Mercure-Keep-Alive": "0.2" };
      await open(stream({ connect }));
      await fixture.connected();
      await fixture.open(stream({ connect: "/hub?topic=watched&lastEventID=start" }));
      await fixture.server.when(() => requests("watched") === 3);
      assert.equal(requests("messages"), 1);
    });

    it(`${line === 2 ? "receives" : "lacks"} the updates since another rendering of the same stream`, async () => {
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

    it(`${line === 2 ? "repeats updates" : "lacks updates"} after the back button, and its token is in the session storage`, async () => {
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

    it("shows the JSON of a subscription event", async () => {
      const page = await open(stream({ connect }));
      await fixture.connected();
      const event = JSON.stringify({ type: "Subscription", active: true });
      fixture.server.publish(event);
      await shows(page, "#feed", [event]);
    });

    it("ends when the hub says that its token has expired", async () => {
      const attribute = line === 2 ? "sse-close" : "hx-sse:close";
      const page = await open(stream({ connect, attributes: `${attribute}="mercure:close"` }));
      await fixture.connected();
      await page.clock.install();
      fixture.server.write("event: mercure:close\ndata: expired\n\n");
      await fixture.connected(0);
      await page.clock.runFor(300_000);
      assert.equal(fixture.server.subscriptions.length, 1);
    });

    it("leaves the position of a scrolled element with auto_scroll", async () => {
      const attributes = 'data-auto-scroll style="height: 40px; overflow-y: auto"';
      const page = await open(stream({ connect, attributes, content: item("old").repeat(9) }));
      await fixture.connected();
      fixture.server.publish(item("new"));
      await page.getByText("new").waitFor();
      await page.evaluate("new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))");
      assert.equal(await page.evaluate("feed.scrollTop"), 0);
    });
  });
});
