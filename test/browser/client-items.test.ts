import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { eventually, onBothLinesOr4, shows } from "./client-fixture.js";

onBothLinesOr4((fixture) => {
  const { stream } = fixture;
  const item = (text: string) => `<p>${text}</p>`;

  describe("a limit of items", () => {
    for (const [swap, oldest, first, last] of [
      ["beforeend", "", ["b", "c", "d"], ["d", "e", "f"]],
      ["afterbegin", 'data-mercure-oldest="last"', ["a", "b", "c"], ["f", "e", "a"]],
    ] as const) {
      it(`keeps the newest items of hx-swap="${swap}"`, async () => {
        const attributes = `data-mercure-limit="3" ${oldest}`;
        const content = ["a", "b", "c", "d"].map(item).join("");
        const page = await fixture.open(stream({ swap, attributes, content }));
        await fixture.connected();
        await shows(page, "#feed p", [...first]);
        fixture.server.publish(item("e"));
        fixture.server.publish(item("f"));
        await shows(page, "#feed p", [...last]);
      });
    }

    it("removes the white space and the comments between old items too", async () => {
      const page = await fixture.open(stream({ attributes: 'data-mercure-limit="2"' }));
      await fixture.connected();
      const texts = Array.from({ length: 20 }, (_, index) => `${index}`);
      for (const text of texts) fixture.server.publish(`\n${item(text)}\n<!-- ${text} -->\n`);
      await shows(page, "#feed p", texts.slice(-2));
      // The white space before the first item, and two items with their white space and comments.
      await eventually(async () => assert.ok(Number(await page.evaluate("feed.childNodes.length")) <= 11));
    });

    it("keeps an item with the focus", async () => {
      const page = await fixture.open(
        stream({ attributes: 'data-mercure-limit="2"', content: '<p>a <input id="field"></p>' }),
      );
      await fixture.connected();
      await page.locator("#field").focus();
      for (const text of ["b", "c", "d"]) fixture.server.publish(item(text));
      await shows(page, "#feed p", ["a ", "c", "d"]);
      await page.locator("#field").blur();
      fixture.server.publish(item("e"));
      await shows(page, "#feed p", ["d", "e"]);
    });
  });
});
