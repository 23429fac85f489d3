import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { after, before, describe, type TestContext, test } from "node:test";
import type { Browser, BrowserContext, Page } from "playwright-core";
import type { MercureOptions, PublishOptions } from "../../src/index.js";
import type { Clock } from "../../src/shared/clock.js";
import { type Application, application } from "../support/application.js";
import { htmxLines } from "../support/depth.js";
import { ManualClock } from "../support/manual-clock.js";
import { until } from "../support/until.js";
import { launchChromium } from "./chromium.js";

let browser: Browser;
/**
 * The whole Chromium, with its back/forward cache, for tabs that are left, closed or frozen. It opens pages more slowly
 * than the browser that the test files share.
 */
let whole: Promise<Browser> | undefined;

before(async () => {
  browser = await launchChromium();
});

after(async () => {
  await Promise.all([browser.close(), whole?.then((opened) => opened.close())]);
});

function wholeChromium(): Promise<Browser> {
  whole ??= launchChromium({ ignoreDefaultArgs: ["--disable-back-forward-cache"] });
  return whole;
}

/** An application whose pages show what they receive, and a browser with one set of cookies. */
class Lab {
  readonly app: Application;
  readonly context: BrowserContext;
  readonly errors: string[] = [];
  /** The paths of the open requests to the hub. */
  readonly carriers: Set<object>;
  /** Lets the requests to the hub pass that are held back. Undefined while all pass. */
  release: (() => void) | undefined;
  /** The number of requests that are held back. */
  held = 0;
  #gate: Promise<void> | undefined;
  /** The page that has made the last request to the hub. */
  leader: Page | undefined;
  origin = "";
  #count = 0;

  static async start(
    t: TestContext,
    body: string,
    options: MercureOptions = {},
    clock?: Clock,
    from = browser,
  ): Promise<Lab> {
    const context = await from.newContext();
    t.after(() => context.close());
    const carriers = new Set<object>();
    const app = application(t, {}, options, {
      ...(clock !== undefined && { clock }),
      before: (express) => {
        express.use((req, res, next) => {
          if (req.path.startsWith("/.well-known/mercure") && !req.path.endsWith("renewal")) {
            carriers.add(res);
            res.once("close", () => carriers.delete(res));
            void lab.pass().then(() => next());
          } else next();
        });
      },
    });
    const lab = new Lab(app, context, carriers);
    const { kit } = app;
    app.app.get("/favicon.ico", (_req, res) => void res.sendStatus(204));
    app.app.post("/post", (req, res) => {
      void kit.sse.publish("feed", `<p>${String(req.query.text)}</p>`).then(() => res.sendStatus(204));
    });
    app.app.get("/away", (_req, res) => void res.send("<!doctype html><title>away</title>"));
    app.app.get("/", (req, res) => {
      const page = `<!doctype html><title>x</title>{{ mercure_scripts() }}${body}`;
      res.send(kit.withResponse(res, () => kit.environment.renderString(page, { query: req.query })));
    });
    lab.origin = await app.listen();
    return lab;
  }

  constructor(app: Application, context: BrowserContext, carriers: Set<object>) {
    this.app = app;
    this.context = context;
    this.carriers = carriers;
  }

  /** Holds back all requests to the hub from now on. */
  hold(): void {
    this.#gate = new Promise((resolve) => {
      this.release = () => {
        this.#gate = undefined;
        this.held = 0;
        resolve();
      };
    });
  }

  async pass(): Promise<void> {
    if (this.#gate !== undefined) this.held += 1;
    await this.#gate;
  }

  async open(path = "/", hasClock = false): Promise<Page> {
    const page = await this.context.newPage();
    if (hasClock) await page.clock.install();
    const name = `page ${this.context.pages().length}`;
    names.set(page, name);
    page.on("pageerror", (error) => this.errors.push(`${name}: ${error}`));
    page.on("console", (message) => {
      if (message.type() === "error") this.errors.push(`${name}: ${message.text()}`);
    });
    page.on("request", (request) => {
      if (request.url().includes("/.well-known/mercure")) this.leader = page;
    });
    await page.goto(this.origin + path, { waitUntil: "domcontentloaded" });
    return page;
  }

  async tabs(count: number, path = "/"): Promise<Page[]> {
    const pages: Page[] = [];
    for (let index = 0; index < count; index += 1) pages.push(await this.open(path));
    return pages;
  }

  /** Publishes messages with increasing numbers. Returns their texts. */
  async publish(count: number, topic = "feed", options: PublishOptions = {}): Promise<string[]> {
    const texts = Array.from({ length: count }, () => `${++this.#count}`);
    for (const text of texts) await this.app.kit.sse.publish(topic, `<p>${text}</p>`, options);
    return texts;
  }

  /** Resolves when the hub has so many streams, on so many connections. */
  async settled(streams: number, connections = 1): Promise<void> {
    await until(() => this.app.kit.hub.connections === streams && this.carriers.size === connections);
  }
}

