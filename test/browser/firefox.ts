import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

const program = process.env.FIREFOX ?? "firefox-esr";

/** The reason to skip tests with Firefox, or false where it is installed. */
export const withoutFirefox =
  spawnSync(program, ["--version"], { stdio: "ignore" }).status === 0 ? false : `${program} is not installed`;

/** A headless Firefox, driven by its own protocol, Marionette. */
export class Firefox {
  readonly #process: ChildProcess;
  readonly #profile: string;
  readonly #socket: Socket;
  readonly #answers = new Map<number, (answer: [error: object | null, result: unknown]) => void>();
  #received = Buffer.alloc(0);
  #count = 0;

  private constructor(process: ChildProcess, profile: string, socket: Socket) {
    this.#process = process;
    this.#profile = profile;
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("error", () => {});
  }

  static async launch(): Promise<Firefox> {
    const profile = await mkdtemp(join(tmpdir(), "firefox-"));
    await writeFile(join(profile, "user.js"), 'user_pref("marionette.port", 0);\n');
    const process = spawn(program, ["--headless", "--marionette", "--no-remote", "--profile", profile], {
      stdio: "ignore",
    });
    // Firefox writes the port that it has chosen.
    let port = "";
    while (port === "") {
      if (process.exitCode !== null) throw new Error("Firefox ended before it could be driven.");
      port = await readFile(join(profile, "MarionetteActivePort"), "utf8").catch(() => "");
      await setTimeout(20);
    }
    const socket = connect(Number(port), "127.0.0.1");
    await once(socket, "connect");
    const firefox = new Firefox(process, profile, socket);
    await firefox.#call("WebDriver:NewSession", { capabilities: { alwaysMatch: { pageLoadStrategy: "eager" } } });
    return firefox;
  }

  async goto(url: string): Promise<void> {
    await this.#call("WebDriver:Navigate", { url });
  }

  /** Runs a script in the page, and returns its result. */
  async evaluate(script: string): Promise<unknown> {
    const { value } = (await this.#call("WebDriver:ExecuteScript", { script, args: [], sandbox: null })) as {
      value: unknown;
    };
    return value;
  }

  async close(): Promise<void> {
    const ended = once(this.#process, "exit");
    this.#socket.destroy();
    this.#process.kill("SIGKILL");
    await ended;
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  async #call(command: string, parameters: object): Promise<unknown> {
    const id = ++this.#count;
    const text = JSON.stringify([0, id, command, parameters]);
    const answer = new Promise<[error: object | null, result: unknown]>((resolve) => this.#answers.set(id, resolve));
    this.#socket.write(`${Buffer.byteLength(text)}:${text}`);
    const [error, result] = await answer;
    if (error) throw new Error(`${command}: ${JSON.stringify(error).slice(0, 500)}`);
    return result;
  }

  /** Each packet is its length, a colon and JSON. The first one is a greeting. */
  #receive(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    for (;;) {
      const colon = this.#received.indexOf(":");
      const length = Number(this.#received.subarray(0, Math.max(0, colon)).toString());
      if (colon < 0 || this.#received.length < colon + 1 + length) return;
      const packet: unknown = JSON.parse(this.#received.subarray(colon + 1, colon + 1 + length).toString());
      this.#received = this.#received.subarray(colon + 1 + length);
      if (!Array.isArray(packet)) continue;
      const [, id, error, result] = packet as [number, number, object | null, unknown];
      this.#answers.get(id)?.([error, result]);
      this.#answers.delete(id);
    }
  }
}
