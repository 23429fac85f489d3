import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Page } from "playwright-core";
import { eventually, onBothLines, shows } from "./client-fixture.js";

onBothLines((fixture) => {
  const item = (text: string) => `<div id="item"><b>${text}</b>
    <details><summary>More</summary>${text}</details>
    <div class="feed log">${"<i>line</i>".repeat(20)}</div>
    <form><input name="title" value="${text}"><input type="checkbox" name="done">
      <textarea name="note"></textarea><select name="list"><option>a<option>b</select></form></div>`;
  const state = `(() => {
    const one = (name) => item.querySelector(name);
    const { elements } = one("form");
    return [one("details").open, one(".log").scrollTop, elements.title.value, elements.done.checked,
      elements.note.value, elements.list.value];
  })()`;

  async function open(): Promise<Page> {
    const page = await fixture.open(`${fixture.stream({ content: item("old") })}<button id="elsewhere">x</button>`);
    await fixture.connected();
    return page;
  }

  async function hasState(page: Page, expected: unknown[]): Promise<void> {
    await eventually(async () => assert.deepEqual(await page.evaluate(state), expected));
  }

  describe("an item that a message replaces in place", () => {
    it("keeps open details, scroll positions and unsent text, also through a burst", async () => {
      const page = await open();
      await page.click("summary");
      await page.locator(".log").evaluate((log) => log.scrollTo(0, 120));
      await page.fill("[name=title]", "my title");
      await page.check("[name=done]");
      await page.fill("[name=note]", "my note");
      await page.selectOption("[name=list]", "b");
      await page.focus("#elsewhere");
      const kept = [true, 120, "my title", true, "my note", "b"];
      await hasState(page, kept);
      for (const texts of [["1"], ["2", "3", "4"]]) {
        for (const text of texts) fixture.server.publish(item(text).replaceAll("\n", ""));
        await shows(page, "#item b", texts.slice(-1));
        await hasState(page, kept);
      }
    });

    it("follows the server wherever the reader has changed nothing", async () => {
      const page = await open();
      await page.click("summary");
      await page.click("summary");
      const fresh = item("new").replace('name="done"', 'name="done" checked');
      fixture.server.publish(fresh.replaceAll("\n", ""));
      await hasState(page, [false, 0, "new", true, "", "a"]);
    });

    it("takes the server's text for one that has been sent", async () => {
      const page = await open();
      await page.fill("[name=note]", "my note");
      await page.evaluate("addEventListener('submit', (event) => event.preventDefault())");
      await page.evaluate("item.querySelector('form').requestSubmit()");
      await page.focus("#elsewhere");
      fixture.server.publish(item("new").replaceAll("\n", ""));
      await hasState(page, [false, 0, "new", false, "", "a"]);
    });
  });
});