/** The names of pages in messages: a number in the order of their start. */
const names = new WeakMap<Page, string>();

/** Waits until the pages have exactly these items, each once and in order. The step is for the message of a failure. */
async function show(pages: readonly Page[], texts: readonly string[], step = "", selector = "p"): Promise<void> {
  for (const page of pages) {
    const seen = () => page.locator(selector).allTextContents();
    await until(async () => (await seen()).length >= texts.length);
    const items = await seen();
    const where = [step, names.get(page), selector].filter(Boolean).join(", ");
    assert.deepEqual(items, texts, `${where} shows ${items.join(" ")}\ninstead of ${texts.join(" ")}`);
  }
}

/** Makes the wait for a leader that has accepted a stream short: 30 seconds for the hub, and 2 for the leader. */
function shortWait(): void {
  const { setTimeout } = window;
  window.setTimeout = ((callback: () => void, delay: number) =>
    setTimeout(callback, delay === 32_000 ? 2_000 : delay)) as typeof window.setTimeout;
}

/** Makes a page believe that it is hidden, or seen. */
async function setHidden(page: Page, isHidden: boolean): Promise<void> {
  await page.evaluate(`Object.defineProperty(document, "visibilityState", {
    configurable: true, get: () => "${isHidden ? "hidden" : "visible"}",
  });
  document.dispatchEvent(new Event("visibilitychange"));`);
}

/** Lets a page call `holdLosses`, which holds back the notices of lost locks from it until it calls `passLosses`. */
const lateLosses = `{
  const { request } = LockManager.prototype;
  let passed;
  window.holdLosses = () => {
    passed = new Promise((resolve) => { window.passLosses = resolve; });
  };
  LockManager.prototype.request = function (...parameters) {
    return request.apply(this, parameters).catch(async (error) => {
      await passed;
      throw error;
    });
  };
}`;

const feed = '<% MercureStream topic="feed" id="s" %>';

