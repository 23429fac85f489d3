import type { Page } from "playwright-core";
import type { FaultProxy } from "./fault-proxy.js";
import type { StreamServer } from "./stream-server.js";

/** A generator of random numbers that is the same for a seed on each machine. */
export function randomFrom(seed: number): (max: number) => number {
  let state = seed;
  return (max) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % max;
  };
}

/** The stage of a scenario: one region of a page that waits behind a proxy. */
export interface Stage {
  readonly page: Page;
  readonly server: StreamServer;
  readonly proxy: FaultProxy;
  /** Renders the region with these items, from the newest position. */
  readonly render: (items: string) => string;
}

/** The functions that a scenario calls in the page. */
const tools = `window.tools = {
  pending: Promise.resolve(),
  feed: () => document.getElementById("feed"),
  show(value) {
    Object.defineProperty(document, "visibilityState", { value, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  },
  take() {
    tools.parked ??= tools.feed();
    tools.parked?.remove();
  },
  giveBack() {
    if (tools.parked) place.append(tools.parked);
    tools.parked = undefined;
  },
  fetchAgain() {
    tools.pending = htmx.ajax("GET", "/region", { target: "#feed", swap: "outerHTML" }).catch(() => {});
  },
  begin(html, seed) {
    Math.random = () => {
      seed = (seed * 16807) % 2147483647;
      return seed / 2147483647;
    };
    place.innerHTML = html;
    htmx.process(document.body);
  },
};`;

/** One run: random disturbances while messages come, and then the texts that the page shows. */
export class Scenario {
  /** The steps so far, for the report of a failure. */
  readonly steps: string[] = [];
  readonly #stage: Stage;
  readonly #random: (max: number) => number;
  readonly #hasIds: boolean;
  #count = 0;

  constructor(stage: Stage, seed: number) {
    this.#stage = stage;
    this.#random = randomFrom(seed);
    this.#hasIds = seed % 2 === 0;
  }

  /** The texts of all messages, in order. */
  get expected(): string[] {
    return Array.from({ length: this.#count }, (_, index) => `${index + 1}`);
  }

  async run(): Promise<void> {
    const { server, render } = this.#stage;
    server.serve("/region", () => ({ status: 200, body: render(this.#items()) }));
    await this.#call(tools);
    await this.#call(`tools.begin(${JSON.stringify(render(""))}, ${this.#random(1_000_000) + 1})`);
    const disturbances = Object.entries(this.#disturbances());
    for (let left = 4 + this.#random(8); left > 0; left -= 1) {
      const [name, disturb] = disturbances[this.#random(disturbances.length)]!;
      this.steps.push(name);
      this.#publish();
      await disturb();
      this.#publish();
      await this.#pass(this.#random(3) === 0 ? 1_000 + this.#random(9_000) : this.#random(400));
    }
    await this.#restore();
  }

  #items(): string {
    return this.expected.map((text) => this.#item(text)).join("");
  }

  #item(text: string): string {
    return this.#hasIds ? `<p id="m${text}">${text}</p>` : `<p>${text}</p>`;
  }

  #publish(): void {
    for (let left = this.#random(3); left > 0; left -= 1) {
      this.#count += 1;
      this.#stage.server.publish(this.#item(`${this.#count}`));
    }
  }

  async #pass(milliseconds: number): Promise<void> {
    this.#stage.server.write(": alive\n\n");
    await this.#stage.page.clock.runFor(milliseconds);
  }

  #call(code: string): Promise<unknown> {
    return this.#stage.page.evaluate(code);
  }

  #disturbances(): Record<string, () => unknown> {
    const { server, proxy } = this.#stage;
    // A connection that had a fault must not serve htmx next.
    const headers = { Connection: "close" };
    const answers = [502, 503, 404, 425, 200].map((status) => ({ status, headers, body: "<h1>proxy</h1>" }));
    return {
      nothing: () => {},
      cut: () => proxy.cut(),
      "planned end": () => server.cut("end"),
      silence: () => proxy.silence(),
      stall: () => proxy.stall(),
      release: () => proxy.release(),
      refuse: () => {
        proxy.expect(...Array.from({ length: 1 + this.#random(3) }, () => ({ kind: "refuse" }) as const));
        proxy.cut();
      },
      truncate: () => {
        proxy.expect({ kind: "truncate", bytes: 1 + this.#random(400) });
        proxy.cut();
      },
      "slow answer": () => {
        proxy.expect({ kind: "stall" });
        proxy.cut();
      },
      "answer of a proxy": () => {
        server.refuse(answers[this.#random(answers.length)]!);
        server.cut();
      },
      hide: () => this.#call("tools.show('hidden')"),
      show: () => this.#call("tools.show('visible')"),
      offline: () => {
        proxy.silence();
        return this.#call("dispatchEvent(new Event('offline'))");
      },
      online: () => {
        proxy.heal();
        return this.#call("dispatchEvent(new Event('online'))");
      },
      freeze: async () => {
        const session = await this.#stage.page.context().newCDPSession(this.#stage.page);
        await session.send("Page.setWebLifecycleState", { state: "frozen" });
        this.#publish();
        proxy.silence();
        await session.send("Page.setWebLifecycleState", { state: "active" });
        await session.detach();
      },
      leave: () => this.#call("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))"),
      return: () => this.#call("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))"),
      take: () => this.#call("tools.take()"),
      "give back": () => this.#call("tools.giveBack()"),
      move: () => this.#call("tools.parked || place.append(tools.feed())"),
      process: () => this.#call("htmx.process(document.body)"),
      "fetch again": () => this.#call("void (tools.parked || tools.fetchAgain())"),
    };
  }

  /** Ends all disturbances. */
  async #restore(): Promise<void> {
    const { server, proxy } = this.#stage;
    proxy.heal();
    server.refuse();
    await this.#call("tools.giveBack(); tools.show('visible')");
    await this.#call("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))");
    await this.#call("dispatchEvent(new Event('online'))");
    this.#count += 1;
    server.publish(this.#item(`${this.#count}`));
  }
}
