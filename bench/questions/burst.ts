// How much time does a burst of 1,000 messages take on the main thread of a page, beside htmx and its extension alone?
//
// Chromium shows one page with one stream and the swap style `beforeend`. All pages have the same markup, and differ in
// their scripts. The server publishes 1,000 small messages at once. Chromium counts the time of the main thread from the
// first message until all are in the page and the thread is idle. Every message must be there once and in order.

import { setTimeout as wait } from "node:timers/promises";
import type { CDPSession, Page } from "playwright-core";
import { launchChromium } from "../../test/browser/chromium.js";
import { browserPeer } from "../harness/browser-peer.js";
import { startNode } from "../harness/child.js";
import type { Peer } from "../harness/peer.js";
import type { Question, Row, Scale } from "../harness/question.js";

const lines = ["2", "4"];

const peers: readonly Peer[] = lines.flatMap((line) => [
  browserPeer(`kit-htmx-${line}`, `a page of an application on htmx ${line}, in Chromium`),
  browserPeer(`stock-htmx-${line}`, `the same page with htmx ${line} and its extension alone`),
]);

export const burst: Question = {
  name: "burst",
  asks: "main-thread time of a page for a burst of 1,000 messages",
  peers,
  rounds: 5,
  columns: [
    { figure: "thread", title: "main thread ms", digits: 0 },
    { figure: "script", title: "scripts ms", digits: 0 },
    { figure: "layout", title: "layout and style ms", digits: 0 },
    { figure: "shown", title: "all shown ms", digits: 0 },
  ],
  measure: async (peer, scale) => [await measureBurst(peer, scale)],
  judge: (rows) => lines.flatMap((line) => rows.atMost(`kit-htmx-${line}`, "thread", 1, `stock-htmx-${line}`)),
};

async function measureBurst({ name }: Peer, scale: Scale): Promise<Row> {
  const [scripts, , htmx] = name.split("-") as [string, string, string];
  const script = new URL("../servers/burst-page.ts", import.meta.url);
  const server = await startNode(script, [htmx, scripts], /listening on port (\d+)\./, { SECRET_KEY: "s".repeat(32) });
  const origin = `http://127.0.0.1:${server.announced}`;
  const publish = (first: number, last: number) =>
    fetch(`${origin}/publish?first=${first}&last=${last}`, { method: "POST" });
  const browser = await launchChromium({});
  try {
    const page = await browser.newPage();
    await page.goto(origin);
    while ((await (await fetch(`${origin}/streams`)).json()) !== 1) await wait(20);
    await publish(1, 1);
    await showing(page, 1);
    const last = 1 + scale.count(1000);
    const devTools = await page.context().newCDPSession(page);
    await devTools.send("Performance.enable", { timeDomain: "threadTicks" });
    await idle(page);
    const before = await timesOf(devTools);
    const start = performance.now();
    await publish(2, last);
    await showing(page, last);
    const shown = performance.now() - start;
    await idle(page);
    const after = await timesOf(devTools);
    const between = (metric: string) => (after[metric]! - before[metric]!) * 1000;
    const figures = {
      thread: between("TaskDuration"),
      script: between("ScriptDuration"),
      layout: between("LayoutDuration") + between("RecalcStyleDuration"),
      shown,
    };
    return { name, figures, faults: await faultsOf(page, last) };
  } finally {
    await browser.close();
    await server.stop();
  }
}

function showing(page: Page, count: number): Promise<unknown> {
  return page.waitForFunction(`document.querySelectorAll("#feed > p").length >= ${count}`, undefined, { polling: 50 });
}

/** Waits until the timers of the last swap have run: htmx settles after 20 ms. */
async function idle(page: Page): Promise<void> {
  await page.evaluate("new Promise((resolve) => setTimeout(() => requestIdleCallback(resolve), 500))");
}

async function timesOf(devTools: CDPSession): Promise<Record<string, number>> {
  const { metrics } = await devTools.send("Performance.getMetrics");
  return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
}

async function faultsOf(page: Page, last: number): Promise<string[]> {
  const shown = await page.locator("#feed > p").allTextContents();
  const expected = Array.from({ length: last }, (_, index) => `${index + 1}`);
  const wrong = expected.findIndex((text, index) => shown[index] !== text);
  if (wrong === -1 && shown.length === last) return [];
  return [`${shown.length} messages of ${last}; the first wrong one is ${wrong + 1}.`];
}