for (const htmx of htmxLines) {
  describe(`on htmx ${htmx}, over HTTP/1.1`, () => {
    test("20 tabs are live over one connection, and can post", async (t) => {
      const lab = await Lab.start(t, feed, { htmx });
      const pages = await lab.tabs(20);
      await lab.settled(20);
      const texts = await lab.publish(5);
      await show(pages, texts);
      for (const [index, page] of pages.entries()) {
        const send = async (url: string) => (await fetch(url, { method: "POST" })).status;
        assert.equal(await page.evaluate(send, `/post?text=post${index}`), 204);
        texts.push(`post${index}`);
      }
      await show(pages, texts);
      assert.deepEqual(lab.errors, []);
    });

    test("tabs miss and repeat nothing when the one with the connection is closed, left, hidden or frozen", async (t) => {
      const options: MercureOptions = { htmx, hub: { keepaliveInterval: 1 } };
      const lab = await Lab.start(t, feed, options, undefined, await wholeChromium());
      let live = await lab.tabs(5);
      await lab.settled(5);
      const texts = await lab.publish(2);
      const changes: ((page: Page) => Promise<unknown>)[] = [
        (page) => page.close(),
        (page) => page.goto(`${lab.origin}/away`),
        (page) => setHidden(page, true),
        async (page) => {
          const session = await lab.context.newCDPSession(page);
          await session.send("Page.setWebLifecycleState", { state: "frozen" });
        },
      ];
      for (const [index, change] of changes.entries()) {
        const { leader } = lab;
        assert.ok(leader && live.includes(leader));
        const rest = live.filter((page) => page !== leader);
        texts.push(...(await lab.publish(1)));
        await change(leader);
        texts.push(...(await lab.publish(2)));
        // A hidden tab continues, and a frozen one can keep its connection for a while.
        if (index < 3) await until(() => rest.includes(lab.leader!));
        if (index < 2) await lab.settled(rest.length);
        texts.push(...(await lab.publish(2)));
        await show(index === 2 ? live : rest, texts, `after change ${index}`);
        live = index === 2 ? live : rest;
      }
      assert.deepEqual(lab.errors, []);
    });

    // The notice of a lost lock can come after the calls of the tabs, which then see two leaders.
    test("tabs miss and repeat nothing while the last leader has not heard of its loss", async (t) => {
      const lab = await Lab.start(t, feed, { htmx });
      await lab.context.addInitScript(lateLosses);
      const pages = await lab.tabs(4);
      await lab.settled(4);
      const texts = await lab.publish(2);
      await show(pages, texts);
      const last = lab.leader!;
      // Two tabs can take the lead at once, and the first of them must learn that it has lost it.
      await last.evaluate("holdLosses()");
      await setHidden(last, true);
      await until(() => lab.leader !== last);
      texts.push(...(await lab.publish(2)));
      await show(pages, texts);
      await lab.settled(4, 2);
      await last.evaluate("passLosses()");
      await lab.settled(4);
      texts.push(...(await lab.publish(2)));
      await show(pages, texts);
      assert.deepEqual(lab.errors, []);
    });

    // A leader that has not heard of its loss can ask once more, for streams that the next one reads. The hub ends the
    // connection with the lower number.
    test("the next leader asks for each stream with a higher number than the last one", async (t) => {
      const lab = await Lab.start(t, feed, { htmx });
      const numbers = new Map<Page, Map<string, number>>();
      lab.context.on("request", (request) => {
        const page = request.frame().page();
        const asked = numbers.get(page) ?? new Map<string, number>();
        const fields = decodeURIComponent(`${request.url()} ${request.postData()}`);
        for (const [, key, number] of fields.matchAll(/stream=(\w{32})\.(\d+)/g)) asked.set(key!, Number(number));
        numbers.set(page, asked);
      });
      const pages = await lab.tabs(2);
      const askedForBoth = () => pages.filter((page) => numbers.get(page)?.size === 2);
      await until(() => askedForBoth().length === 1);
      const [last] = askedForBoth() as [Page];
      const next = pages.find((page) => page !== last)!;
      const before = new Map(numbers.get(last));
      await setHidden(last, true);
      await until(() => askedForBoth().length === 2);
      for (const [key, number] of numbers.get(next)!)
        assert.ok(number > before.get(key)!, `${number} after ${before.get(key)}`);
    });

    // The tab with the connection stops in the middle, as on a phone that freezes it silently.
    test("tabs take the lead from one that has stopped, which follows them when it continues", async (t) => {
      const lab = await Lab.start(t, feed, { htmx, hub: { keepaliveInterval: 1 } });
      const pages = await lab.tabs(3);
      await lab.settled(3);
      const texts = await lab.publish(1);
      await show(pages, texts);
      const frozen = lab.leader!;
      const rest = pages.filter((page) => page !== frozen);
      const session = await lab.context.newCDPSession(frozen);
      await session.send("Debugger.enable");
      const paused = new Promise((resolve) => session.once("Debugger.paused", resolve));
      await session.send("Debugger.pause");
      // The next bytes of the stream run code in the page, and it stops there.
      texts.push(...(await lab.publish(2)));
      await paused;
      await until(() => rest.includes(lab.leader!));
      texts.push(...(await lab.publish(1)));
      await show(rest, texts);
      await session.send("Debugger.disable");
      texts.push(...(await lab.publish(1)));
      await show(pages, texts);
      await lab.settled(3);
      assert.deepEqual(lab.errors, []);
    });

    test("a tab takes the lead from one that has accepted its stream and stops before it opens", async (t) => {
      const lab = await Lab.start(t, feed, { htmx });
      const first = await lab.open();
      await lab.settled(1);
      lab.hold();
      await lab.context.addInitScript(shortWait);
      const second = await lab.open();
      await until(() => lab.held === 1);
      assert.equal(lab.leader, first);
      const session = await lab.context.newCDPSession(first);
      await session.send("Debugger.enable");
      const paused = new Promise((resolve) => session.once("Debugger.paused", resolve));
      await session.send("Debugger.pause");
      const texts = await lab.publish(1);
      await paused;
      lab.release!();
      await until(() => lab.leader === second);
      texts.push(...(await lab.publish(1)));
      await show([second], texts);
      await session.send("Debugger.disable");
      await show([first], texts);
      await lab.settled(2);
      assert.deepEqual(lab.errors, []);
    });

    test("a frozen tab that continues joins once, with one lock of its own", async (t) => {
      const lab = await Lab.start(t, feed, { htmx, hub: { keepaliveInterval: 1 } });
      const [first, second] = (await lab.tabs(2)) as [Page, Page];
      await lab.settled(2);
      const texts = await lab.publish(1);
      await show([first, second], texts);
      const session = await lab.context.newCDPSession(first);
      await session.send("Page.setWebLifecycleState", { state: "frozen" });
      texts.push(...(await lab.publish(1)));
      await show([second], texts);
      await session.send("Page.setWebLifecycleState", { state: "active" });
      texts.push(...(await lab.publish(1)));
      await show([first, second], texts);
      await lab.settled(2);
      // One lock for each tab, and one for the lead.
      await until(async () => (await second.evaluate(async () => (await navigator.locks.query()).held?.length)) === 3);
      assert.deepEqual(lab.errors, []);
    });

    test("a stream uses the last connection until the next has opened, even for updates without history", async (t) => {
      const lab = await Lab.start(t, feed, { htmx });
      const first = await lab.open();
      await lab.settled(1);
      lab.hold();
      const second = await lab.open();
      await until(() => lab.held === 1);
      const kept = await lab.publish(1);
      const passing = await lab.publish(1, "feed", { keep: false });
      kept.push(...(await lab.publish(1)));
      await show([first], [kept[0]!, ...passing, kept[1]!]);
      assert.equal(lab.carriers.size, 2);
      lab.release!();
      await lab.settled(2);
      const later = await lab.publish(1);
      await show([first], [kept[0]!, ...passing, kept[1]!, ...later]);
      await show([second], [...kept, ...later]);
      assert.deepEqual(lab.errors, []);
    });

    test("a person stays present without a grace period when other tabs join, take the lead and close", async (t) => {
      const body = '<% MercureStream topic="feed" id="s" private %>';
      const options = { htmx, presenceGrace: 0, payloadGetter: () => ({ id: "ada" }) };
      // The hub's clock stands, so the tabs can take as long as they need to continue on another connection.
      const clock = new ManualClock();
      const lab = await Lab.start(t, body, options, clock, await wholeChromium());
      const changes: boolean[] = [];
      lab.app.kit.hub.onSubscription(({ active }) => changes.push(active));
      const connections = () => lab.app.kit.sse.presence("feed")[0]?.connections;
      /** Lets the hub hear of the connections that the pages have closed. */
      const settle = async (page: Page) => {
        await until(() => lab.held > 0);
        assert.equal(await page.evaluate(async () => (await fetch("/away")).status), 200);
      };
      const [first, second] = (await lab.tabs(2)) as [Page, Page];
      await lab.settled(2);
      lab.hold();
      const third = await lab.open();
      await settle(first);
      assert.equal(connections(), 2);
      lab.release!();
      await lab.settled(3);

      assert.equal(lab.leader, first);
      const [last] = lab.carriers;
      lab.hold();
      await setHidden(first, true);
      await settle(first);
      assert.equal(connections(), 3);
      const texts = await lab.publish(1, "feed", { private: true, keep: false });
      await show([first, second, third], texts);
      lab.release!();
      await until(() => !lab.carriers.has(last!));
      await lab.settled(3);

      texts.push(...(await lab.publish(1, "feed", { private: true })));
      await show([first, second, third], texts);
      assert.deepEqual(changes, [true, true, true], "one event for each tab that comes");

      const leader = lab.leader!;
      const [carrier] = lab.carriers;
      await leader.close();
      const rest = [first, second, third].filter((page) => page !== leader);
      await until(() => lab.carriers.size === 1 && !lab.carriers.has(carrier!));
      texts.push(...(await lab.publish(1, "feed", { private: true })));
      await show(rest, texts);
      clock.advance(2);
      await lab.settled(2);
      await until(() => connections() === 2);
      assert.deepEqual(changes, [true, true, true, false], "one event for the tab that has closed");
      assert.deepEqual(lab.errors, []);
    });

    test("tabs live below a limit of the hub that counts the streams of the last connection too", async (t) => {
      const lab = await Lab.start(t, feed, { htmx, hub: { maxConnectionsPerAddress: 4 } });
      const pages = await lab.tabs(4);
      await lab.settled(4);
      await show(pages, await lab.publish(2));
    });

    test("hidden tabs that pause leave the connection to the others, and resume from their positions", async (t) => {
      const lab = await Lab.start(t, feed, { htmx, pauseHiddenAfter: 1 });
      const pages = await lab.tabs(3);
      await lab.settled(3);
      const texts = await lab.publish(1);
      await show(pages, texts);
      const [seen, ...hidden] = pages.toSorted((a, b) => Number(a === lab.leader) - Number(b === lab.leader)) as [
        Page,
        Page,
        Page,
      ];
      for (const page of hidden) await setHidden(page, true);
      for (const page of hidden) await page.locator("#s[data-mercure-state=paused]").waitFor({ state: "attached" });
      await lab.settled(1);
      const missed = await lab.publish(2);
      await show([seen], [...texts, ...missed]);
      for (const page of hidden) {
        assert.deepEqual(await page.locator("p").allTextContents(), texts);
        await setHidden(page, false);
      }
      texts.push(...missed, ...(await lab.publish(1)));
      await show(pages, texts);
      await lab.settled(3);
      assert.deepEqual(lab.errors, []);
    });

    test("streams have connections of their own behind a proxy that holds back the answer to a POST", async (t) => {
      const lab = await Lab.start(t, `${feed}<% MercureStream topic="other" id="o" %>`, { htmx });
      let posts = 0;
      await lab.context.route("**/streams", () => {
        posts += 1;
      });
      const page = await lab.open("/", true);
      await until(() => posts === 1);
      await page.clock.fastForward(30_000);
      await lab.settled(2, 2);
      await show([page], await lab.publish(2));
      assert.equal(posts, 1);
      assert.deepEqual(lab.errors, []);
    });

    // A proxy answers so while it has no server, as in a deployment.
    test("streams share again after refusals, and miss and repeat nothing", async (t) => {
      const other = '<% MercureStream topic="feed" id="o" %><% MercureStream topic="feed" id="p" %>';
      const lab = await Lab.start(t, `${feed}${other}`, { htmx });
      // The delays before the next attempts are random. These are the shortest ones.
      await lab.context.addInitScript("Math.random = () => 0");
      const refusals = [405];
      await lab.context.route("**/streams", (route) => {
        const status = refusals.shift();
        return status === undefined ? route.continue() : route.fulfill({ status });
      });
      const page = await lab.open("/", true);
      await lab.settled(3, 3);
      const texts = await lab.publish(1);
      const showAll = () => show([page], [...texts, ...texts, ...texts]);
      await showAll();
      // The first refusal gives each stream a connection of its own, for a time.
      await page.clock.fastForward(30_000);
      await lab.settled(3);
      texts.push(...(await lab.publish(1)));
      await showAll();
      // Streams that have shared a connection bear two refusals.
      refusals.push(404, 403);
      for (const carrier of lab.carriers) (carrier as ServerResponse).destroy();
      texts.push(...(await lab.publish(1)));
      await until(() => refusals.length === 0);
      await lab.settled(3);
      await showAll();
      // After more refusals, they share when their own connections break.
      refusals.push(404, 404, 404);
      for (const carrier of lab.carriers) (carrier as ServerResponse).destroy();
      await until(() => refusals.length === 0);
      await lab.settled(3, 3);
      for (const carrier of lab.carriers) (carrier as ServerResponse).destroy();
      texts.push(...(await lab.publish(1)));
      await lab.settled(3);
      await showAll();
      const unexpected = lab.errors.filter((error) => !/status of 40[345]|ERR_INCOMPLETE|reconnects in/.test(error));
      assert.deepEqual(unexpected, []);
    });

    const denials = {
      locks: 'LockManager.prototype.request = () => Promise.reject(new DOMException("denied", "SecurityError"));',
      channels: 'window.BroadcastChannel = function () { throw new DOMException("denied", "SecurityError"); };',
      storage: `for (const name of ["localStorage", "sessionStorage"])
        Object.defineProperty(window, name, { get() { throw new DOMException("denied", "SecurityError"); } });`,
    };
    for (const [name, script] of Object.entries({ ...denials, all: Object.values(denials).join("") })) {
      test(`tabs are live where the browser denies them ${name}, as it does where it blocks cookies`, async (t) => {
        const lab = await Lab.start(t, feed, { htmx });
        await lab.context.addInitScript(script);
        const pages = await lab.tabs(2);
        await until(() => lab.app.kit.hub.connections === 2);
        await show(pages, await lab.publish(2));
        assert.deepEqual(lab.errors, []);
      });
    }

    test("a tab that comes out of the back/forward cache joins again, and has missed nothing", async (t) => {
      const lab = await Lab.start(t, feed, { htmx }, undefined, await wholeChromium());
      const [first, second] = (await lab.tabs(2)) as [Page, Page];
      await lab.settled(2);
      const texts = await lab.publish(1);
      await show([first, second], texts);
      await first.evaluate("window.isSame = true");
      await first.goto(`${lab.origin}/away`);
      texts.push(...(await lab.publish(1)));
      await lab.settled(1);
      await show([second], texts);
      await first.goBack({ waitUntil: "commit" });
      assert.equal(await first.evaluate("window.isSame"), true);
      texts.push(...(await lab.publish(1)));
      await lab.settled(2);
      await show([first, second], texts);
      assert.deepEqual(lab.errors, []);
    });

    test("the streams of a page share one connection, which they join and leave without a gap", async (t) => {
      const stream = (n: number) => `<% MercureStream topic="t${n}" id="s${n}" %>`;
      const body = Array.from({ length: 8 }, (_, n) => stream(n)).join("");
      const lab = await Lab.start(t, `${body}<% MercureStream topic="secret" id="private" private %>`, { htmx });
      const page = await lab.open();
      await lab.settled(9);
      assert.equal(await page.evaluate(async () => (await fetch("/favicon.ico")).status), 204);
      const expected = Array.from({ length: 8 }, () => [] as string[]);
      for (let round = 0; round < 3; round += 1) {
        const ids = expected.flatMap((_, n) => (round === 0 || n % 2 === 0 ? [n] : []));
        for (const n of ids) expected[n]!.push(...(await lab.publish(1, `t${n}`)));
        if (round === 0)
          await page.evaluate(() => {
            for (const n of [1, 3, 5, 7]) document.getElementById(`s${n}`)?.remove();
          });
      }
      for (const n of [0, 2, 4, 6]) await show([page], expected[n]!, `topic t${n}`, `#s${n} p`);
      await lab.settled(5);
      const secret = await lab.publish(2, "secret", { private: true });
      await show([page], secret, "private topic", "#private p");
      assert.deepEqual(lab.errors, []);
    });

    // Bob signs in where Ada's tab is still open. A connection of Ada's page would show her what Bob receives.
    test("the private streams of two viewers never share a connection, and a sign-out ends those of one", async (t) => {
      const subjectGetter: MercureOptions["subjectGetter"] = (req) => /user=(\w+)/.exec(req?.headers.cookie ?? "")?.[1];
      const body = '<% MercureStream topic="feed" id="s" private %>';
      const lab = await Lab.start(t, body, { htmx, subjectGetter });
      const signIn = (value: string) => lab.context.addCookies([{ name: "user", value, url: lab.origin }]);
      await signIn("ada");
      const ada = await lab.tabs(4);
      await lab.settled(4);
      await signIn("bob");
      const bob = await lab.tabs(4);
      await lab.settled(8, 2);
      const texts = await lab.publish(2, "feed", { private: true });
      await show([...ada, ...bob], texts);
      await lab.app.kit.sse.disconnect({ subject: "ada" });
      await lab.settled(4);
      const later = await lab.publish(2, "feed", { private: true });
      await show(bob, [...texts, ...later]);
      await show(ada, texts);
    });
  });
}

test("the option shareConnections: false gives each stream a connection of its own", async (t) => {
  const lab = await Lab.start(t, `${feed}<% MercureStream topic="other" id="o" %>`, { shareConnections: false });
  const page = await lab.open();
  await lab.settled(2, 2);
  await show([page], await lab.publish(1));
});
