import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Child, startNode } from "../harness/child.js";

/** An application with live pages, which can be stopped and started again at its port. */
export class LivePages {
  readonly #htmx: string;
  readonly #folder: string | undefined;
  #child: Child | undefined;
  port = 0;

  /** @param history - Where its updates are. Those on the disk survive a restart. */
  constructor(htmx: string, history: "disk" | "memory") {
    this.#htmx = htmx;
    if (history === "disk") this.#folder = mkdtempSync(join(tmpdir(), "live-pages-"));
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#child!.pid;
  }

  /**
   * @param last - The number of the last publication before the start.
   * @param missed - The number of publications that it makes before it listens.
   */
  async start(last = 0, missed = 0): Promise<void> {
    const args = [this.#htmx, this.#folder ?? "", this.port, last, missed].map(String);
    const script = new URL("../servers/live-pages.ts", import.meta.url);
    const env = { NODE_OPTIONS: "--expose-gc", SECRET_KEY: "s".repeat(32) };
    this.#child = await startNode(script, args, /listening on port (\d+)\./, env);
    this.port = Number(this.#child.announced);
  }

  async stop(): Promise<void> {
    await this.#child?.stop();
  }

  /** Publishes on each feed. Returns the last number of each. */
  async publish(count: number): Promise<Record<string, number>> {
    const response = await fetch(`${this.origin}/publish?count=${count}`, { method: "POST" });
    return (await response.json()) as Record<string, number>;
  }

  async remove(): Promise<void> {
    await this.stop();
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }
}
