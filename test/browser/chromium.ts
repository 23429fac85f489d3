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
  // The hosts `www.` and `evil.` belong to one site.
  "--host-resolver-rules=MAP *.example.org 127.0.0.1",
];

/**
 * The time that a page has for each step, in milliseconds: far longer than a busy machine needs, and shorter than the
 * runner's limit, so that a failure names the step.
 */
export const patience = 120_000;

/**
 * A headless Chromium. The test files of an `npm test` run share one, unless a file has options of its own; closing the
 * shared browser closes only the contexts of this file.
 */
export async function launchChromium(options?: LaunchOptions): Promise<Browser> {
  const shared = process.env.CHROMIUM_SERVER;
  const browser = await (shared !== undefined && options === undefined
    ? chromium.connect(shared, { timeout: patience })
    : chromium.launch({ ...launchOptions(), ...options }));
  const newContext = browser.newContext.bind(browser);
  browser.newContext = async (contextOptions) => {
    const context = await newContext(contextOptions);
    context.setDefaultTimeout(patience);
    return context;
  };
  return browser;
}

/**
 * Starts the browser that the files of a run share, and returns its address.
 *
 * @param program - Default: the one of the other browsers.
 */
export function launchSharedChromium(program = executablePath()): Promise<BrowserServer> {
  return chromium.launchServer({ ...launchOptions(), executablePath: program, host: "127.0.0.1" });
}

function launchOptions(): LaunchOptions {
  return { executablePath: executablePath(), args: flags, timeout: patience };
}

/** CHROMIUM names the program; /usr/bin/chromium is the default. */
function executablePath(): string {
  return process.env.CHROMIUM ?? "/usr/bin/chromium";
}

/** A page, with the errors in its console and the exceptions that nobody caught. */
export interface WatchedPage {
  readonly page: Page;
  readonly errors: readonly string[];
}

/** A page in a context of its own, which shares no cookies, storage or cache. */
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
