import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Page } from "playwright-core";
import { type ClientFixture, eventually, onBothLines, type StreamOptions } from "./client-fixture.js";

onBothLines((fixture) => {
  const { stream } = fixture;

  const item = (text: string, id?: string) => `<p${id ? ` id="${id}"` : ""}>${text}</p>`;
  const items = Array.from({ length: 20 }, (_, index) => item(`item ${index}`, `item-${index}`)).join("");

  function feed({ attributes = "", content = items, ...options }: StreamOptions = {}): string {
    return stream({ ...options, content, attributes: `data-auto-scroll tabindex="0" ${attributes}` }).replace(
      "mercure-stream",
      "mercure-stream feed",
    );
  }

  async function open(body: string, options?: Parameters<ClientFixture["open"]>[1]): Promise<Page> {
    const page = await fixture.open(body, options);
    await fixture.connected();
    return page;
  }

  const more = (page: Page) => page.getByRole("button", { name: /^[0-9]+ new$/ });
  const top = (page: Page) => page.locator("#feed").evaluate((element) => element.scrollTop);

  function distanceToEnd(page: Page): Promise<number> {
    return page.locator("#feed").evaluate((element) => element.scrollHeight - element.clientHeight - element.scrollTop);
  }

  async function isAtEnd(page: Page): Promise<void> {
    await eventually(async () => assert.ok((await distanceToEnd(page)) <= 1));
  }

  /** Scrolls by the wheel, as a reader does, and waits until the page has noticed. */
  async function scroll(page: Page, pixels: number): Promise<void> {
    const before = await top(page);
    await page.locator("#feed").hover();
    await page.mouse.wheel(0, pixels);
    await eventually(async () => assert.equal(await top(page), before + pixels));
    await nextFrame(page);
  }

  /** Two frames later, all scroll events and size observers of the first frame have run. */
  async function nextFrame(page: Page): Promise<void> {
    await page.evaluate("new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))");
  }

  async function arrive(page: Page, text: string): Promise<void> {
    fixture.server.publish(item(text));
    await page.getByText(text, { exact: true }).waitFor({ state: "attached" });
  }

  describe("a feed that scrolls by itself", () => {
    it("is at its end when the page loads, and at each new item", async () => {
      const page = await open(feed());
      await isAtEnd(page);
      for (const text of ["first", "second"]) {
        await arrive(page, text);
        await isAtEnd(page);
      }
      assert.equal(await more(page).count(), 0);
    });

    it("is at its end already in the first frame with a new item", async () => {
      const page = await open(feed());
      await isAtEnd(page);
      await page.evaluate(`{
      window.distances = [];
      const measure = () => {
        distances.push(feed.scrollHeight - feed.clientHeight - feed.scrollTop);
        requestAnimationFrame(measure);
      };
      measure();
    }`);
      for (let turn = 0; turn < 10; turn += 1) await arrive(page, `burst ${turn}`);
      await nextFrame(page);
      assert.ok(Math.max(...((await page.evaluate("distances")) as number[])) <= 1);
    });

    it("leaves a reader who scrolled up in place, and shows a button to return", async () => {
      const page = await open(feed());
      await isAtEnd(page);
      await scroll(page, -300);
      const before = await top(page);
      assert.equal(await more(page).count(), 0, "there is nothing new yet");
      await arrive(page, "news");
      await more(page).waitFor();
      await nextFrame(page);
      assert.equal(await top(page), before);

      await more(page).click();
      await isAtEnd(page);
      await more(page).waitFor({ state: "detached" });
      await arrive(page, "more news");
      await isAtEnd(page);
    });

    it("removes the button when the reader scrolls to the end without it", async () => {
      const page = await open(feed());
      await isAtEnd(page);
      await scroll(page, -100);
      await arrive(page, "news");
      await more(page).waitFor();
      await page.locator("#feed").hover();
      await page.mouse.wheel(0, 1_000);
      await more(page).waitFor({ state: "detached" });
    });

    it("removes the button when nothing is left to scroll", async () => {
      const page = await open(feed());
      await isAtEnd(page);
      await page.locator("#feed").evaluate((element) => element.scrollTo(0, 0));
      await nextFrame(page);
      await arrive(page, "news");
      await more(page).waitFor();
      await page.evaluate("while (feed.children.length > 1) feed.firstChild.remove()");
      await more(page).waitFor({ state: "detached" });
    });

    it("announces as new neither a replaced item nor a removed one", async () => {
      const page = await open(feed());
      await isAtEnd(page);
      await scroll(page, -300);
      fixture.server.publish(item("changed", "item-19"));
      fixture.server.publish(`<div id="item-18" hx-swap-oob="delete"></div>`);
      await page.locator("#item-18").waitFor({ state: "detached" });
      await page.getByText("changed").waitFor({ state: "attached" });
      await nextFrame(page);
      assert.equal(await page.locator(".mercure-more").count(), 0);
    });

    it("has its button next in the tab order, supports the keyboard, and returns the focus to the feed", async () => {
      const page = await open(`${feed()}<input id="composer">`);
      await isAtEnd(page);
      await scroll(page, -300);
      await arrive(page, "news");
      await more(page).waitFor();
      await page.locator("#feed").focus();
      await page.keyboard.press("Tab");
      assert.equal(await more(page).evaluate((element) => element.matches(":focus")), true);
      await page.keyboard.press("Enter");
      await isAtEnd(page);
      await more(page).waitFor({ state: "detached" });
      assert.equal(await page.evaluate("document.activeElement.id"), "feed");
      await page.keyboard.press("Tab");
      assert.equal(await page.evaluate("document.activeElement.id"), "composer");
    });

    it("returns the focus to a feed that was not focusable before", async () => {
      const page = await open(`${feed().replace('tabindex="0"', "")}<input id="composer">`);
      await isAtEnd(page);
      await scroll(page, -300);
      await arrive(page, "news");
      await more(page).focus();
      await page.keyboard.press("Enter");
      await more(page).waitFor({ state: "detached" });
      assert.equal(await page.evaluate("document.activeElement.id"), "feed");
      await page.locator("#composer").focus();
      assert.equal(await page.locator("#feed").getAttribute("tabindex"), null);
    });

    it("keeps the focus in the field where the reader writes when the button is pressed", async () => {
      const page = await open(`${feed()}<input id="composer">`);
      await isAtEnd(page);
      await scroll(page, -300);
      await arrive(page, "news");
      await page.locator("#composer").focus();
      await more(page).click();
      await isAtEnd(page);
      assert.equal(await page.evaluate("document.activeElement.id"), "composer");
    });

    it("moves nothing by its button, which sits over its lower edge wherever the feed stands", async () => {
      const page = await open(`<div id="wrapper"><p>above</p>${feed()}<form><input id="composer"></form></div>`);
      const place = () => page.locator("#composer").boundingBox();
      await isAtEnd(page);
      await scroll(page, -300);
      const before = await place();
      await arrive(page, "news");
      await more(page).waitFor();
      assert.deepEqual(await place(), before);
      for (const change of [
        "",
        "wrapper.style.cssText = 'position: relative; margin: 30px; border: 5px solid'",
        "feed.style.width = '200px'",
      ]) {
        await page.evaluate(change);
        await eventually(() => standsOverLowerEdge(page));
      }
    });

    it("uses the label that the page gives it", async () => {
      const page = await open(feed({ attributes: 'data-more-label="Nouveaux messages"' }));
      await isAtEnd(page);
      await scroll(page, -300);
      await arrive(page, "news");
      await page.getByRole("button", { name: "Nouveaux messages" }).waitFor();
    });

    it("shows the number of new items, without those that replace others", async () => {
      const page = await open(feed({ attributes: 'data-more-label="{n} news"' }));
      await isAtEnd(page);
      await scroll(page, -300);
      await arrive(page, "one");
      await page.getByRole("button", { name: "1 news" }).waitFor();
      fixture.server.publish(item("changed", "item-19"));
      fixture.server.publish(item("two") + item("three"));
      await page.getByRole("button", { name: "3 news" }).click();
      await isAtEnd(page);
      await scroll(page, -300);
      await arrive(page, "four");
      await page.getByRole("button", { name: "1 news" }).waitFor();
    });

    for (const [name, wrap] of [
      ["an ancestor", (body: string) => `<div id="box" class="feed">${body}</div>`],
      ["the page", (body: string) => body],
    ] as const) {
      it(`scrolls ${name} when it does not scroll itself`, async () => {
        const loose = stream({
          content: items + items.replaceAll("item-", "again-"),
          attributes: "data-auto-scroll",
        }).replace("mercure-stream", "loose");
        const page = await open(wrap(loose));
        const rest = `{
        const scroller = document.getElementById("box") ?? document.scrollingElement;
        scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop;
      }`;
        await eventually(async () => assert.ok(Number(await page.evaluate(rest)) <= 1));
        await arrive(page, "live");
        await eventually(async () => assert.ok(Number(await page.evaluate(rest)) <= 1));
        await page.locator("#feed").hover();
        await page.mouse.wheel(0, -200);
        await eventually(async () => assert.ok(Number(await page.evaluate(rest)) >= 100));
        await nextFrame(page);
        await arrive(page, "news");
        await eventually(async () => {
          const box = (await more(page).boundingBox())!;
          const edge = await page.evaluate(
            '(document.getElementById("box")?.getBoundingClientRect().bottom ?? innerHeight)',
          );
          assert.equal(Math.round(box.y + box.height), Math.round(Number(edge) - 12));
        });
        await more(page).click();
        await eventually(async () => assert.ok(Number(await page.evaluate(rest)) <= 1));
        await more(page).waitFor({ state: "detached" });
      });
    }

    it("stays at its end when an image loads late, and when other content in it grows", async () => {
      let deliver = () => {};
      const delivered = new Promise<void>((resolve) => {
        deliver = resolve;
      });
      fixture.server.serve("/late.svg", async () => {
        await delivered;
        const body = `<svg xmlns="http://www.w3.org/2000/svg" width="50" height="400"/>`;
        return { status: 200, body, headers: { "Content-Type": "image/svg+xml" } };
      });
      const page = await open(feed());
      await isAtEnd(page);
      fixture.server.publish(`<p><img class="late" src="/late.svg" alt="late"></p>`);
      await page.locator(".late").waitFor({ state: "attached" });
      const height = await page.locator("#feed").evaluate((element) => element.scrollHeight);
      deliver();
      await eventually(async () =>
        assert.ok((await page.locator("#feed").evaluate((element) => element.scrollHeight)) >= height + 300),
      );
      await isAtEnd(page);
      await page.evaluate("document.getElementById('item-3').style.height = '500px'");
      await isAtEnd(page);
      await page.evaluate("document.getElementById('item-19').firstChild.data = 'long '.repeat(500)");
      await isAtEnd(page);
    });

    it("stays at its end when it shrinks, as when a phone's keyboard opens", async () => {
      const page = await open(feed());
      await isAtEnd(page);
      for (const height of [80, 160, 50]) {
        await page.evaluate(`feed.style.height = '${height}px'`);
        await isAtEnd(page);
      }
    });

    it("stays pinned under a smooth scroll-behavior, and with fractions of pixels", async () => {
      const page = await open(feed(), { deviceScaleFactor: 1.1 });
      await page.evaluate("feed.style.scrollBehavior = 'smooth'; feed.style.height = '200.3px'");
      for (let turn = 0; turn < 5; turn += 1) {
        fixture.server.publish(`<p id="odd-${turn}">odd</p>`);
        await page.locator(`#odd-${turn}`).waitFor({ state: "attached" });
        await page.evaluate(`document.getElementById("odd-${turn}").style.height = '${40.37 + turn / 3}px'`);
        await isAtEnd(page);
      }
      assert.equal(await more(page).count(), 0);
    });

    it("works when htmx brings it into the page later", async () => {
      fixture.server.serve("/feed", feed());
      const page = await fixture.open(`<button hx-get="/feed" hx-target="main">Show</button><main></main>`);
      await page.getByRole("button").click();
      await fixture.connected();
      await isAtEnd(page);
      await arrive(page, "news");
      await isAtEnd(page);
    });

    it("is at its end again when htmx restores its page, without the earlier button", async () => {
      fixture.server.serve("/lobby", "<h1>Lobby</h1>");
      const page = await open(
        `<main>${feed()}</main><a href="/lobby" hx-get="/lobby" hx-push-url="true" hx-target="main">Leave</a>`,
      );
      await isAtEnd(page);
      await scroll(page, -300);
      await arrive(page, "news");
      await more(page).waitFor();
      await page.getByRole("link").click();
      await page.getByRole("heading").waitFor();
      assert.equal(await page.locator(".mercure-more").count(), 0);
      assert.doesNotMatch(String(await page.evaluate("JSON.stringify({ ...sessionStorage })")), /mercure-more/);
      await page.goBack();
      await fixture.connected();
      await isAtEnd(page);
      assert.equal(await page.locator(".mercure-more").count(), 0);
    });

    it("keeps its button while the rest of its page is replaced", async () => {
      fixture.server.serve("/lobby", "<h1>Lobby</h1>");
      const page = await open(
        `${feed()}<main></main><a href="/lobby" hx-get="/lobby" hx-push-url="true" hx-target="main">Leave</a>`,
      );
      await isAtEnd(page);
      await scroll(page, -300);
      await arrive(page, "news");
      await page.getByRole("link").click();
      await page.getByRole("heading").waitFor();
      await more(page).click();
      await isAtEnd(page);
    });

    it("takes its button along when it leaves the page", async () => {
      const page = await open(feed());
      await isAtEnd(page);
      await scroll(page, -300);
      await arrive(page, "news");
      await more(page).waitFor();
      await page.evaluate("feed.remove()");
      await more(page).waitFor({ state: "detached" });
    });

    it("puts its button after the table or the list that contains it, and scrolls the container of its rows", async () => {
      const rows = Array.from({ length: 20 }, (_, index) => `<tr><td>row ${index}</td></tr>`).join("");
      const body = stream({ tag: "tbody", id: "rows", content: rows, attributes: "data-auto-scroll" });
      const page = await open(`<div id="feed" class="feed"><table>${body}</table></div>`);
      await isAtEnd(page);
      await scroll(page, -100);
      fixture.server.publish("<tr><td>news</td></tr>");
      await more(page).waitFor();
      assert.equal(await page.evaluate("feed.nextElementSibling.className"), "mercure-more");
      await eventually(() => standsOverLowerEdge(page));
      await more(page).click();
      await isAtEnd(page);
    });

    it("leaves its reader at the top, where an afterbegin stream adds its new items", async () => {
      const page = await open(feed({ swap: "afterbegin" }));
      await arrive(page, "news");
      await nextFrame(page);
      assert.equal(await top(page), 0);
      assert.equal(await page.locator(".mercure-more").count(), 0);
    });

    it("jumps back for readers who prefer reduced motion", async () => {
      const page = await open(feed(), { reducedMotion: "reduce" });
      await isAtEnd(page);
      await page.locator("#feed").evaluate((element) => element.scrollTo(0, 0));
      await nextFrame(page);
      await arrive(page, "news");
      await more(page).waitFor();
      await page.evaluate("document.querySelector('.mercure-more').click()");
      assert.ok((await distanceToEnd(page)) <= 1, "at once");
    });

    for (const colorScheme of ["light", "dark"] as const) {
      it(`has a readable button in ${colorScheme} pages`, async () => {
        const page = await open(feed(), { colorScheme });
        await page.evaluate("document.documentElement.style.colorScheme = 'light dark'");
        await isAtEnd(page);
        await scroll(page, -300);
        await arrive(page, "news");
        const [text, background] = (await more(page).evaluate((element) => {
          const style = getComputedStyle(element);
          return [style.color, style.backgroundColor];
        })) as [string, string];
        assert.ok(contrast(text, background) >= 4.5, `${text} on ${background}`);
      });
    }
  });

  async function standsOverLowerEdge(page: Page): Promise<void> {
    const around = await page.locator("#feed").boundingBox();
    const button = await page.locator(".mercure-more").boundingBox();
    assert.ok(around && button);
    assert.ok(button.y + button.height <= around.y + around.height, "above the lower edge");
    assert.ok(button.y > around.y + around.height - 80, "near the lower edge");
    assert.ok(Math.abs(button.x + button.width / 2 - (around.x + around.width / 2)) < 12, "in the middle");
  }

  /** The contrast ratio of WCAG 2 between two colors in computed style. */
  function contrast(...colors: [string, string]): number {
    const [lighter = 0, darker = 0] = colors.map(luminance).sort((a, b) => b - a);
    return (lighter + 0.05) / (darker + 0.05);
  }

  function luminance(color: string): number {
    const [red = 0, green = 0, blue = 0] = (color.match(/[\d.]+/g) ?? []).map((part) => {
      const share = Number(part) / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }
});
