import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { app, heard, onBothLines, post, said, startAgain, visit } from "./example-app.js";

onBothLines(() => {
  describe("the example app with its history on disk", () => {
    test("continues the streams of open pages without a gap after it was killed and started again", async () => {
      const page = await visit("/");
      await post("/messages", { author: "Ada", text: "Before" });
      await heard(page, "Before");
      await page.evaluate(`
      window.gaps = 0;
      document.addEventListener("mercure:gap", () => window.gaps++);
    `);
      await app.end("SIGKILL");
      await startAgain();
      await post("/messages", { author: "Ada", text: "After" });
      await heard(page, "After");
      assert.deepEqual((await said(page)).slice(-2), ["Before", "After"]);
      assert.equal(await page.evaluate("window.gaps"), 0);
    });
  });
});
