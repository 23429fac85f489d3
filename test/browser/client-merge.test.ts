import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Page } from "playwright-core";
import { eventually, onBothLines, shows } from "./client-fixture.js";

onBothLines((fixture) => {
  const { stream } = fixture;

  const item = (id: string, text: string) => `<p id="${id}">${text}</p>`;

  async function open(body: string): Promise<Page> {
    const page = await fixture.open(body);
    await fixture.connected();
    return page;
  }

  describe("an arriving element whose id is in the target already", () => {
    for (const swap of ["beforeend", "afterbegin", "beforeend swap:50ms", "beforeend settle:0ms transition:true"]) {
      it(`replaces the other, while new ones go where hx-swap="${swap}" says`, async () => {
        // The browser reports that the second message cut the first one's transition short, and htmx does not catch it.
        fixture.expectErrors(/Transition was skipped/);
        const page = await open(stream({ swap, content: item("a", "a") + item("b", "b") }));
        fixture.server.publish(item("c", "c"));
        fixture.server.publish(`${item("a", "A")}\n${item("d", "d")}\n${item("c", "C")}`);
        await shows(page, "#feed > p", swap === "afterbegin" ? ["d", "C", "A", "b"] : ["A", "b", "C", "d"]);
      });
    }

    it("can be a table's row", async () => {
      const row = (id: string, text: string) => `<tr id="${id}"><td>${text}</td></tr>`;
      const content = row("a", "a") + row("b", "b");
      const page = await open(`<table>${stream({ tag: "tbody", content })}</table>`);
      fixture.server.publish(row("a", "A"));
      fixture.server.publish(row("c", "c"));
      await shows(page, "tbody > tr > td", ["A", "b", "c"]);
    });

    for (const swap of ["beforebegin", "afterend"]) {
      it(`replaces the other beside the target of hx-swap="${swap}"`, async () => {
        const page = await open(`<div id="list">${stream({ swap })}</div>`);
        fixture.server.publish(item("a", "a"));
        fixture.server.publish(item("b", "b"));
        fixture.server.publish(item("a", "A"));
        await shows(page, "#list > p", swap === "beforebegin" ? ["A", "b"] : ["b", "A"]);
      });
    }

    it("can be a shape of a drawing, and so can all elements of a message", async () => {
      const circle = (id: string, text: string) => `<circle id="${id}" r="5"><title>${text}</title></circle>`;
      const page = await open(`<svg>${stream({ tag: "g", content: circle("a", "a") })}</svg>`);
      fixture.server.publish(`${circle("b", "b")}<rect width="1" height="1"/><text>free</text>`);
      fixture.server.publish(`${circle("a", "A")}${circle("c", "c")}`);
      await shows(page, "circle title", ["A", "b", "c"]);
      const names = "[...feed.querySelectorAll('*')].map(({ namespaceURI }) => namespaceURI)";
      assert.deepEqual([...new Set((await page.evaluate(names)) as string[])], ["http://www.w3.org/2000/svg"]);
    });

    it("can be a form with a field of the name id, and keeps the reader's text", async () => {
      const form = (text: string, attributes = "") =>
        `<form id="a" ${attributes}><input type="hidden" name="id" value="7"><b>${text}</b><input name="note"></form>`;
      const page = await open(`${stream({ content: form("old") })}<button id="elsewhere">x</button>`);
      await page.fill("[name=note]", "my words");
      await page.focus("#elsewhere");
      // htmx 4 looks for such a form by its property `id`, which is the field, unless the message names the form.
      const style = fixture.line === 2 ? "true" : "outerHTML:#a";
      for (const [text, attributes] of [
        ["in place", ""],
        ["out of band", `hx-swap-oob="${style}"`],
      ] as const) {
        fixture.server.publish(form(text, attributes));
        await shows(page, "form b", [text]);
        await eventually(async () => assert.equal(await page.inputValue("[name=note]"), "my words"));
      }
    });

    it("replaces nothing outside of the target", async () => {
      const page = await open(`${item("a", "outside")}${stream({ content: `<div>${item("a", "inside")}</div>` })}`);
      fixture.server.publish(item("a", "new"));
      await shows(page, "#a", ["outside", "new"]);
    });

    it("is swapped as usual in other swap styles", async () => {
      const page = await open(stream({ swap: "innerHTML", content: item("a", "a") + item("b", "b") }));
      fixture.server.publish(item("a", "A"));
      await shows(page, "#feed > p", ["A"]);
    });

    it("receives each message of a burst when each message replaces it", async () => {
      const receiver = (text: string) => `<p id="a" ${fixture.types("a")} hx-swap="outerHTML">${text}</p>`;
      const page = await open(
        `<div ${fixture.connection("/hub?topic=messages&lastEventID=start")}>${receiver("0")}</div>`,
      );
      fixture.server.write(
        ["1", "2", "3"].map((text) => `id: urn:${text}\nevent: a\ndata: ${receiver(text)}\n\n`).join(""),
      );
      await shows(page, "#a", ["3"]);
    });

    it("can name its types as on htmx 2, on both lines", async () => {
      const receiver = (text: string) => `<p id="a" sse-swap="a, b" hx-swap="outerHTML">${text}</p>`;
      const page = await open(
        `<div ${fixture.connection("/hub?topic=messages&lastEventID=start")}>${receiver("0")}</div>`,
      );
      for (const [type, text] of [
        ["a", "1"],
        ["b", "2"],
        ["a", "3"],
      ] as const) {
        fixture.server.write(`id: urn:${text}\nevent: ${type}\ndata: ${receiver(text)}\n\n`);
        await shows(page, "#a", [text]);
      }
    });

    it("can have any id", async () => {
      const id = `1:x.y[0]'\\é`;
      const page = await open(stream({ content: item(id, "a") }));
      fixture.server.publish(item(id, "A"));
      await shows(page, "#feed > p", ["A"]);
    });

    it("keeps the focus and the selection in the field of the same id, and elements with hx-preserve", async () => {
      const edit = (text: string) =>
        `<p id="a"><input id="field" value="${text}"><b id="kept" hx-preserve>${text}</b></p>`;
      const page = await open(stream({ content: edit("first") }));
      await page.locator("#field").focus();
      await page.evaluate("field.setSelectionRange(1, 3); kept.textContent = 'by hand'");
      fixture.server.publish(edit("second"));
      await page.locator("#field[value=second]").waitFor();
      const state = await page.evaluate(
        "[document.activeElement.id, field.selectionStart, field.selectionEnd, kept.textContent]",
      );
      assert.deepEqual(state, ["field", 1, 3, "by hand"]);
    });

    it("is processed by htmx like any other", async () => {
      fixture.server.serve("/reply", "reply");
      const page = await open(stream({ content: item("a", "a") }));
      fixture.server.publish(`<p id="a"><button hx-get="/reply" hx-target="#a">Ask</button></p>`);
      await page.getByRole("button").click();
      await shows(page, "#a", ["reply"]);
    });

    it("moves to the place of new ones when its message deletes the old one", async () => {
      const page = await open(stream({ content: item("a", "a") + item("b", "b") }));
      fixture.server.publish(`<div id="a" hx-swap-oob="delete"></div>${item("a", "A")}`);
      await shows(page, "#feed > p", ["b", "A"]);
    });

    it("stays away when a listener cancels the message, and fires the usual events", async () => {
      const names =
        fixture.line === 2
          ? ["htmx:sseBeforeMessage", "htmx:sse-before-message", "htmx:sseMessage"]
          : ["htmx:sse:before:message", "htmx:sse:before:message", "htmx:sse:after:message"];
      const page = await open(`${stream({ content: item("a", "a") })}<p id="told"></p>`);
      await page.evaluate(`
      const dataOf = ({ detail }) => detail.message?.data ?? detail.data;
        const [first, second, last] = ${JSON.stringify(names)};
        feed.addEventListener(first, (event) => dataOf(event).includes("no") && event.preventDefault());
        feed.addEventListener(second, (event) => dataOf(event).includes("not") && event.preventDefault());
        feed.addEventListener(last, ({ detail }) => told.append((detail.message?.id ?? detail.lastEventId) + ";"));
      `);
      for (const text of ["no", "not", "yes"]) fixture.server.publish(item("a", text));
      await shows(page, "#told", ["urn:3;"]);
      await shows(page, "#feed > p", ["yes"]);
    });
  });

  describe("a message of out-of-band elements only", () => {
    const elsewhere = `<p id="elsewhere" hx-swap-oob="true">swapped</p>`;

    for (const swap of ["innerHTML", "beforeend", "afterbegin"]) {
      it(`leaves the target of hx-swap="${swap}" unchanged`, async () => {
        const page = await open(`<p id="elsewhere"></p>${stream({ swap, content: item("a", "a") })}`);
        fixture.server.publish(`\n${elsewhere}\n`);
        await shows(page, "#elsewhere", ["swapped"]);
        assert.equal(await page.locator("#feed").innerHTML(), item("a", "a"));
      });
    }

    it("can hold rows in a template", async () => {
      const content = `<tr id="row"><td>old</td></tr>`;
      const page = await open(
        `<table><tbody>${content}</tbody></table>${stream({ swap: "innerHTML", content: "kept" })}`,
      );
      fixture.server.publish(`<template><tr id="row" hx-swap-oob="true"><td>new</td></tr></template>`);
      await shows(page, "#row td", ["new"]);
      await shows(page, "#feed", ["kept"]);
    });

    it("deletes an item, and ignores one that is gone already", async () => {
      const page = await open(stream({ content: item("a", "a") + item("b", "b") }));
      const deletion = `<div id="a" hx-swap-oob="delete"></div>`;
      fixture.server.publish(deletion);
      fixture.server.publish(deletion);
      fixture.server.publish(item("c", "c"));
      await shows(page, "#feed > p", ["b", "c"]);
    });
  });

  describe("a message without content", () => {
    it("empties the target of innerHTML, as with the extension alone", async () => {
      const page = await open(stream({ swap: "innerHTML", content: "old" }));
      fixture.server.publish("");
      await shows(page, "#feed", [""]);
    });
  });

  describe("a swap with a view transition", () => {
    it("swaps each message of a burst once and in order, and skips no transition", async () => {
      const page = await open(stream({ swap: "beforeend transition:true" }));
      const texts = Array.from({ length: 40 }, (_, at) => `message ${at}`);
      for (const text of texts) fixture.server.publish(`<p>${text}</p>`);
      await shows(page, "#feed p", texts);
      fixture.server.publish('<p id="a">first</p>');
      fixture.server.publish('<p id="a">second</p>');
      await shows(page, "#a", ["second"]);
    });
  });

  describe("a burst of plain messages", () => {
    const last = fixture.line === 2 ? "htmx:sseMessage" : "htmx:sse:after:message";
    const burst = (...texts: string[]) =>
      fixture.server.write(texts.map((text) => `id: urn:${text}\ndata: <p>${text}</p>\n\n`).join(""));
    const run = (page: Page, script: string) => page.evaluate(`void (() => { ${script} })()`);

    it("is swapped message by message: the last event of each comes before the next message", async () => {
      const page = await open(stream());
      await run(
        page,
        `window.seen = []; addEventListener("${last}", () => seen.push(feed.lastElementChild.textContent))`,
      );
      const texts = Array.from({ length: 50 }, (_, at) => `${at}`);
      burst(...texts);
      await shows(page, "#feed > p", texts);
      await page.waitForFunction("seen.length === 50");
      assert.deepEqual(await page.evaluate("seen"), texts);
    });

    it("follows attributes that change meanwhile", async () => {
      const page = await open(`<div id="other"></div>${stream()}`);
      const changes = `const changes = [["hx-swap", "afterbegin"], ["hx-target", "#other"], ["hx-target", "this"]];`;
      await run(
        page,
        `${changes} addEventListener("${last}", () => feed.setAttribute(...(changes.shift() ?? ["a", "b"])))`,
      );
      burst("1", "2", "3", "4");
      await shows(page, "#feed > p", ["4", "2", "1"]);
      await shows(page, "#other > p", ["3"]);
    });

    if (fixture.line === 4) {
      it("reaches an element that becomes a receiver meanwhile", async () => {
        const page = await open(stream({ content: '<div id="inner" hx-swap="beforeend" hx-target="this"></div>' }));
        const once = "{ once: true }";
        await run(
          page,
          `addEventListener("${last}", () => inner.setAttribute("data-mercure-type", "message"), ${once})`,
        );
        burst("1", "2");
        await shows(page, "#inner > p", ["2"]);
        await shows(page, "#feed > p", ["1", "2"]);
      });
    }

    it("leaves out the messages that an extension of the page refuses", async () => {
      const page = await fixture.open("");
      const refuse = `({ data, message }) => !(data ?? message.data).includes("no")`;
      const define =
        fixture.line === 2
          ? `htmx.defineExtension("no", { onEvent: (name, { detail }) => name !== "htmx:sseBeforeMessage" || wants(detail) })`
          : `htmx.registerExtension("no", { htmx_sse_before_message: (element, detail) => wants(detail) })`;
      await run(page, `const wants = ${refuse}; ${define};`);
      const feed = JSON.stringify(`<div hx-ext="no">${stream()}</div>`);
      await run(page, `document.body.innerHTML = ${feed}; htmx.process(document.body)`);
      await fixture.connected();
      burst("1", "no", "2", "no 3", "4");
      await shows(page, "#feed > p", ["1", "2", "4"]);
    });
  });
});
