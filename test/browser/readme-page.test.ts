import assert from "node:assert/strict";
import { test } from "node:test";
import { filesAround, pages } from "../docs/markdown.js";
import { start } from "../docs/program.js";
import { createProject } from "../docs/project.js";
import { allHtmxLines } from "../support/depth.js";
import { launchChromium, newWatchedPage } from "./chromium.js";

/** htmx 4 swaps answers with an error status unless the page says this. */
const noSwap = `<meta name="htmx-config" content='{"noSwap": [204, 304, "4xx", "5xx"]}'>`;

for (const htmx of allHtmxLines)
  test(`README's page works on htmx ${htmx} under the policy that README promises, and keeps a text that was not sent`, async (t) => {
    const readme = pages().find(({ path }) => path === "README.md")!;
    const program = readme.blocks.find(({ file }) => file === "server.ts")!;
    const policy = /`Content-Security-Policy: ([^`]+)`/.exec(readme.text)![1]!;
    const files = Object.entries({ ...filesAround(program, readme), "server.ts": program.code }).map(([name, text]) => [
      name,
      htmx === 2
        ? text
        : text.replace("mercure(app, {", "$& htmx: 4,").replace("{{ mercure_scripts() }}", `${noSwap}$&`),
    ]);
    const folder = createProject(t, Object.fromEntries(files));
    const { origin, end } = await start(t, folder, "server.ts");
    t.after(end);
    const finished = htmx === 2 ? "htmx:afterRequest" : "htmx:finally:request";
    const browser = await launchChromium();
    t.after(() => browser.close());
    const { page, errors } = await newWatchedPage(browser);
    t.after(() => page.context().close());
    await page.route(`${origin}/`, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, headers: { ...response.headers(), "content-security-policy": policy } });
    });
    await page.route("**/favicon.ico", (route) => route.fulfill({ status: 204 }));
    await page.goto(origin!);
    const field = page.getByLabel("Message", { exact: true });

    await field.fill("Hello");
    await field.press("Enter");
    await page.getByRole("log").getByText("Hello").waitFor();
    while ((await field.inputValue()) !== "") await new Promise(setImmediate);
    assert.deepEqual(errors, []);
    // The field still has the focus.
    await page.keyboard.type("Not sent");

    for (const fail of [() => page.context().setOffline(true), () => page.route("**/messages", refuse)]) {
      await fail();
      // The form's own listener runs first: the event bubbles from the form to the document.
      const failed = page.evaluate(
        `new Promise((done) => document.addEventListener("${finished}", () => done(), { once: true }))`,
      );
      await field.press("Enter");
      await failed;
      assert.equal(await field.inputValue(), "Not sent");
      await page.context().setOffline(false);
    }
    await page.unroute("**/messages");
    await field.press("Enter");
    await page.getByRole("log").getByText("Not sent").waitFor();
  });

function refuse(route: { fulfill(answer: { status: number; body: string }): Promise<void> }): Promise<void> {
  return route.fulfill({ status: 500, body: "The server failed." });
}
