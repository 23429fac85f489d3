import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { after, before, describe, type TestContext, test } from "node:test";
import type { MercureOptions } from "../../src/index.js";
import { application } from "../support/application.js";
import { until } from "../support/until.js";
import { Firefox, withoutFirefox } from "./firefox.js";

const files = {
  "templates/page.njk": `<!doctype html><title>x</title>{{ mercure_scripts(htmx=line) }}
    <div id="place"><% MercureStream topic="a" auto_scroll private id="feed" %><% for text in texts %><p>{{ text }}</p><% endfor %><% endMercureStream %></div>`,
};

describe("a page in Firefox", { skip: withoutFirefox }, () => {
  let firefox: Firefox;

  before(async () => {
    firefox = await Firefox.launch();
  });

  after(() => firefox?.close());

  const textsBecome = async (texts: string[]) => {
    const read = "return [...document.querySelectorAll('#feed p')].map(({ textContent }) => textContent)";
    await until(async () => JSON.stringify(await firefox.evaluate(read)) === JSON.stringify(texts));
  };

  for (const line of [2, 4] as const) {
    test(`shows each message once and in order on htmx ${line}, through lost connections and the page cache`, async (t) => {
      const { kit, origin, cut } = await start(t, line);
      const publish = (text: string) => kit.sse.publish("a", `<p>${text}</p>`, { private: true });
      await firefox.goto(`${origin}/`);
      await publish("one");
      await publish("two");
      await textsBecome(["one", "two"]);

      cut();
      await publish("three");
      await textsBecome(["one", "two", "three"]);

      await firefox.evaluate("place.append(feed); htmx.process(document.body)");
      await publish("four");
      await textsBecome(["one", "two", "three", "four"]);
      assert.equal(kit.hub.connections, 1);

      await firefox.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))");
      await until(() => kit.hub.connections === 0);
      await publish("five");
      await firefox.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))");
      await textsBecome(["one", "two", "three", "four", "five"]);
      assert.equal(await firefox.evaluate("return mercure.state"), "open");
    });

    test(`keeps what the visitor does with an item that a message replaces, on htmx ${line}`, async (t) => {
      const { kit, origin } = await start(t, line);
      const item = (text: string) => `<div id="item"><b>${text}</b><input name="note"><input id="draft">
        <div class="log" style="height: 20px; overflow: auto">${"line<br>".repeat(9)}</div>
        <div id="hint" popover="manual">hint</div><dialog id="modal">modal</dialog></div>`;
      const publish = (text: string) => kit.sse.publish("a", item(text), { private: true });
      const becomes = (text: string, ...state: unknown[]) => {
        const read = `return document.querySelector("#item b")?.textContent === "${text}" && [
          document.querySelector("[name=note]").value, draft.value, document.activeElement.id,
          document.querySelector(".log").scrollTop, hint.matches(":popover-open"), modal.matches(":modal")]`;
        return until(async () => JSON.stringify(await firefox.evaluate(read)) === JSON.stringify(state));
      };
      await firefox.goto(`${origin}/`);
      await publish("old");
      await becomes("old", "", "", "", 0, false, false);
      await firefox.evaluate(`for (const field of [document.querySelector("[name=note]"), draft]) {
          field.focus();
          field.value = "my words";
          field.dispatchEvent(new InputEvent("input", { bubbles: true }));
        }
        document.querySelector(".log").scrollTo(0, 30);
        hint.showPopover();`);
      const kept = ["my words", "my words", "draft", 30, true] as const;
      await becomes("old", ...kept, false);
      // The script that keeps this state loads at the first change.
      await until(() =>
        firefox.evaluate(`const ui = performance.getEntriesByType("resource").find(({ name }) => /\\/ui-/.test(name));
        return ui !== undefined && import(ui.name).then(() => true);`),
      );
      await publish("new");
      await becomes("new", ...kept, false);
      await firefox.evaluate("modal.showModal()");
      await publish("newer");
      await becomes(
        "newer",
        "my words",
        "my words",
        await firefox.evaluate("return document.activeElement.id"),
        30,
        true,
        true,
      );
    });

    test(`is up to date after an absence longer than the history, on htmx ${line}`, async (t) => {
      const { kit, origin, texts, cut } = await start(t, line, { hub: { reconciliationLength: 1 } });
      const publish = (text: string) => {
        texts.push(text);
        return kit.sse.publish("a", `<p>${text}</p>`, { private: true });
      };
      await firefox.goto(`${origin}/`);
      await publish("one");
      await textsBecome(["one"]);
      await firefox.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))");
      await until(() => kit.hub.connections === 0);
      for (const text of ["two", "three", "four"]) await publish(text);
      await firefox.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))");
      await textsBecome(["one", "two", "three", "four"]);
      cut();
      await publish("five");
      await textsBecome(["one", "two", "three", "four", "five"]);
    });

    test(`says that its stream has ended for good, on htmx ${line}`, async (t) => {
      const { kit, origin } = await start(t, line);
      await firefox.goto(`${origin}/`);
      await until(() => kit.hub.connections === 1);
      await kit.sse.disconnect({ subject: "visitor" });
      await until(async () => (await firefox.evaluate("return mercure.state")) === "ended");
      await until(() => kit.hub.connections === 0);
    });
  }
});

async function start(t: TestContext, line: 2 | 4, options: MercureOptions = {}) {
  const texts: string[] = [];
  const { app, kit } = application(t, files, { subjectGetter: () => "visitor", ...options });
  app.get("/favicon.ico", (_req, res) => void res.sendStatus(204));
  app.get("/", (_req, res) => res.render("page", { line, texts }));
  const server = app.listen(0, "127.0.0.1");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise((resolve) => server.once("listening", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { kit, origin, texts, cut: () => server.closeAllConnections() };
}
