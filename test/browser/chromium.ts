import {
  type Browser,
  type BrowserContextOptions,
  type BrowserServer,
  chromium,
  type LaunchOptions,
  type Page,
} from "playwright-core";

const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/**
 * A headless Chromium. A file that `npm test` runs without options of its own shares the one of the whole run; closing
 * the browser then closes only the contexts of this file.
 */
export function launchChromium(options?: LaunchOptions): Promise<Browser> {
  const shared = process.env.CHROMIUM_SERVER;
  if (shared !== undefined && options === undefined) return chromium.connect(shared);
  return chromium.launch({ ...launchOptions(), ...options });
}

/** Starts the browser that the files of a run share, and gives the address at which they find it. */
export function launchSharedChromium(): Promise<BrowserServer> {
  return chromium.launchServer({ ...launchOptions(), host: "127.0.0.1" });
}

/** CHROMIUM names the program; /usr/bin/chromium is the default. */
function launchOptions(): LaunchOptions {
  return { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: flags };
}

/** A page, and what went wrong in it: errors in its console and exceptions that nobody caught. */
export interface WatchedPage {
  readonly page: Page;
  readonly errors: readonly string[];
}

/** A page in a context of its own, with no cookies, storage or cache of another. */
export async function newWatchedPage(browser: Browser, options?: BrowserContextOptions): Promise<WatchedPage> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  page.on("pageerror", (error) => errors.push(String(error)));
  return { page, errors };
}
