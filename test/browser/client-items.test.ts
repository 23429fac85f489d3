import { describe, it } from "node:test";
import { alwaysOnBothLines, shows } from "./client-fixture.js";

alwaysOnBothLines((fixture) => {
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
