import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { until as untilTrue } from "../support/until.js";
import { app, heard, onBothLines, post, signIn, startAgain, until, visit, write } from "./example-app.js";

const paths = ["/", "/todos", "/dashboard", "/people"];
const sizes = { "small phone": [320, 568], phone: [375, 667], "phone on its side": [812, 375], tablet: [768, 1024] };
const viewports = Object.entries(sizes).map(([name, [width = 0, height = 0]]) => ({ name, width, height }));

/** Texts of the bar, buttons and fields that their box cuts off or breaks. */
const cutTexts = `
  [...document.querySelectorAll(".bar a, nav, main button, main input")].filter((element) => {
    if (!element.checkVisibility()) return false;
    const { left, right, top } = element.getBoundingClientRect();
    if (top < 0 || left < 0 || right > innerWidth || element.scrollWidth > element.clientWidth) return true;
    const range = document.createRange();
    range.selectNodeContents(element);
    if (element.matches("button:not(:has(*))") && range.getClientRects().length > 1) return true;
    if (!element.placeholder) return false;
    const style = getComputedStyle(element);
    const context = document.createElement("canvas").getContext("2d");
    context.font = style.font;
    const room = element.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    return context.measureText(element.placeholder).width > room;
  }).map((element) => element.outerHTML)
`;

