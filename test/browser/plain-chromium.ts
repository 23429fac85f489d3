import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { end } from "../support/server-process.js";

/**
 * Opens a page in a Chromium that nobody drives, until the end of the test: Chromium renders no page in advance while it
 * is driven. The page's own scripts must act and report.
 */
export async function openUndriven(t: TestContext, url: string): Promise<void> {
  const profile = await mkdtemp(join(tmpdir(), "chromium-"));
  const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0"];
  const program = process.env.CHROMIUM ?? "/usr/bin/chromium";
  const browser = spawn(program, [...flags, `--user-data-dir=${profile}`, url], { stdio: "ignore" });
  t.after(async () => {
    await end(browser);
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  });
}
