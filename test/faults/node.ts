import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { bundledProgram } from "../support/bundled-program.js";
import type { TransportChoice } from "./open-transport.js";
import { NodeLog } from "./record.js";

export interface NodeProgramOptions {
  readonly name: string;
  readonly transport: TransportChoice;
  /** The number of publishers that publish one update after the other. */
  readonly publishers: number;
  /** The size of an update's data. Default 100. */
  readonly bytes?: number;
  /** An entry of the node, which the others can see. */
  readonly entry?: string;
  /** The number of topics. Default 8. */
  readonly topics?: number;
}

/** A node in a process of its own, which faults can happen to. */
export class FaultyNode {
  readonly log: NodeLog;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor(options: NodeProgramOptions) {
    this.log = new NodeLog(options.name);
    const program = bundledProgram(new URL("node-program.ts", import.meta.url));
    this.#child = spawn(process.execPath, [program, JSON.stringify(options)], {
      // LMDB prints each failed write to the standard error.
      stdio: ["ignore", "pipe", "pipe"],
    });
    const lines = createInterface({ input: this.#child.stdout! });
    lines.on("line", (line) => this.log.read(line));
    let complaint = "";
    this.#child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      complaint = `${complaint}${text}`.slice(-4000);
    });
    this.#ended = Promise.all([once(this.#child, "close"), once(lines, "close")]).then(([[code, signal]]) => {
      if (code !== 0 && signal !== "SIGKILL")
        throw new Error(`${options.name} ended with ${code ?? signal}: ${complaint}`);
    });
    this.#ended.catch(() => {});
  }

  /** Whether it was killed. */
  get isDead(): boolean {
    return this.#child.signalCode === "SIGKILL";
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Resolves when a condition holds, and rejects when the process ends before. */
  async until(condition: (log: NodeLog) => boolean): Promise<void> {
    const met = new Promise<void>((resolve) => this.log.onLine((log) => condition(log) && resolve()));
    const ended = this.#ended.then(() => {
      if (!condition(this.log)) throw new Error(`${this.log.name} ended too early.`);
    });
    await Promise.race([met, ended]);
  }

  /** Ends the process at once. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  /** Ends the process after its last update. */
  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#ended;
  }

  stall(): void {
    this.#child.kill("SIGSTOP");
  }

  resume(): void {
    this.#child.kill("SIGCONT");
  }
}
