import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { after, before, describe, type TestContext, test } from "node:test";
import { application } from "../support/application.js";
import { until } from "../support/until.js";
import { Firefox, withoutFirefox } from "./firefox.js";

const files = {
  "templates/page.njk": `<!doctype html><title>x</title>{{ mercure_scripts(htmx=line) }}
    <div id="place"><% MercureStream topic="a" auto_scroll private id="feed" %><% endMercureStream %></div>`,
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
  }
});

async function start(t: TestContext, line: 2 | 4) {
  const { app, kit } = application(t, files);
  app.get("/favicon.ico", (_req, res) => void res.sendStatus(204));
  app.get("/", (_req, res) => res.render("page", { line }));
  const server = app.listen(0, "127.0.0.1");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise((resolve) => server.once("listening", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { kit, origin, cut: () => server.closeAllConnections() };
}
