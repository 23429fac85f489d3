// How long after a restart of the server are live pages up to date?
//
// Chromium shows one page, or 20 tabs over HTTP/1.1. The server is killed, and stays away for a minute. It publishes ten
// messages on each feed and listens again; the time from there to the last message is measured in each tab. Every message
// must be in each tab once and in order.

import { setTimeout as wait } from "node:timers/promises";
import type { Browser, Page } from "playwright-core";
import { launchChromium } from "../../test/browser/chromium.js";
import { browserPeer } from "../harness/browser-peer.js";
import type { Peer } from "../harness/peer.js";
import type { Question, Row, Scale } from "../harness/question.js";
import { LivePages } from "../peers/live-pages.js";

const counts = [1, 20];
const missed = 10;

const peers = ["2", "4"].map((htmx) =>
  browserPeer(`htmx-${htmx}`, `pages of an application on htmx ${htmx}, in Chromium`),
);

export const serverBack: Question = {
  name: "server-back",
  asks: "pages in Chromium after the server was away for a minute",
  peers,
  rounds: 1,
  columns: [
    { figure: "first", title: "first page ms", digits: 0 },
    { figure: "last", title: "last page ms", digits: 0 },
  ],

  async measure(peer, scale) {
    const browser = await launchChromium({});
    try {
      const rows: Row[] = [];
      for (const count of counts) rows.push(await measureReturn(peer, browser, count, scale));
      return rows;
    } finally {
      await browser.close();
    }
  },

  judge: (rows) =>
    peers.flatMap(({ name }) => counts.flatMap((count) => rows.below(rowOf(name, count), "last", 5000, "ms"))),
};

function rowOf(peer: string, count: number): string {
  return `${peer}, ${count === 1 ? "1 page" : `${count} tabs`}`;
}

async function measureReturn(peer: Peer, browser: Browser, count: number, scale: Scale): Promise<Row> {
  const pages = new LivePages(peer.name.slice("htmx-".length), "disk");
  const context = await browser.newContext();
  try {
    await pages.start();
    const tabs: Page[] = [];
    for (let index = 0; index < count; index += 1) {
      const tab = await context.newPage();
      await tab.goto(pages.origin, { waitUntil: "domcontentloaded" });
      tabs.push(tab);
    }
    const { a: before = 0 } = await pages.publish(1);
    await Promise.all(tabs.map((tab) => showing(tab, before)));
    await pages.stop();
    await wait(scale.seconds(60) * 1000);
    await pages.start(before, missed);
    const start = performance.now();
    const times = await Promise.all(
      tabs.map(async (tab) => {
        await showing(tab, before + missed);
        return performance.now() - start;
      }),
    );
    const faults = (await Promise.all(tabs.map((tab) => tab.evaluate<string[]>("faults")))).flat();
    return { name: rowOf(peer.name, count), figures: { first: Math.min(...times), last: Math.max(...times) }, faults };
  } finally {
    await context.close();
    await pages.remove();
  }
}

function showing(tab: Page, number: number): Promise<unknown> {
  return tab.waitForFunction(`["a", "b"].every((feed) => seen[feed] >= ${number})`, undefined, { timeout: 120_000 });
}
