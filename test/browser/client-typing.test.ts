import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Page } from "playwright-core";
import { eventually, onBothLines, shows } from "./client-fixture.js";

onBothLines((fixture) => {
  const form = (text: string) => `<div id="item"><b>${text}</b><input id="draft" value=""></div>`;
  const swaps = ["beforeend", "innerHTML", fixture.line === 4 ? "innerMorph" : "morph:innerHTML"];

  async function open(swap: string): Promise<Page> {
    const page = await fixture.open(fixture.morphing(fixture.stream({ swap, content: form("old") })));
    await fixture.connected();
    await page.evaluate("kept = []; addEventListener('mercure:kept', ({ target }) => kept.push(target.id))");
    await page.focus("#draft");
    return page;
  }

  for (const swap of swaps) {
    describe(`a field that the visitor is changing, under hx-swap="${swap}"`, () => {
      it("keeps its text and its selection when its region is replaced, and says so", async () => {
        const page = await open(swap);
        await page.keyboard.type("my words");
        await page.keyboard.press("ArrowLeft");
        fixture.server.publish(form("new"));
        await shows(page, "#item b", ["new"]);
        assert.deepEqual(await page.evaluate("[document.activeElement.id, draft.value, draft.selectionStart, kept]"), [
          "draft",
          "my words",
          7,
          ["draft"],
        ]);
      });

      it("keeps what an input method is composing", async () => {
        const page = await open(swap);
        await page.evaluate("ended = 0; draft.addEventListener('compositionend', () => (ended += 1))");
        const keyboard = await page.context().newCDPSession(page);
        const compose = (text: string) =>
          keyboard.send("Input.imeSetComposition", { text, selectionStart: text.length, selectionEnd: text.length });
        await compose("に");
        fixture.server.publish(form("new"));
        await shows(page, "#item b", ["new"]);
        assert.equal(await page.evaluate("ended"), 0);
        await compose("にほ");
        await keyboard.send("Input.insertText", { text: "日本" });
        await eventually(async () => assert.equal(await page.inputValue("#draft"), "日本"));
        assert.equal(await page.evaluate("ended"), 1);
      });

      it("stays with its region when the message lacks it", async () => {
        const page = await open(swap);
        await page.keyboard.type("my words");
        fixture.server.publish('<div id="item"><b>closed</b></div>');
        await eventually(async () => assert.deepEqual(await page.evaluate("kept"), ["draft"]));
        assert.deepEqual(await page.evaluate("[draft.value, document.activeElement.id]"), ["my words", "draft"]);
      });
    });
  }
});
