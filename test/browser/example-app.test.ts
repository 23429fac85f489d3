import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  app,
  heard,
  holdUp,
  onBothLines,
  post,
  receiver,
  run,
  said,
  say,
  startAgain,
  until,
  visit,
  visits,
} from "./example-app.js";

const paths = ["/", "/todos", "/dashboard"];
const welcome = "Welcome. Open this page in a second window, write something here, and watch it arrive there.";
const markup = `<img src="x" onerror="document.title = 'taken over'"> & <b>bold</b>`;

/** The distance of the chat's reader from its end. */
const distance =
  "(({ scrollHeight, clientHeight, scrollTop }) => scrollHeight - clientHeight - scrollTop)(document.querySelector('.feed'))";

onBothLines(() => {
  describe("chat", () => {
    test("a message from one window appears in both, once", async () => {
      const ada = await visit("/");
      const grace = await visit("/");

      await say(ada, "Ada", "Is anybody here?");
      await heard(grace, "Is anybody here?");
      await say(grace, "Grace", "Yes.");
      await heard(ada, "Yes.");

      for (const page of [ada, grace]) assert.deepEqual(await said(page), [welcome, "Is anybody here?", "Yes."]);
      assert.deepEqual(
        await ada.locator(".message .author").allInnerTexts(),
        await grace.locator(".message .author").allInnerTexts(),
      );
    });

    test("after the server was killed and restarted, streams resume and still show each message once", async () => {
      const ada = await visit("/");
      const grace = await visit("/");
      await say(ada, "Ada", "Before");
      await heard(grace, "Before");

      await app.end("SIGKILL");
      await startAgain();
      await post("/messages", { author: "Alan", text: "While they were away" });
      for (const page of [ada, grace]) await heard(page, "While they were away");
      await say(ada, "Ada", "After");
      await heard(grace, "After");

      const all = [welcome, "Before", "While they were away", "After"];
      for (const page of [ada, grace]) assert.deepEqual(await said(page), all);
    });

    test("after navigating away and back, the page shows each message once", async () => {
      const ada = await visit("/");
      const grace = await visit("/");
      await say(ada, "Ada", "Before");

      await ada.getByRole("link", { name: "To-do" }).click();
      await ada.getByRole("heading", { name: "To-do" }).waitFor();
      await say(grace, "Grace", "While Ada was away");
      await ada.goBack();
      await heard(ada, "While Ada was away");
      await say(grace, "Grace", "After");
      await heard(ada, "After");

      assert.deepEqual(await said(ada), [welcome, "Before", "While Ada was away", "After"]);
    });

    test("a region that htmx processes again shows each message once", async () => {
      const ada = await visit("/");
      await say(ada, "Ada", "Before");
      await ada.evaluate(`
      const feed = document.querySelector(".feed");
      for (const name of ["data-one", "data-two"]) {
        feed.setAttribute(name, "");
        htmx.process(feed);
        htmx.process(document.body);
      }
    `);
      await say(ada, "Ada", "Processed");
      await say(ada, "Ada", "After");

      assert.deepEqual(await said(ada), [welcome, "Before", "Processed", "After"]);
    });

    test("a reader who scrolled up stays in place, sees that there is more, and gets there by a button", async () => {
      for (let i = 1; i <= 30; i++) await post("/messages", { author: "Ada", text: `Message ${i}` });
      const page = await visit("/");
      const feed = page.getByRole("log");
      await until(page, `${distance} <= 1`);

      await post("/messages", { author: "Ada", text: "At the bottom" });
      await heard(page, "At the bottom");
      await until(page, `${distance} <= 1`);

      const more = page.getByRole("button", { name: "1 new" });
      assert.equal(await more.isVisible(), false);
      await feed.hover();
      await page.mouse.wheel(0, -400);
      await until(page, `${distance} > 300`);
      const place = await feed.evaluate((e) => e.scrollTop);
      await post("/messages", { author: "Ada", text: "Further down" });
      await more.waitFor();
      assert.equal(await feed.evaluate((e) => e.scrollTop), place);

      await more.click();
      await until(page, `${distance} <= 1`);
      await more.waitFor({ state: "hidden" });
    });

    test("an ancestor's hx-target, hx-swap and hx-select steal nothing", async () => {
      const page = await visit("/");
      await page.evaluate(`
      const thief = document.querySelector(".live");
      thief.removeAttribute("hx-disinherit");
      thief.setAttribute("hx-target", "#thief");
      thief.setAttribute("hx-swap", "outerHTML");
      document.body.insertAdjacentHTML("beforeend", '<div id="thief"></div>');
    `);
      await say(page, "Ada", "Mine");

      assert.deepEqual(await said(page), [welcome, "Mine"]);
      assert.equal(await page.locator("#thief").innerHTML(), "");
    });

    test("shows everything that users write as text", async () => {
      const ada = await visit("/");
      const grace = await visit("/");
      await say(ada, markup.slice(0, 40), markup);
      await heard(grace, markup);
      await grace.reload();
      assert.deepEqual(await said(grace), [welcome, markup]);

      await post("/todos", { title: markup });
      for (const path of ["/todos", "/dashboard"]) await (await visit(path)).getByText(markup).first().waitFor();
      for (const { page } of visits) {
        assert.doesNotMatch(await page.title(), /taken over/);
        assert.equal(await page.locator("main img, main b:not(#count b)").count(), 0);
      }
    });

    test("shows the reason of a refused message next to the form, which keeps its text", async () => {
      const page = await visit("/");
      await page.getByLabel("Your name").fill("Ada");
      await page.getByLabel("Message", { exact: true }).fill("   ");
      await page.getByRole("button", { name: "Send" }).click();
      const error = page.getByRole("alert").filter({ hasText: "Please enter a message." });
      await error.waitFor();
      const field = page.getByLabel("Message", { exact: true });
      assert.equal(await field.inputValue(), "   ");
      assert.equal(await field.getAttribute("aria-describedby"), await error.getAttribute("id"));

      await say(page, "Ada", "Better");
      await error.waitFor({ state: "hidden" });

      for (const body of [
        { author: "Ada", text: "x".repeat(501) },
        { author: "x".repeat(41), text: "Hi" },
        { author: "Ada" },
      ]) {
        assert.equal((await post("/messages", body)).status, 422);
      }
      assert.deepEqual(await said(page), [welcome, "Better"]);
    });

    test("empties the form after a message, and keeps the author's name", async () => {
      const page = await visit("/");
      // The form is emptied at once, and the answer sets the cookie with the name.
      const answer = page.waitForResponse("**/messages");
      await say(page, "Ada Lovelace", "Hello");
      await until(page, `document.querySelector("[name=text]").value === ""`);
      await (await answer).finished();
      await page.reload();
      assert.equal(await page.getByLabel("Your name").inputValue(), "Ada Lovelace");
    });

    test("keeps text that is typed while a message is being sent, and sends nothing twice", async () => {
      const page = await visit("/");
      const field = page.getByLabel("Message", { exact: true });
      await page.getByLabel("Your name").fill("Ada");
      const { release, waiting } = await holdUp(page, "/messages");

      for (const text of ["One", "Two", "Three"]) {
        await field.fill(text);
        await field.press("Enter");
        assert.equal(await field.inputValue(), "");
      }
      await field.pressSequentially("Four, un");
      await waiting;
      release();
      await heard(page, "Three");
      await field.pressSequentially("finished");
      assert.equal(await field.inputValue(), "Four, unfinished");
      await field.press("Enter");
      await heard(page, "Four, unfinished");
      assert.deepEqual(await said(page), [welcome, "One", "Two", "Three", "Four, unfinished"]);
      assert.equal(await field.inputValue(), "");
      // The browser itself rejects an empty field, as before the first message.
      await field.press("Enter");
      assert.equal(await field.evaluate((input) => input.matches(":focus:invalid")), true);
    });

    test("returns refused text to its field, or shows it when the field is in use again", async () => {
      const page = await visit("/");
      const field = page.getByLabel("Message", { exact: true });
      await page.getByLabel("Your name").fill("Ada");
      await page.route("**/messages", (route) => route.abort());

      await field.fill("Back");
      await field.press("Enter");
      await page.getByRole("alert").getByText("The server did not answer.").waitFor();
      assert.equal(await field.inputValue(), "Back");
      await page.unroute("**/messages");

      const { refuse, waiting } = await holdUp(page, "/messages");
      await field.press("Enter");
      await waiting;
      await field.fill("Next");
      refuse();
      await page.getByRole("alert").getByText("Not sent: “Back”").waitFor();
      assert.equal(await field.inputValue(), "Next");
    });

    test("shows the reason of a refused message that is far too long, and keeps it in its field", async () => {
      const page = await visit("/");
      const field = page.getByLabel("Message", { exact: true });
      await page.getByLabel("Your name").fill("Ada");
      await field.evaluate((input) => input.removeAttribute("maxlength"));
      const text = "x".repeat(150_000);
      await field.fill(text);
      await field.press("Enter");
      await page.getByRole("alert").getByText("The request is too large.").waitFor();
      assert.equal(await field.inputValue(), text);
      await say(page, "Ada", "Shorter");
      await page.getByText("The request is too large").waitFor({ state: "hidden" });
    });

    test("removes control characters, and rejects text without visible characters", async () => {
      const page = await visit("/");
      await post("/messages", { author: "A\u0000d\u202ea", text: "one\u0000\u0007 \u202etwo\r\nthree\u0085 👩‍🚀  ok" });
      await heard(page, "one two three 👩‍🚀 ok");
      assert.match(await page.locator(".message .author").last().innerText(), /^Ada /);
      for (const text of ["\u0000", "\u200b\u200d", "\u3164", "\u2800 \ufeff"]) {
        assert.equal((await post("/messages", { author: "Ada", text })).status, 422);
        assert.equal((await post("/messages", { author: text, text: "Hi" })).status, 422);
        assert.equal((await post("/todos", { title: text })).status, 422);
      }
    });

    test("keeps the newest fifty messages, on open pages too", async () => {
      const page = await visit("/");
      for (let i = 1; i <= 55; i++) await post("/messages", { author: "Ada", text: `Message ${i}` });
      const newest = Array.from({ length: 50 }, (_, i) => `Message ${i + 6}`);

      await heard(page, "Message 55");
      await page.getByText("Message 5", { exact: true }).waitFor({ state: "detached" });
      assert.deepEqual(await said(page), newest);
      assert.deepEqual(await said(await visit("/")), newest);
    });
  });

  describe("to-do", () => {
    test("adding, ticking and deleting an item reaches every window, and the count follows", async () => {
      const ada = await visit("/todos");
      const grace = await visit("/todos");
      const all = [ada, grace];

      await ada.getByLabel("New item").fill("Water the plants");
      await ada.getByLabel("New item").press("Enter");
      for (const page of all) await page.getByRole("checkbox", { name: "Water the plants", checked: false }).waitFor();
      for (const page of all) await page.getByText("1 of 5 done").waitFor();

      await grace.getByRole("checkbox", { name: "Water the plants" }).click();
      for (const page of all) await page.getByRole("checkbox", { name: "Water the plants", checked: true }).waitFor();
      for (const page of all) await page.getByText("2 of 5 done").waitFor();
      for (const page of all) assert.equal(await page.getByRole("listitem").count(), 5);

      await ada.getByRole("button", { name: "Delete “Water the plants”" }).click();
      for (const page of all) await page.getByText("Water the plants").waitFor({ state: "detached" });
      for (const page of all) await page.getByText("1 of 4 done").waitFor();

      await ada.getByRole("button", { name: "Clear done" }).click();
      for (const page of all) await page.getByText("0 of 3 done").waitFor();
      for (const page of all) assert.equal(await page.getByRole("listitem").count(), 3);
    });

    test("keeps the focus on an item that the keyboard ticks", async () => {
      const page = await visit("/todos");
      const item = page.getByRole("checkbox", { name: "Open this list in a second window" });
      await item.focus();
      await item.press("Space");
      await page.getByRole("checkbox", { name: "Open this list in a second window", checked: true }).waitFor();
      await until(page, `document.activeElement.getAttribute("aria-checked") === "true"`);
      await page.keyboard.press("Space");
      await page.getByRole("checkbox", { name: "Open this list in a second window", checked: false }).waitFor();
    });

    test("moves the focus to the next item after a deletion by keyboard, and after the last to the field", async () => {
      const page = await visit("/todos");
      const focused = (name: string) => until(page, `document.activeElement.matches('${name}')`);
      const buttons = page.getByRole("button", { name: /^Delete/ });
      const second = await buttons.nth(1).getAttribute("id");
      await buttons.nth(0).focus();
      await page.keyboard.press("Enter");
      await focused(`#${second}`);
      assert.equal(await buttons.count(), 3);

      // Another visitor deletes this one, so the focus stays in place.
      await buttons.nth(1).focus();
      await post(`/todos/${second?.replace("delete-", "")}/delete`, {});
      await page.locator(`#${second}`).waitFor({ state: "detached" });
      assert.equal(await page.evaluate("document.activeElement === document.querySelectorAll('.delete')[0]"), true);
      await post(`/todos/${(await buttons.nth(0).getAttribute("id"))?.replace("delete-", "")}/delete`, {});
      await until(page, "document.querySelectorAll('.delete').length === 1");
      await focused("body");

      await buttons.nth(0).focus();
      await page.keyboard.press("Space");
      await focused("[name=title]");
      assert.equal(await buttons.count(), 0);
    });

    test("the list survives a reload and a restart", async () => {
      const page = await visit("/todos");
      await page.getByLabel("New item").fill("Survive");
      await page.getByRole("button", { name: "Add" }).click();
      await page.getByRole("checkbox", { name: "Survive" }).click();
      await page.getByRole("checkbox", { name: "Survive", checked: true }).waitFor();
      const before = await page.getByRole("list", { name: "To-do" }).ariaSnapshot();

      await page.reload();
      assert.equal(await page.getByRole("list", { name: "To-do" }).ariaSnapshot(), before);

      await app.end("SIGTERM");
      await startAgain();
      await page.reload();
      assert.equal(await page.getByRole("list", { name: "To-do" }).ariaSnapshot(), before);
    });

    test("an open list is right again after a restart, whatever happened meanwhile", async () => {
      const page = await visit("/todos");
      await page.getByRole("checkbox", { name: "Start the example" }).waitFor();
      await app.end("SIGKILL");
      await startAgain();
      await post("/todos", { title: "Written meanwhile" });
      await page.getByRole("checkbox", { name: "Written meanwhile" }).waitFor();
      await page.getByText("1 of 5 done").waitFor();
      assert.equal(await page.getByRole("listitem").count(), 5);
    });
  });

  describe("dashboard", () => {
    test("three topics come over one connection, and each lands in its own element", async () => {
      const page = await visit("/dashboard");
      const processor = await page
        .locator(`${receiver("process")} polyline`)
        .first()
        .getAttribute("points");
      await post("/messages", { author: "Charles", text: "Hello" });
      await page
        .locator(`${receiver("activity")} li`)
        .first()
        .getByText("Charles wrote a message")
        .waitFor();
      await until(
        page,
        `document.querySelector("${receiver("process")} polyline").getAttribute("points") !== "${processor}"`,
      );
      // The only open page has one stream in all.
      await until(page, `document.querySelector("${receiver("traffic")} .value").textContent === "1"`);

      const terms = (type: string) => page.locator(`${receiver(type)} dt`).allInnerTexts();
      assert.deepEqual(await terms("process"), ["Processor", "Memory", "Longest event-loop delay"]);
      assert.deepEqual(await terms("traffic"), ["Open streams", "Requests", "Changes by visitors"]);
      assert.deepEqual(await terms("activity"), []);
    });
  });

  describe("every page", () => {
    test("works under a Content-Security-Policy of 'self', and shows its own code", async () => {
      for (const path of paths) {
        const response = await fetch(app.url + path);
        assert.equal(response.headers.get("content-security-policy"), "default-src 'self'");
        const page = await visit(path);
        await page.getByText("sse.publish").first().waitFor();
        assert.equal(await page.locator("script:not([src]), style, [style], [onclick]").count(), 0);
        await post("/messages", { author: "Ada", text: path });
      }
    });

    test("names every region and control for screen readers", async () => {
      const snapshot = async (path: string) => (await visit(path)).locator("body").ariaSnapshot();

      const chat = await snapshot("/");
      assert.match(chat, /- link "Skip to the content"/);
      assert.match(chat, /- navigation "Pages":/);
      assert.match(chat, /- main:/);
      assert.match(chat, /- heading "Chat" \[level=1\]/);
      assert.match(chat, /- log "Messages":/);
      assert.match(chat, /- textbox "Your name"/);
      assert.match(chat, /- textbox "Message"/);
      assert.match(chat, /- button "Send"/);

      const todos = await snapshot("/todos");
      assert.match(todos, /- textbox "New item"/);
      assert.match(todos, /- list "To-do":\n\s+- listitem:\n\s+- checkbox "Start the example" \[checked\]/);
      assert.match(todos, /- checkbox "Open this list in a second window"\n/);
      assert.match(todos, /- button "Delete “Start the example”"/);
      assert.match(todos, /- status: 1 of 4 done/);

      const dashboard = await snapshot("/dashboard");
      assert.match(dashboard, /- heading "Process" \[level=2\]/);
      assert.match(dashboard, /- term: Processor\n\s+- definition:/);
    });

    test("answers 404 with a page for a missing path", async () => {
      for (const path of ["/nowhere", "/todos/x/done"]) assert.equal((await post(path, { done: "true" })).status, 404);
      for (const path of ["/todos/999/done", "/todos/999/delete"]) assert.equal((await post(path, {})).status, 303);
      const page = await visit("/nowhere");
      await page.getByRole("heading", { name: "Page not found" }).waitFor();
    });

    test("shows refusals and failures on the application's own page, without internals", async () => {
      const form = { "Content-Type": "application/x-www-form-urlencoded" };
      const cases: [number, string, RequestInit][] = [
        [400, "/todos/%E0/done", { method: "POST" }],
        [413, "/messages", { method: "POST", headers: form, body: "x".repeat(150_000) }],
        [415, "/messages", { method: "POST", headers: { ...form, "Content-Encoding": "x" }, body: "text=Hi" }],
      ];
      for (const [status, path, request] of cases) {
        const response = await fetch(app.url + path, request);
        assert.equal(response.status, status);
        const html = await response.text();
        assert.match(html, /<h1>(Not understood|Too long)<\/h1>/);
        assert.doesNotMatch(html, /node_modules|Error:/);
        const short = await fetch(app.url + path, {
          ...request,
          headers: { ...request.headers, "HX-Request": "true" },
        });
        assert.match(await short.text(), /^The server [\w ]+\.$|^The request is too large\. /);
      }
    });

    test("fits a phone, whatever is written", async () => {
      await post("/messages", { author: "x".repeat(40), text: "x".repeat(400) });
      await post("/todos", { title: "x".repeat(120) });
      for (const path of [...paths, "/people"]) {
        const page = await visit(path, { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true });
        assert.deepEqual(await page.evaluate("[innerWidth, document.documentElement.scrollWidth]"), [360, 360], path);
        const small = await page.evaluate(`
        [...document.querySelectorAll("header a, main button, main input, summary")]
          .filter((element) => element.checkVisibility() && element.getBoundingClientRect().height < 44)
          .map((element) => element.outerHTML)
      `);
        assert.deepEqual(small, [], "all that is touched is 44 pixels high");
      }
    });

    test("works without JavaScript", async () => {
      const page = await visit("/", { javaScriptEnabled: false });
      await page.getByLabel("Your name").fill("Ada");
      await page.getByLabel("Message", { exact: true }).fill("By form alone");
      await page.getByRole("button", { name: "Send" }).click();
      await heard(page, "By form alone");
      assert.equal(new URL(page.url()).pathname, "/");
      assert.equal(await page.getByLabel("Your name").inputValue(), "Ada");

      await page.getByLabel("Message", { exact: true }).fill("  ");
      await page.getByRole("button", { name: "Send" }).click();
      await page.getByRole("alert").getByText("Please enter a message.").waitFor();
      assert.deepEqual(await said(page), [welcome, "By form alone"]);

      await page.goto(`${app.url}/todos`);
      await page.getByLabel("New item").fill("By form too");
      await page.getByRole("button", { name: "Add" }).click();
      await page.getByRole("checkbox", { name: "By form too", checked: false }).click();
      await page.getByRole("checkbox", { name: "By form too", checked: true }).waitFor();
      await page.getByRole("button", { name: "Delete “By form too”" }).click();
      await page.getByText("By form too").waitFor({ state: "detached" });
    });

    test("shows a notice while the server is away, and removes it afterwards", async () => {
      const page = await visit("/");
      await say(page, "Ada", "The stream is open");
      await app.end("SIGKILL");
      await page.getByText("Reconnecting…").waitFor();
      await page.getByLabel("Your name").fill("Ada");
      await page.getByLabel("Message", { exact: true }).fill("Lost?");
      await page.getByRole("button", { name: "Send" }).click();
      await page.getByRole("alert").getByText("The server did not answer.").waitFor();
      // Both can have the same place, and only the notice is a sentence.
      const layer = (selector: string) =>
        page.locator(selector).evaluate((element) => getComputedStyle(element).zIndex);
      assert.deepEqual([await layer("#notice"), await layer(".reconnecting")], ["1", "auto"]);

      await startAgain();
      await page.getByText("Reconnecting…").waitFor({ state: "hidden" });
      await page.getByRole("button", { name: "Send" }).click();
      await heard(page, "Lost?");
      await page.getByText("The server did not answer.").waitFor({ state: "hidden" });
    });
  });

  test("the server ends by itself when asked to, with streams open", async () => {
    const chat = await visit("/");
    const todos = await visit("/todos");
    await post("/messages", { author: "Ada", text: "The stream is open" });
    await heard(chat, "The stream is open");
    await post("/todos", { title: "This one too" });
    await todos.getByRole("checkbox", { name: "This one too" }).waitFor();

    assert.equal(await app.end("SIGTERM"), 0);
  });

  test("reports an invalid port in one line", async () => {
    for (const [port, line] of [
      ["abc", 'PORT is "abc", which is not a number from 0 to 65535.'],
      ["65536", 'PORT is "65536", which is not a number from 0 to 65535.'],
      [String(app.port), `Port ${app.port} is taken. Choose another one: PORT=3001 npm start`],
    ] as const) {
      const { status, stdout, stderr } = run(port);
      assert.deepEqual([status, stdout, stderr], [1, "", `${line}\n`]);
    }
  });
});
