import { describe, it } from "node:test";
import type { Page } from "playwright-core";
import { onBothLines, shows } from "./client-fixture.js";

onBothLines((fixture) => {
  const item = (text: string, id = "b") => `<p id="${id}">${text}</p>`;
  const form = '<form hx-post="/items" hx-target="#feed" hx-swap="beforeend"><button id="add">Add</button></form>';

  async function open(): Promise<Page> {
    fixture.server.serve("/items", () => ({ status: 200, body: item("answer") + item("more", "c") }));
    const page = await fixture.open(fixture.stream({ content: item("a", "a") }) + form);
    await fixture.connected();
    return page;
  }

  describe("the answer of a form that brings the item of a stream", () => {
    it("replaces the item in place when the stream was faster", async () => {
      const page = await open();
      await page.route("**/items", async (route) => {
        fixture.server.publish(item("stream"));
        await shows(page, "#feed p", ["a", "stream"]);
        await route.continue();
      });
      await page.click("#add");
      await shows(page, "#feed p", ["a", "answer", "more"]);
    });

    it("is replaced in place when the answer was faster", async () => {
      const page = await open();
      await page.click("#add");
      await shows(page, "#feed p", ["a", "answer", "more"]);
      fixture.server.publish(item("stream"));
      await shows(page, "#feed p", ["a", "stream", "more"]);
    });

    it("is appended as usual to a list without a stream", async () => {
      const page = await fixture.open(`<div id="feed">${item("b")}</div>${form}`);
      fixture.server.serve("/items", () => ({ status: 200, body: item("answer") }));
      await page.click("#add");
      await shows(page, "#feed p", ["b", "answer"]);
    });
  });
});
