import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Page } from "playwright-core";
import { eventually, onBothLines, shows } from "./client-fixture.js";

onBothLines((fixture) => {
  const { stream } = fixture;
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

      it("keeps the text that an input method is composing", async () => {
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

  describe("a changed field that shares its name with others, without an id", () => {
    const values = ["a", "b", "c"];
    const group = (type: string, text: string) =>
      `<form id="item"><b>${text}</b>${values
        .map((value) => `<input type="${type}" name="group" value="${value}"${value === "a" ? " checked" : ""}>`)
        .join("")}</form>`;
    const state = "[...document.querySelectorAll('input')].map(({ value, checked }) => [value, checked].join(' '))";

    for (const swap of ["beforeend", "innerHTML"]) {
      for (const [type, expected] of [
        ["radio", ["a false", "b true", "c false"]],
        ["checkbox", ["a true", "b true", "c false"]],
      ] as const) {
        it(`stays in its own place, as a ${type} under hx-swap="${swap}"`, async () => {
          const page = await fixture.open(stream({ swap, content: group(type, "old") }));
          await fixture.connected();
          await page.check("[value=b]");
          for (const text of ["new", "newer"]) {
            fixture.server.publish(group(type, text));
            await shows(page, "#item b", [text]);
            await eventually(async () => assert.deepEqual(await page.evaluate(state), expected));
          }
          assert.equal(await page.evaluate("document.activeElement.value"), "b");
        });
      }
    }

    it("stays in its own item, when another item arrives before it", async () => {
      const list = (...ids: string[]) => ids.map((id) => `<p id="${id}">${id}<input name="comment"></p>`).join("");
      const page = await fixture.open(stream({ swap: "innerHTML", content: list("a", "b") }));
      await fixture.connected();
      await page.focus("#b input");
      await page.keyboard.type("about b");
      fixture.server.publish(list("c", "a", "b"));
      await shows(page, "#feed p", ["c", "a", "b"]);
      assert.deepEqual(await page.evaluate("[...document.querySelectorAll('input')].map(({ value }) => value)"), [
        "",
        "",
        "about b",
      ]);
    });
  });

  describe("an arriving element with autofocus", () => {
    const focus = (id: string) => `<p id="${id}">${id}</p><input class="other" autofocus>`;
    const focused = "document.activeElement.id || document.activeElement.className";

    /** Opens a page with a field outside the stream, which has the focus. */
    async function openBeside(body: string | (() => string)): Promise<Page> {
      const page = await fixture.open(() => `${typeof body === "string" ? body : body()}<input id="draft">`);
      await fixture.connected();
      await page.focus("#draft");
      return page;
    }

    /** htmx moves the focus at the moment that it removes the class of new elements. */
    const settled = (page: Page, id: string) => page.waitForSelector(`#${id}:not(.htmx-added)`);

    /** Opens a page whose stream, fetched again after a gap, has a field with `autofocus`. */
    async function openRefetched(): Promise<Page> {
      fixture.expectErrors(/reconnects in|htmx:sse:?[eE]rror|ERR_/);
      let renderings = 0;
      const page = await openBeside(() => {
        renderings += 1;
        const connect = `/hub?topic=messages&lastEventID=${fixture.server.lastEventId}`;
        return stream({ connect, content: renderings === 1 ? "" : focus("fresh") });
      });
      fixture.server.publish('<p id="live">live</p>');
      await page.waitForSelector("#live");
      return page;
    }

    /** Makes the client fetch the stream again after a gap. */
    async function refetch(page: Page): Promise<void> {
      fixture.server.forgetHistory();
      fixture.server.cut();
      await settled(page, "fresh");
    }

    for (const [how, swap, message] of [
      ["appended", "beforeend", focus("new")],
      ["in place of the content of the stream", "innerHTML", focus("new")],
      ["inside an item that is replaced in place", "beforeend", `<div id="old">${focus("new")}</div>`],
      ["out of band", "none", `<div id="old" hx-swap-oob="true">${focus("new")}</div>`],
      [
        "out of band in a template",
        "none",
        `<template><div id="old" hx-swap-oob="true">${focus("new")}</div></template>`,
      ],
    ] as const) {
      it(`leaves the focus in a field that the visitor is changing, ${how}`, async () => {
        const page = await openBeside(stream({ swap, content: '<div id="old">old</div>' }));
        await page.keyboard.type("my ");
        fixture.server.publish(message);
        await settled(page, message.includes('"old"') ? "old" : "new");
        await page.waitForSelector("#new");
        await page.keyboard.type("words");
        assert.deepEqual(await page.evaluate(`[${focused}, draft.value]`), ["draft", "my words"]);
      });
    }

    it("leaves the focus there when the stream is fetched again after a gap", async () => {
      const page = await openRefetched();
      await page.keyboard.type("my ");
      await refetch(page);
      await page.keyboard.type("words");
      assert.deepEqual(await page.evaluate(`[${focused}, draft.value]`), ["draft", "my words"]);
    });

    it("takes no focus when the stream is fetched again after a gap, even from a visitor who only reads", async () => {
      const page = await openRefetched();
      await refetch(page);
      assert.equal(await page.evaluate(focused), "draft");
    });

    it("takes the focus as the answer of a form of the author, even while the visitor is changing another field", async () => {
      fixture.server.serve("/answer", () => ({ status: 200, body: focus("answer") }));
      const page = await openBeside(
        `${stream()}<button hx-get="/answer" hx-target="#feed" hx-swap="beforeend">ask</button>`,
      );
      await page.keyboard.type("my words");
      await page.evaluate("document.querySelector('button').click()");
      await page.waitForSelector(".other:focus");
    });

    it("takes the focus from a field without a change", async () => {
      const page = await openBeside(stream());
      fixture.server.publish(focus("new"));
      await eventually(async () => assert.equal(await page.evaluate(focused), "other"));
    });
  });

  describe("a field with the focus and no change", () => {
    for (const field of [
      '<input type="checkbox">',
      '<input type="radio">',
      '<input type="range">',
      '<input type="color">',
      '<input type="color" value="#ABCDEF">',
      '<input type="email" value=" a@example.com ">',
      "<select><option>a<option>b</select>",
      "<select multiple><option>a<option>b</select>",
      "<textarea>\n\nabc</textarea>",
    ]) {
      it(`lets its region follow the server: ${field}`, async () => {
        const item = (text: string) => `<div id="item">${field} <b>${text}</b></div>`;
        const page = await fixture.open(fixture.stream({ content: item("old") }));
        await fixture.connected();
        await page.focus("#item :is(input, select, textarea)");
        fixture.server.publish(item("new"));
        await shows(page, "#item b", ["new"]);
      });
    }
  });

  for (const swap of swaps) {
    it(`keeps the caret of an editable element that the visitor is changing, under hx-swap="${swap}"`, async () => {
      const item = (text: string) => `<div id="item"><p contenteditable id="draft">abc</p><b>${text}</b></div>`;
      const page = await fixture.open(fixture.morphing(fixture.stream({ swap, content: item("old") })));
      await fixture.connected();
      await page.focus("#draft");
      await page.evaluate("getSelection().setBaseAndExtent(draft.firstChild, 3, draft.firstChild, 3)");
      await page.keyboard.type("de");
      await page.keyboard.press("ArrowLeft");
      fixture.server.publish(item("new"));
      await shows(page, "#item b", ["new"]);
      await eventually(async () => assert.equal(await page.evaluate("getSelection().anchorOffset"), 4));
      await page.keyboard.type("X");
      assert.equal(await page.textContent("#draft"), "abcdXe");
    });
  }
});
