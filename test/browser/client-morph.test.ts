import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { onBothLines, shows } from "./client-fixture.js";

onBothLines((fixture) => {
  const { line, stream } = fixture;
  const connect = "/hub?topic=messages&lastEventID=start";
  const inner = line === 2 ? "morph:innerHTML" : "innerMorph";
  const outers = line === 2 ? ["morph", "morph:outerHTML"] : ["outerMorph"];

  describe(`a stream under hx-swap="${inner}"`, () => {
    const item = (text: string) => `<p id="a" title="${text}"><b>${text}</b><input id="field"></p>`;

    it("keeps its elements, with their listeners and the focus, and takes their new content", async () => {
      const page = await fixture.open(fixture.morphing(stream({ swap: inner, content: item("old") })));
      await fixture.connected();
      await page.evaluate("clicks = 0; a.addEventListener('click', () => (clicks += 1)); first = a");
      await page.focus("#field");
      fixture.server.publish(item("new"));
      await shows(page, "#a b", ["new"]);
      await page.click("#a b");
      await page.focus("#field");
      fixture.server.publish(`${item("newer")}<p>more</p>`);
      await shows(page, "#feed p", ["newer", "more"]);
      assert.deepEqual(await page.evaluate("[a === first, a.title, clicks, document.activeElement.id]"), [
        true,
        "newer",
        1,
        "field",
      ]);
      assert.equal(fixture.server.subscriptions.length, 1);
    });

    it("leaves its content at a message of out-of-band elements only", async () => {
      const page = await fixture.open(
        fixture.morphing(`${stream({ swap: inner, content: item("old") })}<i id="n">1</i>`),
      );
      await fixture.connected();
      fixture.server.publish('<i id="n" hx-swap-oob="true">2</i>');
      await shows(page, "#n", ["2"]);
      await shows(page, "#a b", ["old"]);
    });
  });

  for (const swap of outers) {
    describe(`an element inside a connection under hx-swap="${swap}"`, () => {
      it("morphs at each message of a burst, and keeps one connection", async () => {
        const receiver = (text: string) => `<p id="a" ${fixture.types("a")} hx-swap="${swap}">${text}</p>`;
        const page = await fixture.open(fixture.morphing(`<div ${fixture.connection(connect)}>${receiver("0")}</div>`));
        await fixture.connected();
        await page.evaluate("first = a");
        for (const texts of [
          ["1", "2"],
          ["3", "4"],
        ]) {
          const events = texts.map((text) => `id: urn:${text}\nevent: a\ndata: ${receiver(text)}\n\n`);
          fixture.server.write(events.join(""));
          await shows(page, "#a", texts.slice(1));
        }
        assert.equal(await page.evaluate("a === first"), true);
        assert.equal(fixture.server.subscriptions.length, 1);
      });
    });
  }
});
