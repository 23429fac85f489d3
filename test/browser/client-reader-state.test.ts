import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Page } from "playwright-core";
import { eventually, onBothLines, shows } from "./client-fixture.js";

onBothLines((fixture) => {
  const item = (text: string) =>
    `<div id="item"><b>${text}</b>
    <details><summary>More</summary>${text}</details>
    <div class="feed log">${"<i>line</i>".repeat(20)}</div>
    <form><input name="title" value="${text}"><input type="checkbox" name="done">
      <textarea name="note"></textarea><select name="list"><option>a<option>b</select>
      <select name="tags" multiple><option>a<option>b<option>c</select></form>
    <p class="free" contenteditable>${text}</p></div>`.replaceAll("\n", "");
  const state = `(() => {
    const one = (name) => item.querySelector(name);
    const { elements } = one("form");
    return [one("details").open, one(".log").scrollTop, elements.title.value, elements.done.checked,
      elements.note.value, elements.list.value, [...elements.tags.selectedOptions].map(({ value }) => value),
      one(".free").textContent];
  })()`;
  const outOfBand = (html: string) => html.replace('id="item"', 'id="item" hx-swap-oob="true"');

  /** The ways of a message to replace an item: the swap of the stream, and its message. */
  const ways: [how: string, swap: string, message: (html: string) => string][] = [
    ["in place", "beforeend", (html) => html],
    ["with its region", "innerHTML", (html) => html],
    ["out of band", "beforeend", outOfBand],
    ["out of band beside other content", "beforeend", (html) => `${outOfBand(html)}<hr>`],
    ["by morphing", fixture.line === 2 ? "morph:innerHTML" : "innerMorph", (html) => html],
  ];

  async function open(content: string, swap = "beforeend"): Promise<Page> {
    const page = await fixture.open(
      fixture.morphing(`${fixture.stream({ swap, content })}<button id="elsewhere">x</button>`),
    );
    await fixture.connected();
    return page;
  }

  const hasState = async (page: Page, expected: unknown[]) =>
    eventually(async () => assert.deepEqual(await page.evaluate(state), expected));

  for (const [how, swap, message] of ways) {
    const publish = (html: string) => fixture.server.publish(message(html));

    describe(`an item that a message replaces ${how}`, () => {
      it("keeps open details, scroll positions and unsent text, also through a burst", async () => {
        const page = await open(item("old"), swap);
        await page.click("summary");
        await page.locator(".log").evaluate((log) => log.scrollTo(0, 120));
        await page.fill("[name=title]", "my title");
        await page.check("[name=done]");
        await page.fill("[name=note]", "my note");
        await page.selectOption("[name=list]", "b");
        await page.selectOption("[name=tags]", ["a", "c"]);
        await page.fill(".free", "my words");
        await page.focus("#elsewhere");
        const kept = [true, 120, "my title", true, "my note", "b", ["a", "c"], "my words"];
        await hasState(page, kept);
        for (const texts of [["1"], ["2", "3", "4"]]) {
          for (const text of texts) publish(item(text));
          await shows(page, "#item b", texts.slice(-1));
          await hasState(page, kept);
        }
      });

      it("follows the server wherever the reader has changed nothing", async () => {
        const page = await open(item("old"), swap);
        await page.click("summary");
        await page.click("summary");
        publish(item("new").replace('name="done"', 'name="done" checked'));
        await hasState(page, [false, 0, "new", true, "", "a", [], "new"]);
      });

      it("shows the server's text in a field whose text has been sent", async () => {
        const page = await open(item("old"), swap);
        await page.fill("[name=note]", "my note");
        await page.evaluate("addEventListener('submit', (event) => event.preventDefault())");
        await page.evaluate("item.querySelector('form').requestSubmit()");
        // Morphing leaves the text of a field alone while the server's text is the same.
        if (how === "by morphing") await page.evaluate("item.querySelector('form').reset()");
        await page.focus("#elsewhere");
        publish(item("new"));
        await hasState(page, [false, 0, "new", false, "", "a", [], "new"]);
      });

      it("keeps dialogs and popovers open, and the focus in them", async () => {
        const layers = (text: string) => `<div id="item"><b>${text}</b>
          <dialog class="plain">plain</dialog><dialog id="modal"><button class="in">in</button></dialog>
          <div popover id="hint">hint</div><div popover="manual" class="note">note</div></div>`;
        const page = await open(layers("old"), swap);
        await page.evaluate(`elsewhere.addEventListener("click", () => document.querySelector(".plain").show())`);
        await page.click("#elsewhere");
        await page.waitForFunction("document.querySelector('.plain').open");
        await page.evaluate("modal.showModal(), document.querySelector('.note').showPopover(), hint.showPopover()");
        await page.focus(".in");
        const layersShown = `[...document.querySelectorAll("dialog, [popover]")].map((each) =>
          [each.open, each.matches(":modal"), each.matches(":popover-open")].map(Number).join(""))
          .concat(document.activeElement.className)`;
        const expected = ["100", "110", "001", "001", "in"];
        await page.waitForFunction("!!document.querySelector('.in:focus')");
        publish(layers("new"));
        await shows(page, "#item b", ["new"]);
        await page.waitForSelector("#item:not(.htmx-added):not(.htmx-settling)");
        await eventually(async () => {
          const seen: unknown[] = await page.evaluate(layersShown);
          // Elements that are not dialogs have no property `open`.
          assert.deepEqual(
            seen.map((each) => String(each).replace("NaN", "0")),
            expected,
          );
        });
        await page.evaluate("modal.close(), hint.hidePopover(), document.querySelector('.plain').close()");
        await page.evaluate("document.querySelector('.note').hidePopover()");
        publish(layers("newer"));
        await shows(page, "#item b", ["newer"]);
        assert.equal(await page.locator("dialog[open], :popover-open").count(), 0);
      });

      it("keeps the focus on a control without an id", async () => {
        const controls = (text: string) =>
          `<div id="item"><b>${text}</b><button>1</button><button class="two">2</button></div>`;
        const page = await open(controls("old"), swap);
        await page.focus(".two");
        publish(controls("new"));
        await shows(page, "#item b", ["new"]);
        await page.waitForSelector(".two:focus");
      });

      it("keeps a video and a frame with hx-preserve", async () => {
        const media = (text: string) =>
          `<div id="item"><b>${text}</b><video id="film" hx-preserve></video><iframe id="map" src="/map" hx-preserve></iframe></div>`;
        fixture.server.serve("/map", "<p>map</p>");
        const page = await open(media("old"), swap);
        await page.frameLocator("#map").locator("p").waitFor();
        await page.evaluate("before = film, map.contentWindow.mark = 'same'");
        publish(media("new"));
        await shows(page, "#item b", ["new"]);
        assert.deepEqual(await page.evaluate("[film === before, map.contentWindow.mark]"), [true, "same"]);
      });
    });
  }

  it("brings an unsent text into no field of another item", async () => {
    const list = (...names: string[]) => names.map((name) => `<p>${name}<input name="comment"></p>`).join("");
    const page = await open(list("a"), "innerHTML");
    await page.fill("input", "about a");
    await page.focus("#elsewhere");
    fixture.server.publish(list("b", "a"));
    await shows(page, "#feed p", ["b", "a"]);
    await page.evaluate("new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))");
    assert.deepEqual(
      await page.locator("input").evaluateAll((fields) => fields.map((field) => (field as HTMLInputElement).value)),
      ["", ""],
    );
  });
});
