// Keeps live pages open for minutes, disturbs them, and compares the counts of the second half with those of the first.
//
//   node --import tsx bench/soak.ts                            ten minutes, four tabs, htmx 2
//   node --import tsx bench/soak.ts --minutes=30 --tabs=8 --htmx=4
//
// The server publishes on each feed every second. Meanwhile connections are cut, regions are removed and fetched again,
// tabs leave their page and return, and a tab opens and closes. The exit code is 1 if a message is missed, repeated or out
// of order, or if a count grows.

import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { BrowserContext, Page } from "playwright-core";
import { launchChromium } from "../test/browser/chromium.js";
import { LivePages } from "./peers/live-pages.js";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    tabs: { type: "string", default: "4" },
    htmx: { type: "string", default: "2" },
  },
});

/** The counts of all tabs and of the server, after a collection of garbage. */
interface Counts {
  nodes: number;
  listeners: number;
  sockets: number;
  streams: number;
  "heap of the pages, KB": number;
  "heap of the server, KB": number;
}

/** How much a count can grow from the first half to the second: noise of the engines, and no leak. */
const maxGrowth: Counts = {
  nodes: 1.02,
  listeners: 1.02,
  sockets: 1,
  streams: 1,
  "heap of the pages, KB": 1.1,
  "heap of the server, KB": 1.1,
};

/** The length of a cycle of disturbances, in seconds. After each the counts are taken. */
const cycle = 30;

const minutes = Number(values.minutes);
if (!(minutes >= 2))
  throw new Error("Give at least --minutes=2: the counts are compared between cycles of half a minute.");

const pages = new LivePages(values.htmx, "memory");
const browser = await launchChromium({});
process.exitCode = 1;
try {
  await pages.start();
  await warmUp();
  await soak(await browser.newContext(), minutes, Number(values.tabs));
} finally {
  await browser.close();
  await pages.remove();
}

async function soak(context: BrowserContext, minutes: number, count: number): Promise<void> {
  const tabs: Page[] = [];
  for (let index = 0; index < count; index += 1) tabs.push(await open(context));
  const samples: Counts[] = [];
  const faults: string[] = [];
  const end = performance.now() + minutes * 60_000;
  for (let second = 1; performance.now() < end; second += 1) {
    await Promise.all([pages.publish(5), wait(1000)]);
    await disturb(context, tabs, second % cycle, faults);
    if (second % cycle !== 0) continue;
    await settled(tabs, await pages.publish(1));
    samples.push(await countAll(context, tabs));
    console.log(JSON.stringify({ second, ...samples.at(-1) }));
  }
  for (const tab of tabs) faults.push(...(await tab.evaluate<string[]>("faults")));
  judge(samples, faults);
}

/** Fills the histories of the feeds and of subscription events, which are bounded, so that only leaks grow later. */
async function warmUp(): Promise<void> {
  await pages.publish(500);
  for (let index = 0; index < 300; index += 1) {
    const streams = Array.from({ length: 20 }, async () => {
      const abort = new AbortController();
      const response = await fetch(`${pages.origin}/.well-known/mercure?topic=a`, { signal: abort.signal });
      await response.body?.getReader().read();
      abort.abort();
    });
    await Promise.all(streams);
  }
}

async function open(context: BrowserContext): Promise<Page> {
  const tab = await context.newPage();
  await tab.goto(pages.origin);
  return tab;
}

/** Something happens at fixed seconds of each cycle. */
async function disturb(context: BrowserContext, tabs: Page[], second: number, faults: string[]): Promise<void> {
  const [tab] = tabs;
  if (tab === undefined) return;
  if (second === 5) await fetch(`${pages.origin}/cut`, { method: "POST" });
  else if (second === 9) for (const each of tabs) await each.evaluate("document.getElementById('extra').remove()");
  else if (second === 11) {
    const insert = "htmx.ajax('GET', '/region', { target: '#box', swap: 'innerHTML' })";
    for (const each of tabs) await each.evaluate(insert);
  } else if (second === 15) {
    faults.push(...(await tab.evaluate<string[]>("faults")));
    await tab.goto(`${pages.origin}/count.js`);
    await tab.goBack({ waitUntil: "commit" });
  } else if (second === 19) tabs.push(await open(context));
  else if (second === 23) {
    tabs.shift();
    faults.push(...(await tab.evaluate<string[]>("faults")));
    await tab.close();
  }
}

/** Waits until each tab shows the last messages, and the server has the streams of these tabs alone. */
async function settled(tabs: readonly Page[], last: Record<string, number>): Promise<void> {
  const isUpToDate = `Object.entries(${JSON.stringify(last)}).every(([feed, number]) => seen[feed] === number)`;
  for (const tab of tabs) await tab.waitForFunction(isUpToDate, undefined, { timeout: 60_000 });
  for (;;) {
    const { streams } = await countServer();
    if (streams === 3 * tabs.length) return;
    await wait(100);
  }
}

async function countServer(): Promise<{ streams: number; sockets: number; heap: number }> {
  return (await (await fetch(`${pages.origin}/counts`)).json()) as { streams: number; sockets: number; heap: number };
}

async function countAll(context: BrowserContext, tabs: readonly Page[]): Promise<Counts> {
  let [nodes, listeners, heap] = [0, 0, 0];
  for (const tab of tabs) {
    const session = await context.newCDPSession(tab);
    await session.send("HeapProfiler.collectGarbage");
    await session.send("Performance.enable");
    const { metrics } = await session.send("Performance.getMetrics");
    const value = (name: string) => metrics.find((metric) => metric.name === name)?.value ?? 0;
    nodes += value("Nodes");
    listeners += value("JSEventListeners");
    heap += value("JSHeapUsedSize");
    await session.detach();
  }
  const server = await countServer();
  return {
    nodes,
    listeners,
    // The connections of this program and of idle requests come and go: the streams' own stay open.
    sockets: server.sockets,
    streams: server.streams,
    "heap of the pages, KB": Math.round(heap / 1024),
    "heap of the server, KB": Math.round(server.heap / 1024),
  };
}

/** Compares the medians of the two halves. The first sample is the warm-up. */
function judge(samples: readonly Counts[], faults: readonly string[]): void {
  const warm = samples.slice(1);
  const middle = Math.floor(warm.length / 2);
  const grown = (Object.keys(maxGrowth) as (keyof Counts)[]).filter((name) => {
    const [before, after] = [warm.slice(0, middle), warm.slice(middle)].map((half) =>
      median(half.map((each) => each[name])),
    );
    console.log(`${name}: ${before} to ${after}`);
    return after! > before! * maxGrowth[name];
  });
  for (const fault of faults) console.log(`fault: ${fault}`);
  for (const name of grown) console.log(`grows: ${name}`);
  process.exitCode = faults.length + grown.length > 0 ? 1 : 0;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