onBothLines(() => {
  describe("the layout", () => {
    test("cuts no label and no tab at 320 pixels, for guests and for people", async () => {
      for (const name of [undefined, "Ada Lovelace"]) {
        const page = await visit("/people", { viewport: { width: 320, height: 640 } });
        if (name !== undefined) await signIn(page, name);
        for (const path of paths) {
          await page.goto(app.url + path);
          assert.deepEqual(await page.evaluate(cutTexts), [], path);
        }
      }
    });

    test("shows the whole panel of the chat on a phone, upright and on its side", async () => {
      for (const viewport of viewports) {
        const page = await visit("/", { viewport });
        const bottom = await page.locator(".panel").evaluate((panel) => panel.getBoundingClientRect().bottom);
        assert.ok(bottom <= viewport.height, `${viewport.name}: ${bottom}`);
      }
    });

    test("keeps the panel in its place from page to page", async () => {
      for (const viewport of [...viewports, { name: "desk", width: 1440, height: 900 }]) {
        const page = await visit("/", { viewport });
        const places: unknown[] = [];
        for (const path of paths) {
          await page.goto(app.url + path);
          places.push(
            await page.evaluate(
              "(({ x, y, width }) => [x, y, width])(document.querySelector('.panel').getBoundingClientRect())",
            ),
          );
        }
        for (const place of places) assert.deepEqual(place, places[0], viewport.name);
      }
    });

    test("gives the two fields of the chat one style", async () => {
      const page = await visit("/");
      const styles = await page.locator(".composer input").evaluateAll((fields) =>
        fields.map((field) => {
          const { border, borderRadius, backgroundImage, padding, height } = getComputedStyle(field);
          return { border, borderRadius, backgroundImage, padding, height };
        }),
      );
      assert.equal(styles.length, 2);
      assert.deepEqual(styles[0], styles[1]);
    });

    test("aligns the avatars of the page of people, apart from each other, and marks the rows that lead somewhere", async () => {
      const [ada, grace] = [await visit("/people"), await visit("/people")];
      await signIn(grace, "Grace in a row");
      await signIn(await visit("/people"), "Alan in a row");
      await signIn(ada, "Ada above them");
      await ada.getByRole("link", { name: "Alan in a row" }).waitFor();
      await ada.getByRole("link", { name: "Grace in a row" }).waitFor();
      // In one step, because a message can replace the elements that a locator has found.
      const boxes = await ada.evaluate(() =>
        [...document.querySelectorAll("main .avatar")].map((avatar) => avatar.getBoundingClientRect().toJSON()),
      );
      assert.equal(boxes.length, 3);
      for (const [i, { left, top }] of boxes.entries()) {
        assert.equal(left, boxes[0].left);
        if (i > 0) assert.ok(top - boxes[i - 1].bottom >= 16, "avatars are at least 16 pixels apart");
      }

      const row = ada.getByRole("listitem").filter({ hasText: "Grace in a row" });
      await row.locator("svg").waitFor();
      const paint = () => row.evaluate((element) => getComputedStyle(element).backgroundColor);
      const still = await paint();
      await row.hover();
      assert.notEqual(await paint(), still);
      const link = row.getByRole("link");
      // A message can replace the row between two steps.
      await untilTrue(async () => {
        await link.focus();
        await ada.keyboard.press("Shift+Tab");
        await ada.keyboard.press("Tab");
        return (await link.evaluate((element) => getComputedStyle(element, "::after").outlineStyle)) === "solid";
      });
      const guest = await visit("/people");
      await guest.getByText("Grace in a row").waitFor();
      assert.equal(await guest.getByRole("listitem").locator("svg").count(), 0);
    });

    test("keeps the tabs in their place when a message is counted", async () => {
      const [ada, grace] = [await visit("/people", { viewport: { width: 320, height: 640 } }), await visit("/people")];
      await signIn(ada, "Ada of the tabs");
      await signIn(grace, "Grace of the tabs");
      await ada.goto(app.url);
      const places = () =>
        ada.locator("nav a").evaluateAll((tabs) => tabs.map((tab) => tab.getBoundingClientRect().toJSON()));
      const before = await places();
      await grace.getByRole("link", { name: "Ada of the tabs" }).click();
      await write(grace, "Hello");
      await ada.getByRole("link", { name: "People 1 unread" }).waitFor();
      assert.deepEqual(await places(), before);
      assert.deepEqual(await ada.evaluate(cutTexts), []);
    });

    test("offers guests to sign in on every page", async () => {
      for (const path of paths)
        await (await visit(path)).getByRole("banner").getByRole("link", { name: "Sign in" }).waitFor();
    });

    test("has an even composer and a sentence in a conversation without messages", async () => {
      const [ada, grace] = [await visit("/people"), await visit("/people")];
      await signIn(grace, "Grace of the layout");
      await signIn(ada, "Ada of the layout");
      await ada.getByRole("link", { name: "Grace of the layout" }).click();
      const sentence = ada.getByText("Nothing here yet. Say hello to Grace of the layout.");
      await sentence.waitFor();
      const padding = await ada.locator(".composer").evaluate((form) => getComputedStyle(form).padding);
      assert.equal(padding, "16px");
      await ada.getByLabel("Message", { exact: true }).fill("Hello");
      await ada.getByRole("button", { name: "Send" }).click();
      await heard(ada, "Hello");
      await sentence.waitFor({ state: "hidden" });
    });
  });

  test("after a click on Send the keyboard is in the message's field", async () => {
    const page = await visit("/");
    await page.getByLabel("Your name").fill("Ada");
    await page.getByLabel("Message", { exact: true }).fill("Sent by a click");
    await page.getByRole("button", { name: "Send" }).click();
    await heard(page, "Sent by a click");
    await until(page, "document.activeElement.name === 'text'");
  });

  test("the button that clears done items is visible only while there are some", async () => {
    const page = await visit("/todos");
    const clear = page.getByRole("button", { name: "Clear done" });
    await clear.focus();
    await page.keyboard.press("Enter");
    await page.getByText("0 of 3 done").waitFor();
    await clear.waitFor({ state: "hidden" });
    // The keyboard continues at the field for new items.
    await until(page, "document.activeElement.name === 'title'");
    await page.getByRole("checkbox").first().click();
    await clear.waitFor();
  });

  test("the charts span their box from the first second on", async () => {
    await app.end("SIGTERM");
    await startAgain();
    const page = await visit("/dashboard");
    for (const points of await page
      .locator("polyline")
      .evaluateAll((lines) => lines.map((line) => line.getAttribute("points")!))) {
      assert.match(points, /^0,.* 59,[\d.]+$/);
    }
  });

  test("a screen reader is told that the page reconnects", async () => {
    const page = await visit("/");
    await post("/messages", { author: "Ada", text: "The stream is open" });
    await heard(page, "The stream is open");
    await app.end("SIGKILL");
    await page.getByRole("status").getByText("Reconnecting…").waitFor();
    await startAgain();
    await page.getByText("Reconnecting…").waitFor({ state: "detached" });
  });
});
